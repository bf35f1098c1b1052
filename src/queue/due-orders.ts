// The due orders, stored in the database. Every queue delivers them, and the embedded queue has nothing else.
import { type ExpressionBuilder, type Kysely, sql } from 'kysely'
import type { Database } from '../database/connection.js'
import { countRows } from '../database/count-rows.js'
import { databaseTime, forUpdate, writesAlone } from '../database/engine.js'
import { packIds } from '../database/packed-rows.js'
import { Prepared } from '../database/prepared.js'
import { isAmong } from '../database/row-source.js'
import type { Schema } from '../database/schema.js'
import { inTransaction } from '../database/transaction.js'
import type { OrderId } from '../domain/ids.js'
import { REVIEW_REASONS, type ReviewReason } from '../domain/order.js'
import type { QueueCounts } from './queue.js'

/**
 * Added to the due time of an order that is due at once, which makes it negative. Such an order is due by every clock,
 * also if the process that stored it had a clock that was ahead. Its due time still says since when it has waited.
 */
const AT_ONCE = -(10 ** 15)

/** Returns the `due_at` of an order that is due at once, whatever the clock says. @param now epoch milliseconds */
export function dueAtOnce(now: number): number {
  return now + AT_ONCE
}

/** Returns the time from which an order with this `due_at` may be claimed, in epoch milliseconds. */
export function dueTime(dueAt: number): number {
  return dueAt < 0 ? dueAt - AT_ONCE : dueAt
}

/** The condition for an open order that does not need review. */
export function mayBeDue(eb: ExpressionBuilder<Schema, 'orders'>) {
  return eb.and([eb('orders.settled_at', 'is', null), eb('orders.reason', 'is', null)])
}

/** The condition for an order that needs review: it is open and has a reason. */
export function needsReview(eb: ExpressionBuilder<Schema, 'orders'>) {
  // SQLite uses the partial index only if its condition is repeated.
  return eb.and([
    eb('orders.reason', 'is not', null),
    eb('orders.reason', 'in', REVIEW_REASONS),
    eb('orders.settled_at', 'is', null),
  ])
}

/** The condition for an order that no person has cancelled. A cancelled order is no failure of shop or gateway. */
export function isNotCancelled(eb: ExpressionBuilder<Schema, 'orders'>) {
  return eb.or([eb('orders.reason', 'is', null), eb('orders.reason', '!=', 'cancelled')])
}

/** Counts the orders that need review, by reason. Omits reasons without orders. */
export async function countNeedingReview(db: Database): Promise<ReadonlyMap<ReviewReason, number>> {
  const rows = await db
    .selectFrom('orders')
    .where(needsReview)
    .groupBy('reason')
    .orderBy('reason')
    .select((eb) => [sql<ReviewReason>`reason`.as('reason'), eb.fn.countAll<number>().as('orders')])
    .execute()
  return new Map(rows.map(({ reason, orders }) => [reason, orders]))
}

/** Locks the orders' queue rows, in id order, so that no other transaction claims or settles the orders. */
export async function lockInQueue(trx: Kysely<Schema>, ids: readonly OrderId[]): Promise<void> {
  if (writesAlone(trx)) return
  const rows = trx.selectFrom('due_orders').where(isAmong(trx, 'order_id', ids))
  await forUpdate(trx, rows.orderBy('order_id').select('order_id')).execute()
}

/** Locks the orders' own rows, in id order. If both are needed, lock the queue rows first. */
export async function lockOrders(trx: Kysely<Schema>, ids: readonly OrderId[]): Promise<void> {
  if (writesAlone(trx)) return
  const orders = trx.selectFrom('orders').where(isAmong(trx, 'id', ids))
  await forUpdate(trx, orders.orderBy('id').select('id')).execute()
}

/**
 * Adds those orders that are not in the queue. Returns how many.
 *
 * @param trx holds the locks that keep others from settling the orders
 * @param dueAt by the database's clock (databaseTime), or dueAtOnce()
 */
export async function makeDue(trx: Kysely<Schema>, ids: readonly OrderId[], dueAt: number): Promise<number> {
  const due = await trx
    .insertInto('due_orders')
    .columns(['order_id', 'due_at'])
    .expression((eb) =>
      eb
        .selectFrom('orders')
        .leftJoin('due_orders as known', 'known.order_id', 'orders.id')
        .where(isAmong(trx, 'orders.id', ids))
        .where(mayBeDue)
        .where('known.order_id', 'is', null)
        .orderBy('orders.id')
        .select(['orders.id', eb.val(dueAt).as('due_at')]),
    )
    .executeTakeFirst()
  return Number(due.numInsertedOrUpdatedRows ?? 0n)
}

/** Number of orders that are locked together. */
const SLICE = 10_000

/** Removes pending orders, due now or later, from the queue; they stay pending. Returns how many. */
export async function withdrawDue(db: Database): Promise<number> {
  let withdrawn = 0
  for (let last: OrderId | undefined = 0 as OrderId; last !== undefined; ) {
    const after: OrderId = last
    const slice = await inTransaction(db, async (trx) => {
      const free = trx.selectFrom('due_orders').where('lease_token', 'is', null).where('order_id', '>', after)
      const locked = await forUpdate(trx, free.orderBy('order_id').limit(SLICE).select('order_id as id')).execute()
      return { pending: await withdrawPending(trx, locked), last: locked.at(-1)?.id }
    })
    withdrawn += slice.pending
    last = slice.last
  }
  return withdrawn
}

/** Removes the pending ones of these orders, whose queue rows must be locked, from the queue. Returns how many. */
export async function withdrawPending(
  trx: Kysely<Schema>,
  locked: readonly { readonly id: OrderId }[],
): Promise<number> {
  // Read after locking: an order may have been claimed and postponed meanwhile.
  const among = trx.selectFrom('orders').where(isAmong(trx, 'id', packIds(locked)))
  const pending = await among.where('status', '=', 'pending').select('id').execute()
  await removeFromQueue(trx, pending)
  return pending.length
}

/** Deletes the queue rows, which must be locked, of those orders that no worker can claim. */
export async function dropUnclaimable(trx: Kysely<Schema>, orders: readonly { readonly id: OrderId }[]): Promise<void> {
  if (orders.length > 0) await removeFromQueue(trx, await findUnclaimable(trx, orders))
}

/** Finds orders in the queue that no worker can claim, among `orders` or all. No code path puts one there. */
export function findUnclaimable(
  db: Kysely<Schema>,
  orders?: readonly { readonly id: OrderId }[],
): Promise<{ readonly id: OrderId }[]> {
  return db
    .selectFrom('due_orders')
    .leftJoin('orders', (join) => join.onRef('orders.id', '=', 'due_orders.order_id').on(mayBeDue))
    .where('orders.id', 'is', null)
    .$if(orders !== undefined, (query) => query.where(isAmong(db, 'due_orders.order_id', packIds(orders ?? []))))
    .select('due_orders.order_id as id')
    .execute()
}

/** Deletes the orders' queue rows. */
export async function removeFromQueue(trx: Kysely<Schema>, orders: readonly { readonly id: OrderId }[]): Promise<void> {
  if (orders.length > 0) await dropDue.run(trx, { ids: packIds(orders) })
}

const dropDue = new Prepared<{ ids: string }>((db, value) =>
  db.deleteFrom('due_orders').where(isAmong(db, 'order_id', value('ids'))),
)

/**
 * Finds orders that have been due for longer than `sinceMs`: first those with a due time, which are postponed or were
 * left by a dead worker, then those due at once; each oldest first. Many new orders therefore delay no retry.
 */
export async function findDue(db: Database, sinceMs: number, limit: number): Promise<OrderId[]> {
  const before = (await databaseTime(db)) - sinceMs
  const oldest = db.selectFrom('due_orders').select('order_id').orderBy('due_at').orderBy('order_id')
  const timed = await oldest.where('due_at', '>=', 0).where('due_at', '<', before).limit(limit).execute()
  // The clock that stored them may be ahead, so it counts only where it makes the difference.
  const latest = sinceMs > 0 ? dueAtOnce(before) : 0
  const rest = limit - timed.length
  const atOnce = rest > 0 ? await oldest.where('due_at', '<', latest).limit(rest).execute() : []
  return [...timed, ...atOnce].map((row) => row.order_id)
}

/** Whether any order is due, in progress, or postponed. */
export async function isWorkLeft(db: Database): Promise<boolean> {
  return (await db.selectFrom('due_orders').select('order_id').limit(1).executeTakeFirst()) !== undefined
}

/** Whether any order is due now or in progress, in this process or another. */
export async function isWorkDue(db: Database): Promise<boolean> {
  const now = await databaseTime(db)
  const rows = db.selectFrom('due_orders').select('order_id').limit(1)
  const due = await rows.where('due_at', '<=', now).executeTakeFirst()
  return (due ?? (await rows.where('lease_token', 'is not', null).executeTakeFirst())) !== undefined
}

/** Counts the orders that are due later, and reads when the next of them is due, in epoch milliseconds. */
export async function countDueLater(db: Database): Promise<{ readonly orders: number; readonly next: number | null }> {
  return db
    .selectFrom('due_orders')
    .where('due_at', '>', await databaseTime(db))
    .where('lease_token', 'is', null)
    .select((eb) => [eb.fn.countAll<number>().as('orders'), eb.fn.min<number | null>('due_at').as('next')])
    .executeTakeFirstOrThrow()
}

/** Reads how many seconds the oldest order has been due, at the time `now`; null if none is due. */
export async function readOldestWait(db: Database, now: number): Promise<number | null> {
  const oldest = db.selectFrom('due_orders').select((eb) => eb.fn.min<number | null>('due_at').as('due_at'))
  const atOnce = await oldest.where('due_at', '<', 0).executeTakeFirstOrThrow()
  const timed = await oldest.where('due_at', '>=', 0).where('due_at', '<=', now).executeTakeFirstOrThrow()
  const times = [atOnce.due_at, timed.due_at].filter((dueAt) => dueAt !== null).map(dueTime)
  return times.length === 0 ? null : Math.max(0, now - Math.min(...times)) / 1000
}

/** Counts the orders that are due now, up to `most`. */
export async function countWaiting(db: Kysely<Schema>, most: number): Promise<number> {
  const due = db
    .selectFrom('due_orders')
    .select('order_id')
    .where('due_at', '<=', await databaseTime(db))
  return countRows(db.selectFrom(due.limit(most).as('due')))
}

/** Returns the milliseconds until the last of the orders is due; null if none of them is in the queue. */
export async function lastDueIn(db: Kysely<Schema>, ids: readonly OrderId[]): Promise<number | null> {
  const last = db.selectFrom('due_orders').select((eb) => eb.fn.max<number | null>('due_at').as('due_at'))
  const { due_at } = await last.where(isAmong(db, 'order_id', ids)).executeTakeFirstOrThrow()
  return due_at === null ? null : Math.max(0, due_at - (await databaseTime(db)))
}

export async function countDue(db: Database): Promise<QueueCounts> {
  const now = await databaseTime(db)
  // The index alone has what this counts, and nearly all orders of a backlog.
  const waiting = await countRows(db.selectFrom('due_orders').where('due_at', '<=', now))
  const { active, delayed } = await db
    .selectFrom('due_orders')
    .where('due_at', '>', now)
    .select((eb) => [
      eb.fn.countAll<number>().filterWhere('lease_token', 'is not', null).as('active'),
      eb.fn.countAll<number>().filterWhere('lease_token', 'is', null).as('delayed'),
    ])
    .executeTakeFirstOrThrow()
  return {
    unit: 'orders',
    waiting,
    active,
    delayed,
    oldestWaitingSeconds: await readOldestWait(db, now),
  }
}

/**
 * Counts batches in progress by their leases, and reads how long the oldest order has been due; null if none is due.
 */
export async function readLeases(db: Database): Promise<{ batches: number; oldestWaitingSeconds: number | null }> {
  const now = await databaseTime(db)
  const { batches } = await db
    .selectFrom('due_orders')
    .select((eb) => eb.fn.count<number>('lease_token').distinct().as('batches'))
    .where('due_at', '>', now)
    .executeTakeFirstOrThrow()
  return { batches, oldestWaitingSeconds: await readOldestWait(db, now) }
}
