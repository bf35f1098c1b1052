// The interface to a payment gateway.
import type { IdempotencyKey } from '../domain/ids.js'
import type { Money } from '../domain/money.js'

export interface Charge {
  readonly key: IdempotencyKey
  readonly amount: Money
}

export type ChargeOutcome =
  | { readonly status: 'captured'; readonly reference: string }
  | { readonly status: 'declined'; readonly message: string }
  /** The charge may or may not have succeeded: retry it with the same key. */
  | { readonly status: 'unknown'; readonly message: string }

export interface Gateway {
  /**
   * Charges the amount, at most once per key. A repeated call with the same key returns the same outcome.
   *
   * @param timeoutMs time limit; after it, or after an error, the outcome is unknown
   */
  charge(charge: Charge, timeoutMs: number): Promise<ChargeOutcome>
}
