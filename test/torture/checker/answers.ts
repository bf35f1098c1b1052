// Compares what commands told people with what became of it.
import { z } from 'zod'
import type { LedgerEntry } from '../../support/provider.js'
import type { Answer } from '../journal.js'
import { nameOf, type ShopState, type StoredOrder } from './shop-state.js'
import type { AskedAdjustment } from './stock.js'

const changedOrders = z.object({
  orders: z.array(
    z.object({
      order_id: z.string(),
      source: z.string(),
      result: z.string(),
      gateway_reference: z.string().nullish(),
    }),
  ),
})

export function* checkAnswers(
  state: ShopState,
  ledger: readonly LedgerEntry[],
  answers: readonly Answer[],
): Generator<string> {
  const orders = new Map(state.orders.map((order) => [nameOf(order), order]))
  const references = new Set(ledger.filter(({ status }) => status === 'refunded').map(({ reference }) => reference))
  for (const { args, result } of answers) {
    const { data } = changedOrders.safeParse(result)
    for (const told of data?.orders ?? []) {
      const name = nameOf({ source: told.source, reference: told.order_id })
      if (told.result === 'refunded' && !references.has(told.gateway_reference ?? ''))
        yield `${args.join(' ')}: the provider has no refund ${told.gateway_reference}`
      if (told.result === 'cancelled') yield* checkCancelled(name, orders.get(name))
    }
  }
}

/** Nothing in a run retries cancelled orders. */
function* checkCancelled(name: string, order: StoredOrder | undefined): Generator<string> {
  const { status, reason } = order?.row ?? {}
  if (reason !== 'cancelled') yield `order ${name} was cancelled, and is ${status} (${reason ?? 'no reason'})`
}

/** The commands `products adjust SKU DELTA --reason TEXT`. */
export function adjustmentsIn(answers: readonly Answer[]): AskedAdjustment[] {
  return answers.flatMap(({ args: [, command, sku = '', delta = '0', , reason = ''], code }) =>
    command === 'adjust' ? [{ sku, delta: BigInt(delta), reason, isConfirmed: code === 0 }] : [],
  )
}
