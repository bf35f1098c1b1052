// Rolls back orders whose stock reservations have expired.
import type { Kysely } from 'kysely'
import { databaseTime } from '../database/engine.js'
import { packIds } from '../database/packed-rows.js'
import { isAmong } from '../database/row-source.js'
import type { Schema } from '../database/schema.js'
import { settlementTime } from '../database/settlement-time.js'
import { inTransaction } from '../database/transaction.js'
import { groupBy } from '../domain/batches.js'
import { recordEvents } from '../notify/events.js'
import { lockInQueue, lockOrders, removeFromQueue } from '../queue/due-orders.js'
import { recounting } from './order-counts.js'
import { changesOfStock, type OrderItems, reservedItems, settleStock } from './stock.js'

/**
 * Rolls back orders in `reserved` whose reservations have expired. Never rolls back orders in `payment_processing`,
 * however old they are: the gateway may have captured their payment.
 *
 * @returns how many orders it rolled back
 */
export async function expireReservations(db: Kysely<Schema>): Promise<number> {
  const now = await databaseTime(db)
  // Read before the transaction, which blocks all other writers of a file.
  const ids = (await findExpired(db, now)).map((order) => order.id)
  if (ids.length === 0) return 0
  return inTransaction(db, async (trx) => {
    await lockInQueue(trx, ids)
    await lockOrders(trx, ids)
    const locked = new Set(ids)
    const expired = (await findExpired(trx, now)).filter((order) => locked.has(order.id))
    await recounting(trx, packIds(expired), () => rollBackExpired(trx, expired))
    return expired.length
  })
}

async function rollBackExpired(trx: Kysely<Schema>, expired: readonly OrderItems[]): Promise<void> {
  await trx
    .updateTable('orders')
    .set({ status: 'rolled_back', reason: 'expired', settled_at: await settlementTime(trx) })
    .set({ message: 'its stock reservation expired' })
    .where(isAmong(trx, 'id', packIds(expired)))
    .execute()
  await removeFromQueue(trx, expired)
  await recordEvents(trx, expired, 'rolled_back')
  await settleStock(trx, changesOfStock({ sold: [], released: expired }))
}

async function findExpired(db: Kysely<Schema>, now: number): Promise<OrderItems[]> {
  const items = await reservedItems(db)
    .where('orders.status', '=', 'reserved')
    .where('reservation.expires_at', '<=', now)
    .execute()
  return [...groupBy(items, ({ id }) => id)].map(([id, items]) => ({ id, items }))
}
