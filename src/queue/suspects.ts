// Orders at which workers die or hang. Each claim is counted where the order is due; what settles or postpones the order ends
// the count. An order whose claims came to nothing is first claimed apart from others, and then set aside.

import type { Kysely } from 'kysely'
import type { Database } from '../database/connection.js'
import { databaseTime } from '../database/engine.js'
import { packIds } from '../database/packed-rows.js'
import { isAmong } from '../database/row-source.js'
import type { Schema } from '../database/schema.js'
import type { LeaseToken, OrderId } from '../domain/ids.js'
import { leaveQueue } from './due-orders.js'

/** From so many lost claims on, an order is claimed alone: it may be what its batches died of. */
const SUSPECT_AFTER = 2

/** After so many lost claims, an order is set aside for a person. */
const MOST_LOST_CLAIMS = 5

interface Claimed {
  readonly id: OrderId
  /** Claims that came to nothing. */
  readonly claims: number
}

interface Sifted<Order> {
  /** To be claimed now. */
  readonly fit: readonly Order[]
  /** To be claimed alone. */
  readonly suspects: readonly OrderId[]
  /** To be set aside. */
  readonly worn: readonly Order[]
}

/** @param alone whether nothing else is at stake with these orders, so that suspects may be claimed */
export function siftClaims<Order extends Claimed>(orders: readonly Order[], alone: boolean): Sifted<Order> {
  const [fit, suspects, worn]: [Order[], OrderId[], Order[]] = [[], [], []]
  for (const order of orders) {
    if (order.claims >= MOST_LOST_CLAIMS) worn.push(order)
    else if (order.claims >= SUSPECT_AFTER && !alone) suspects.push(order.id)
    else fit.push(order)
  }
  return { fit, suspects, worn }
}

/** The orders leave the queue until a person retries them. Status, stock and payment intent stay as they are. */
export async function setAside(trx: Kysely<Schema>, orders: readonly { readonly id: OrderId }[]): Promise<void> {
  if (orders.length === 0) return
  await trx
    .updateTable('orders')
    .set({ reason: 'poison', message: `its worker died or hung ${MOST_LOST_CLAIMS} times while processing it` })
    .where(isAmong(trx, 'id', packIds(orders)))
    .execute()
  await leaveQueue(trx, orders)
}

/**
 * Takes one lost claim off orders whose batch met an outage of the database: it was not their fault, and a database that
 * goes away again and again must not set sound orders aside.
 */
export async function forgiveLostClaim(
  db: Database,
  { ids, token }: { readonly ids: readonly OrderId[]; readonly token: LeaseToken },
): Promise<void> {
  await db
    .updateTable('due_orders')
    .set((eb) => ({ claims: eb('claims', '-', 1) }))
    .where(isAmong(db, 'order_id', ids))
    // Of no other claim, by this worker or another one.
    .where('lease_token', '=', token)
    .execute()
}

/**
 * Counts a claim of those orders of a batch that its thread died or hung before it claimed: nothing else would tell that
 * they were tried, and they would be tried for ever.
 *
 * @param ranMs how long ago the batch was given to the thread
 * @param alone whether the batch was a suspect; any other leaves suspects out, so it tells nothing of them
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
    // A claim by this batch, or by another one meanwhile, has moved it.
    .where('due_at', '<', began)
    .$if(!alone, (query) => query.where('claims', '<', SUSPECT_AFTER))
    .execute()
}
