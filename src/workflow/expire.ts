// Rolls back orders whose reservations have expired, and releases their stock.
import type { Kysely } from 'kysely'
import type { Database } from '../database/connection.js'
import { databaseTime } from '../database/engine.js'
import { packIds } from '../database/packed-rows.js'
import { isAmong } from '../database/row-source.js'
import type { Schema } from '../database/schema.js'
import { inTransaction } from '../database/transaction.js'
import { groupBy } from '../domain/batches.js'
import { leaveQueue, lockInQueue, lockOrders } from '../queue/due-orders.js'
import { settleStock, type Wanting } from './stock.js'

/**
 * Rolls back orders in `reserved` whose reservations have expired. Never orders in `payment_processing`, however old: the
 * gateway may have taken their money.
 *
 * @returns how many
 */
export async function expireReservations(db: Database): Promise<number> {
  const now = await databaseTime(db)
  // Before the transaction, which blocks every other writer of a file while it lasts.
  const ids = (await findExpired(db, now)).map((order) => order.id)
  if (ids.length === 0) return 0
  return inTransaction(db, async (trx) => {
    await lockInQueue(trx, ids)
    await lockOrders(trx, ids)
    const locked = new Set(ids)
    const expired = (await findExpired(trx, now)).filter((order) => locked.has(order.id))
    await trx
      .updateTable('orders')
      .set({ status: 'rolled_back', reason: 'expired', settled_at: now })
      .set({ message: 'its stock was not held any longer' })
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
  return [...groupBy(reservations, ({ id }) => id)].map(([id, items]) => ({ id, items }))
}
