// Between the two transactions of a batch: ask the gateway for every order in hand, once for each key.
import pMap from 'p-map'
import type { ChargeOutcome, Gateway } from '../payments/gateway.js'
import type { ClaimedOrder } from './claim.js'

export interface ChargeOptions {
  /** Charges open at a time. */
  readonly inFlight: number
  /** How long one may take before its outcome counts as unknown, in milliseconds. */
  readonly timeoutMs: number
}

/** A charge, and how it went. */
export interface Answer {
  readonly order: ClaimedOrder
  readonly outcome: ChargeOutcome
}

/** Asks for each order. Never rejects: no answer is an answer, too. */
export function chargeAll(
  gateway: Gateway,
  orders: readonly ClaimedOrder[],
  { inFlight, timeoutMs }: ChargeOptions,
  onAnswer?: () => void,
): Promise<Answer[]> {
  const charge = async (order: ClaimedOrder): Promise<Answer> => {
    const outcome = await chargeOne(gateway, order, timeoutMs)
    onAnswer?.()
    return { order, outcome }
  }
  return pMap(orders, charge, { concurrency: inFlight })
}

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
