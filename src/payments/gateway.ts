// The interface to a payment gateway.
import type { IdempotencyKey } from '../domain/ids.js'
import type { LeaseEnd } from '../domain/lease-end.js'
import type { Money } from '../domain/money.js'
import type { UserError } from '../errors.js'

/** Why an outcome is unknown, and when it may be asked again. */
export interface Unknown {
  /** The charge may or may not have succeeded: ask again with the same key. */
  readonly status: 'unknown'
  readonly message: string
  /** As the provider asks (`Retry-After`), in milliseconds. */
  readonly retryAfterMs?: number | undefined
  /** The gateway cannot have charged anything (unreachable, rate limit), so the call is not counted as an attempt. */
  readonly notAsked?: true
  /** Asking again may charge twice: a person has to find out what became of the charge. */
  readonly needsReview?: true
}

export function unknown(message: string): Unknown {
  return { status: 'unknown', message }
}

/** The outcome of a call that could not start before its lease ended. */
export const LATE: Unknown = { ...unknown('the lease ended before the call'), notAsked: true }

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

/** What a batch needs of a gateway. */
export type ChargingGateway = Pick<Gateway, 'charge' | 'lookUpCharge'>

export interface CallOptions {
  /** If calls have to wait for each other, those with a lower number come first. */
  readonly turn?: number
  /**
   * Checked when the call starts, which may be long after it was asked for. Without the lease, a person may have
   * settled the order or refund in the meantime.
   */
  readonly leaseEnd?: LeaseEnd | undefined
}

export interface Gateway {
  /**
   * Charges the amount, at most once per key. A repeated call with the same key returns the same outcome.
   *
   * @param timeoutMs time limit; after it, or after an error, the outcome is unknown
   */
  charge(charge: Charge, timeoutMs: number, options?: CallOptions): Promise<ChargeOutcome>
  /** What became of a charge. Needed for keys that the gateway may have forgotten. */
  lookUpCharge(charge: Charge, timeoutMs: number, options?: CallOptions): Promise<LookUp<ChargeOutcome>>
  /** Gives back a part of a captured charge, at most once per key. */
  refund(refund: Refund, timeoutMs: number, options?: CallOptions): Promise<RefundOutcome>
  lookUpRefund(refund: Refund, timeoutMs: number, options?: CallOptions): Promise<LookUp<RefundOutcome>>
}

/** A gateway that is shared by everything in a process that charges or refunds. */
export interface OpenGateway extends Gateway {
  /** Why the gateway cannot be used now; undefined if it can. Calls then ask nothing and end at once. */
  readonly trouble: UserError | undefined
  /**
   * Asks the gateway whether it can be used. Ends the trouble if so.
   *
   * @returns its time in epoch milliseconds, rounded down to seconds; undefined if it does not tell
   * @throws UserError: exit 4 while the gateway is unavailable, exit 2 if a setting is wrong
   */
  check(): Promise<number | undefined>
  /** Closes the connections. */
  close(): Promise<void>
}
