// The interface to a payment gateway.
import type { IdempotencyKey } from '../domain/ids.js'
import type { Money } from '../domain/money.js'

/** Why an outcome is unknown, and when it may be asked again. */
export interface Unknown {
  /** The charge may or may not have succeeded: ask again with the same key. */
  readonly status: 'unknown'
  readonly message: string
  /** As the provider asks (`Retry-After`), in milliseconds. */
  readonly retryAfterMs?: number | undefined
}

export interface Charge {
  readonly key: IdempotencyKey
  readonly amount: Money
  /** For the provider's records. */
  readonly order?: { readonly source: string; readonly reference: string; readonly customer: string }
}

export type ChargeOutcome =
  | { readonly status: 'captured'; readonly reference: string }
  | { readonly status: 'declined'; readonly message: string }
  | Unknown

export interface Refund {
  readonly key: IdempotencyKey
  /** The captured charge, by its key and the gateway's reference. */
  readonly charge: { readonly key: IdempotencyKey; readonly reference: string }
  readonly amount: Money
}

export type RefundOutcome =
  | { readonly status: 'refunded'; readonly reference: string }
  | { readonly status: 'declined'; readonly message: string }
  | Unknown

/** `none`: the gateway knows no such key. `unsupported`: it cannot look keys up. */
export type LookUp<Outcome> = Outcome | { readonly status: 'none' } | { readonly status: 'unsupported' }

export interface Gateway {
  /**
   * Charges the amount, at most once per key. A repeated call with the same key returns the same outcome.
   *
   * @param timeoutMs time limit; after it, or after an error, the outcome is unknown
   */
  charge(charge: Charge, timeoutMs: number): Promise<ChargeOutcome>
  /** What became of a charge. Needed for keys that the gateway may have forgotten. */
  lookUpCharge(key: IdempotencyKey, timeoutMs: number): Promise<LookUp<ChargeOutcome>>
  /** Gives back a part of a captured charge, at most once per key. */
  refund(refund: Refund, timeoutMs: number): Promise<RefundOutcome>
  lookUpRefund(key: IdempotencyKey, timeoutMs: number): Promise<LookUp<RefundOutcome>>
}
