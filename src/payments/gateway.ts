// The payment gateway, as the workflow sees it.
import type { IdempotencyKey } from '../domain/ids.js'
import type { Money } from '../domain/money.js'

export interface Charge {
  readonly key: IdempotencyKey
  readonly amount: Money
}

export type ChargeOutcome =
  | { readonly status: 'captured'; readonly reference: string }
  | { readonly status: 'declined'; readonly message: string }
  /** The money may or may not have been taken: the same key must be asked again. */
  | { readonly status: 'unknown'; readonly message: string }

export interface Gateway {
  /**
   * Takes the amount, once for each key: asked again with the same key, it gives the same answer.
   *
   * @param timeoutMs when to stop waiting; without an answer by then, or with an error, the outcome is unknown
   */
  charge(charge: Charge, timeoutMs: number): Promise<ChargeOutcome>
}
