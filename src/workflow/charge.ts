// Charges the orders of a batch, between its two transactions. Asks the gateway once for each idempotency key.
import pMap from 'p-map'
import { asError } from '../background.js'
import type { ChargeOutcome, Gateway } from '../payments/gateway.js'
import type { ClaimedOrder } from './claim.js'

export interface ChargeOptions {
  /** Maximum number of open charges. */
  readonly inFlight: number
  /** After this many milliseconds, the outcome is unknown. */
  readonly timeoutMs: number
}

export interface Answer {
  readonly order: ClaimedOrder
  readonly outcome: ChargeOutcome
}

/** Charges all orders. Never rejects: a charge that fails has an unknown outcome. */
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
  if (order.total === 0) return { status: 'captured', reference: 'free of charge' }
  try {
    return await gateway.charge({ key: order.key, amount: { currency: order.currency, minor: order.total } }, timeoutMs)
  } catch (error) {
    return { status: 'unknown', message: asError(error).message }
  }
}
