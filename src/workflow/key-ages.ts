// Corrects since when gateways may know a key, if the clock that dated its intent was ahead.
import type { Kysely } from 'kysely'
import { CLOCK_TOLERANCE_MS } from '../database/clocks.js'
import { databaseTime } from '../database/engine.js'
import { packIds } from '../database/packed-rows.js'
import { isAmong } from '../database/row-source.js'
import type { Schema } from '../database/schema.js'
import { OPEN_REFUND_STATUSES } from '../domain/order.js'
import { needsReview } from '../queue/due-orders.js'

/**
 * Dates open charges and refunds back that seem to be asked for later than now, so that their keys stay old. Otherwise
 * their age would count from zero once that time comes, and a gateway that forgot a key would charge again.
 */
export async function dateBackFutureKeys(db: Kysely<Schema>, keyLifetimeMs: number): Promise<void> {
  const now = await databaseTime(db)
  const latest = now + CLOCK_TOLERANCE_MS
  const charges = db.selectFrom('payments').where('status', 'in', ['pending', 'unknown'])
  const future = charges.where('created_at', '>', latest).select('order_id as id')
  // An order that waits for an answer is leased or postponed, by the same clock, or needs review.
  const waiting = db.selectFrom('due_orders').where('due_at', '>', now).select('order_id')
  const inReview = db.selectFrom('orders').where(needsReview).select('id')
  // Read first: an update would lock rows on MySQL even if it changes none.
  const found = [
    ...(await future.where('order_id', 'in', waiting).execute()),
    ...(await future.where('order_id', 'in', inReview).execute()),
  ]
  const refunds = db.selectFrom('refunds').where('status', 'in', OPEN_REFUND_STATUSES)
  const openRefunds = await refunds.where('created_at', '>', latest).select('order_id as id').execute()
  for (const [table, orders] of [['payments', found] as const, ['refunds', openRefunds] as const]) {
    if (orders.length === 0) continue
    await db
      .updateTable<'payments' | 'refunds'>(table)
      .set({ created_at: now - keyLifetimeMs })
      .where(isAmong(db, 'order_id', packIds(orders)))
      .where('created_at', '>', latest)
      .execute()
  }
}
