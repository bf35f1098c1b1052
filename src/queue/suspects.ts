// Poison orders, at which workers die or hang. Each claim of an order is counted until the order is settled or postponed. An
// order that keeps losing its claims is first claimed alone, as a suspect, and then set aside (ADR 10).
import type { Kysely } from 'kysely'
import type { Database } from '../database/connection.js'
import { databaseTime } from '../database/engine.js'
import { packIds } from '../database/packed-rows.js'
import { isAmong } from '../database/row-source.js'
import type { Schema } from '../database/schema.js'
import type { LeaseToken, OrderId } from '../domain/ids.js'
import { leaveQueue } from './due-orders.js'

/** Lost claims after which an order is claimed alone. */
const SUSPECT_AFTER = 2

/** Lost claims after which an order is set aside for a person. */
const MOST_LOST_CLAIMS = 5

/**
 * Splits a batch into orders to claim now, suspects to claim alone, and worn ones to set aside.
 *
 * @param orders with their lost claims
 * @param alone whether the batch is a single suspect, which may be claimed
 */
export function siftClaims<Order extends { readonly id: OrderId; readonly claims: number }>(
  orders: readonly Order[],
  alone: boolean,
) {
  const most = alone ? MOST_LOST_CLAIMS : SUSPECT_AFTER
  return {
    fit: orders.filter(({ claims }) => claims < most),
    suspects: orders.filter(({ claims }) => claims >= most && claims < MOST_LOST_CLAIMS).map(({ id }) => id),
    worn: orders.filter(({ claims }) => claims >= MOST_LOST_CLAIMS),
  }
}

/** Removes the orders from the queue until a person retries them. Status, stock and payment intent stay as they are. */
export async function setAside(trx: Kysely<Schema>, orders: readonly { readonly id: OrderId }[]): Promise<void> {
  if (orders.length === 0) return
  await trx
    .updateTable('orders')
    .set({ reason: 'poison', message: `its worker died or hung ${MOST_LOST_CLAIMS} times while processing it` })
    .where(isAmong(trx, 'id', packIds(orders)))
    .execute()
  await leaveQueue(trx, orders)
}

/** Takes one lost claim off orders whose batch met an outage of the database. */
export async function forgiveLostClaim(
  db: Database,
  { ids, token }: { readonly ids: readonly OrderId[]; readonly token: LeaseToken },
): Promise<void> {
  await db
    .updateTable('due_orders')
    .set((eb) => ({ claims: eb('claims', '-', 1) }))
    .where(isAmong(db, 'order_id', ids))
    .where('lease_token', '=', token)
    .execute()
}

/**
 * Counts a claim of orders whose batch killed its thread before it claimed them. Otherwise they would be tried for ever.
 *
 * @param ranMs how long ago the thread got the batch
 * @param alone whether the batch was a single suspect; other batches leave suspects out
 */
export async function countLostBatch(
  db: Database,
  ids: readonly OrderId[],
  { ranMs, alone }: { readonly ranMs: number; readonly alone: boolean },
): Promise<void> {
  const began = (await databaseTime(db)) - ranMs
  await db
    .updateTable('due_orders')
    .set((eb) => ({ claims: eb('claims', '+', 1) }))
    .where(isAmong(db, 'order_id', ids))
    // A claim since then has moved `due_at`.
    .where('due_at', '<', began)
    .$if(!alone, (query) => query.where('claims', '<', SUSPECT_AFTER))
    .execute()
}
