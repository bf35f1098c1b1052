// Reservations that ran out: their orders are rolled back and their stock is for others again.

import type { Kysely } from 'kysely'
import type { Database } from '../database/connection.js'
import { databaseTime } from '../database/engine.js'
import { packIds } from '../database/packed-rows.js'
import { isAmong } from '../database/row-source.js'
import type { Schema } from '../database/schema.js'
import { inTransaction } from '../database/transaction.js'
import type { OrderId } from '../domain/ids.js'
import { leaveQueue, lockInQueue, lockOrders } from '../queue/due-orders.js'
import type { Item, Wanting } from './allocate.js'
import { settleStock } from './stock.js'

/**
 * Rolls back orders that stand in `reserved` although their reservations have expired. Orders in `payment_processing` are
 * never touched, however old: the gateway may have taken their money, so only its answer or a person moves them on.
 *
 * @returns how many
 */
export async function expireReservations(db: Database): Promise<number> {
  const now = await databaseTime(db)
  // Looked for before the transaction, which keeps every other writer waiting while it lasts.
  const ids = (await findExpired(db, now)).map((order) => order.id)
  if (ids.length === 0) return 0
  return inTransaction(db, async (trx) => {
    // Another process may be at the same ones, or a worker.
    await lockInQueue(trx, ids)
    await lockOrders(trx, ids)
    const locked = new Set(ids)
    const expired = (await findExpired(trx, now)).filter((order) => locked.has(order.id))
    await trx
      .updateTable('orders')
      .set({
        status: 'rolled_back',
        reason: 'expired',
        message: 'its stock was not held any longer',
        settled_at: now,
      })
      .where(isAmong(trx, 'id', packIds(expired)))
      .execute()
    await leaveQueue(trx, expired)
    await settleStock(trx, { sold: [], released: expired })
    return expired.length
  })
}

async function findExpired(db: Kysely<Schema>, now: number): Promise<Wanting[]> {
  const reservations = await db
    .selectFrom('orders')
    .innerJoin('stock_reservations as reservation', (join) =>
      join.onRef('reservation.order_id', '=', 'orders.id').onRef('reservation.attempt', '=', 'orders.attempt'),
    )
    .where('orders.status', '=', 'reserved')
    .where('reservation.expires_at', '<=', now)
    .select(['orders.id', 'reservation.product_id as productId', 'reservation.quantity'])
    .execute()
  const items = new Map<OrderId, Item[]>()
  for (const { id, ...item } of reservations) items.set(id, [...(items.get(id) ?? []), item])
  return [...items].map(([id, items]) => ({ id, items }))
}
