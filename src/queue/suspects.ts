// Handles poison orders, which make workers die or hang. Claims of an order are counted until it is settled or
// postponed. An order that keeps losing its claims is first claimed alone, as a suspect, and then set aside (ADR 10).
import type { Kysely } from 'kysely'
import type { Database } from '../database/connection.js'
import { databaseTime } from '../database/engine.js'
import { packIds } from '../database/packed-rows.js'
import { isAmong } from '../database/row-source.js'
import type { Schema } from '../database/schema.js'
import type { LeaseToken, OrderId } from '../domain/ids.js'
import { removeFromQueue } from './due-orders.js'

/** Number of lost claims after which an order is claimed alone. */
const SUSPECT_AFTER = 2

/** Number of lost claims after which an order is set aside for review. */
const MOST_LOST_CLAIMS = 5

/**
 * Splits a batch by lost claims: orders to claim now, suspects to claim alone, and poison orders to set aside.
 *
 * @param orders with the number of their lost claims
 * @param alone whether the batch is a single suspect, which may be claimed
 */
export function splitByLostClaims<Order extends { readonly id: OrderId; readonly claims: number }>(
  orders: readonly Order[],
  alone: boolean,
) {
  const most = alone ? MOST_LOST_CLAIMS : SUSPECT_AFTER
  return {
    claimable: orders.filter(({ claims }) => claims < most),
    suspects: orders.filter(({ claims }) => claims >= most && claims < MOST_LOST_CLAIMS).map(({ id }) => id),
    poison: orders.filter(({ claims }) => claims >= MOST_LOST_CLAIMS),
  }
}

/** Takes the orders out of the queue until a person retries them. Status, stock and payment intent stay as they are. */
export async function setAside(trx: Kysely<Schema>, orders: readonly { readonly id: OrderId }[]): Promise<void> {
  if (orders.length === 0) return
  await trx
    .updateTable('orders')
    .set({ reason: 'poison', message: `its worker died or hung ${MOST_LOST_CLAIMS} times while processing it` })
    .where(isAmong(trx, 'id', packIds(orders)))
    .execute()
  await removeFromQueue(trx, orders)
}

/** Subtracts one lost claim from orders whose batch failed because of a database outage. */
export async function uncountLostClaim(
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
 * Counts a lost claim of orders whose batch killed its thread before the claim. They would otherwise be retried
 * forever.
 *
 * @param ranMs how long ago the thread received the batch
 * @param alone whether the batch was a single suspect; other batches leave suspects out
 */
export async function countLostBatch(
  db: Database,
  ids: readonly OrderId[],
  { ranMs, alone }: { readonly ranMs: number; readonly alone: boolean },
): Promise<void> {
  const began = Math.floor((await databaseTime(db)) - ranMs)
  await db
    .updateTable('due_orders')
    .set((eb) => ({ claims: eb('claims', '+', 1) }))
    .where(isAmong(db, 'order_id', ids))
    // A later claim would have moved `due_at`.
    .where('due_at', '<', began)
    .$if(!alone, (query) => query.where('claims', '<', SUSPECT_AFTER))
    .execute()
}
