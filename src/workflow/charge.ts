// Charges the orders of a batch, between its two transactions. Asks the gateway once for each idempotency key.
import type { OrderId } from '../domain/ids.js'
import type { LeaseEnd } from '../domain/lease-end.js'
import { askUnderKey } from '../payments/ask.js'
import { type Charge, type ChargeOutcome, type ChargingGateway, LATE } from '../payments/gateway.js'
import type { ClaimedOrder } from './claim.js'

export interface ChargeOptions {
  /** Maximum number of open charges. */
  readonly inFlight: number
  /** After this many milliseconds, the outcome is unknown. */
  readonly timeoutMs: number
  /**
   * How long the gateway remembers a key, in milliseconds. Undefined if it never forgets one and needs no details of
   * orders.
   */
  readonly keyLifetimeMs?: number | undefined
}

/** What a gateway outside this process needs to know of a charge. */
export interface ChargeDetails {
  readonly order: NonNullable<Charge['order']>
  /** Whether the gateway may have forgotten the key. */
  readonly isOld: boolean
}

export interface Answer {
  readonly order: ClaimedOrder
  readonly outcome: ChargeOutcome
}

interface Charging {
  readonly details?: ReadonlyMap<OrderId, ChargeDetails> | undefined
  /** Once it has passed, nothing more is asked for: a person may have settled an order in the meantime. */
  readonly leaseEnd?: LeaseEnd | undefined
  readonly onAnswer?: () => void
}

/** Charges all orders. Never rejects: a charge that fails has an unknown outcome. */
export async function chargeAll(
  gateway: ChargingGateway,
  orders: readonly ClaimedOrder[],
  { inFlight, timeoutMs }: ChargeOptions,
  charging: Charging = {},
): Promise<Answer[]> {
  const { leaseEnd, onAnswer } = charging
  const answers: Answer[] = []
  // Shared by the loops. Tasks of their own for the orders would take longer than a quick gateway.
  const left = orders.entries()
  const chargeOnes = async () => {
    for (const [at, order] of left) {
      const outcome = leaseEnd?.hasPassed() ? LATE : await chargeOne(gateway, order, timeoutMs, charging)
      onAnswer?.()
      answers[at] = { order, outcome }
    }
  }
  await Promise.all(Array.from({ length: Math.min(inFlight, orders.length) }, chargeOnes))
  return answers
}

function chargeOne(
  gateway: ChargingGateway,
  { id, key, currency, total }: ClaimedOrder,
  timeoutMs: number,
  { details: detailsOf, leaseEnd }: Charging,
): ChargeOutcome | Promise<ChargeOutcome> {
  if (total === 0) return { status: 'captured', reference: 'free of charge' }
  const details = detailsOf?.get(id)
  const charge: Charge = { key, amount: { currency, minor: total }, ...(details && { order: details.order }) }
  return askUnderKey({
    what: 'charge',
    isOld: details?.isOld ?? false,
    ask: () => gateway.charge(charge, timeoutMs, { leaseEnd }),
    lookUp: () => gateway.lookUpCharge(charge, timeoutMs, { leaseEnd }),
  })
}
