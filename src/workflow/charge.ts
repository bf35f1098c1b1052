// Between the two transactions of a batch: ask the gateway for every order in hand, once for each key.
import pMap from 'p-map'
import type { OrderId } from '../domain/ids.js'
import type { ChargeOutcome, Gateway } from '../payments/gateway.js'
import type { ClaimedOrder } from './claim.js'

export interface ChargeOptions {
  /** Charges open at a time. */
  readonly inFlight: number
  /** How long one may take before its outcome counts as unknown, in milliseconds. */
  readonly timeoutMs: number
}

/** What the gateway said about each order. Never rejects: no answer is an answer, too. */
export async function chargeAll(
  gateway: Gateway,
  orders: readonly ClaimedOrder[],
  { inFlight, timeoutMs }: ChargeOptions,
): Promise<ReadonlyMap<OrderId, ChargeOutcome>> {
  const outcomes = await pMap(orders, (order) => chargeOne(gateway, order, timeoutMs), { concurrency: inFlight })
  return new Map(orders.map((order, index) => [order.id, outcomes[index] ?? NO_ANSWER]))
}

const NO_ANSWER: ChargeOutcome = { status: 'unknown', message: 'the gateway gave no answer' }

async function chargeOne(gateway: Gateway, order: ClaimedOrder, timeoutMs: number): Promise<ChargeOutcome> {
  // Nothing to take, so nobody to ask: a free order is not declined.
  if (order.total === 0) return { status: 'captured', reference: 'free of charge' }
  const amount = { currency: order.currency, minor: order.total }
  try {
    return await gateway.charge({ key: order.key, amount }, timeoutMs)
  } catch (error) {
    return { status: 'unknown', message: error instanceof Error ? error.message : String(error) }
  }
}
