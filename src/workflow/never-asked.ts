// Marks the intents of orders whose charge was certainly not asked for: each worker that claimed the order has said so
// when it gave the order back, for example since the gateway was unreachable. Such an order can be cancelled.
import type { Kysely } from 'kysely'
import { ofCurrentAttempt } from '../database/current-attempt.js'
import { packIds } from '../database/packed-rows.js'
import { isAmong } from '../database/row-source.js'
import type { Schema } from '../database/schema.js'
import type { OrderId } from '../domain/ids.js'

interface Identified {
  readonly id: OrderId
}

/**
 * Takes the marks off orders that are claimed again. If the worker dies now, its charge may have been asked for.
 *
 * @returns the orders without a mark: an earlier worker may have asked
 */
export async function takeMarks(trx: Kysely<Schema>, orders: readonly Identified[]): Promise<ReadonlySet<OrderId>> {
  if (orders.length === 0) return new Set()
  // A mark of an earlier attempt says nothing about this one.
  const open = trx
    .selectFrom('payments')
    .innerJoin('orders', ofCurrentAttempt)
    .where(isAmong(trx, 'payments.order_id', packIds(orders)))
    .where('payments.status', '=', 'pending')
    .where('payments.never_asked', '=', 1)
  const marked = new Set((await open.select('payments.order_id').execute()).map((row) => row.order_id))
  if (marked.size > 0) {
    await trx
      .updateTable('payments')
      .set({ never_asked: 0 })
      .where(isAmong(trx, 'order_id', [...marked]))
      .execute()
  }
  return new Set(orders.map(({ id }) => id).filter((id) => !marked.has(id)))
}

/** Marks the intents of the orders' current attempts. */
export async function markNeverAsked(trx: Kysely<Schema>, orders: readonly Identified[]): Promise<void> {
  if (orders.length === 0) return
  await trx
    .updateTable('payments')
    .set({ never_asked: 1 })
    .where(isAmong(trx, 'order_id', packIds(orders)))
    .where('status', '=', 'pending')
    .execute()
}
