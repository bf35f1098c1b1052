// Who takes the money, as the workflow sees it.
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
   * Rejects, or heeds the signal, where no answer is to be had: the outcome then counts as unknown.
   */
  charge(charge: Charge, signal: AbortSignal): Promise<ChargeOutcome>
}
