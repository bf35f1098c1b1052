// The list of failures: failed and rolled-back orders until a person clears them, and open orders that wait for a person
// (REVIEW_REASONS). A person lists, retries and clears them.
import type { ExpressionBuilder, Kysely } from 'kysely'
import type { Database } from '../database/connection.js'
import { databaseTime, forUpdate } from '../database/engine.js'
import { packIds } from '../database/packed-rows.js'
import { isAmong } from '../database/row-source.js'
import type { Schema } from '../database/schema.js'
import { inSnapshot, inTransaction } from '../database/transaction.js'
import { ALL_ROWS, groupBy, inBatches } from '../domain/batches.js'
import type { OrderId } from '../domain/ids.js'
import { type FailureReason, UNSOLD_STATUSES } from '../domain/order.js'
import { makeDue, needsReview } from '../queue/due-orders.js'
import type { Queue } from '../queue/queue.js'

export interface FailureFilter {
  readonly reason?: FailureReason | undefined
  /** Failed at this instant (epoch milliseconds) or later. */
  readonly since?: number | undefined
  /** Orders with a line of this product. */
  readonly sku?: string | undefined
  readonly source?: string | undefined
}

/** The newest first. `total` counts all that match, also those beyond the limit. */
export function listFailures(db: Database, filter: FailureFilter, limit = ALL_ROWS) {
  return inSnapshot(db, async (trx) => {
    const listed = failures(trx, filter).where('orders.cleared_at', 'is', null)
    const { total } = await listed.select((eb) => eb.fn.countAll<number>().as('total')).executeTakeFirstOrThrow()
    const newest = await listed
      .select(['orders.reference as order_id', 'orders.source', 'orders.status', 'orders.reason'])
      .select((eb) => ['orders.attempt as attempts', failedAt(eb).as('failed_at'), 'orders.message'])
      .orderBy('failed_at', 'desc')
      .orderBy('orders.id', 'desc')
      .limit(limit)
      .execute()
    return { total, orders: newest.map((order) => ({ ...order, failed_at: new Date(order.failed_at) })) }
  })
}

export type FailureAction = 'retry' | 'clear'

export interface FailureSelection extends FailureFilter {
  /** Only these. A cleared order may be retried if it is named here. */
  readonly ids?: readonly OrderId[] | undefined
  /** Maximum number of orders; the newest are chosen. */
  readonly limit?: number
}

/**
 * The failures that the action would change. It changes exactly these, whatever else fails in the meantime.
 *
 * @returns their ids in the order in which they failed, and how many failed for each reason, the most frequent first
 */
export async function chooseFailures(db: Database, action: FailureAction, selection: FailureSelection) {
  const { ids, limit = ALL_ROWS, ...filter } = selection
  let chosen = failures(db, filter)
  if (ids) chosen = chosen.where(isAmong(db, 'orders.id', ids))
  if (!ids || action === 'clear') chosen = chosen.where('orders.cleared_at', 'is', null)
  if (action === 'clear') chosen = chosen.where('orders.status', 'in', UNSOLD_STATUSES)
  const newest = await chosen
    .select((eb) => ['orders.id', 'orders.reason', failedAt(eb).as('failedAt')])
    .orderBy('failedAt', 'desc')
    .orderBy('orders.id', 'desc')
    .limit(limit)
    .execute()
  const byReason = groupBy(newest, ({ reason }) => reason ?? 'unknown')
  const reasons = [...byReason].map(([reason, { length }]) => ({ reason, orders: length }))
  return { ids: newest.map(({ id }) => id).reverse(), reasons: reasons.sort((a, b) => b.orders - a.orders) }
}

/** Waves of a staggered retry: each costs a statement and a message. An hour has one every 18 seconds. */
const MOST_WAVES = 200

/**
 * Makes the orders due again. A failed or rolled-back order gets a new attempt, and so a new key for its charge. An order
 * whose charge has no known outcome keeps attempt and key: the gateway is asked the same question again.
 *
 * @param ids in the order in which they are to be tried
 * @param staggerMs spreads them evenly over that time from now
 * @returns how many changed; orders that have changed since they were chosen stay as they are
 */
export async function retryFailures(db: Database, queue: Queue, ids: readonly OrderId[], staggerMs = 0) {
  const size = staggerMs === 0 ? Math.max(1, ids.length) : Math.ceil(ids.length / MOST_WAVES)
  const delayOf = (index: number) => Math.floor((staggerMs * index * size) / ids.length)
  const waves = inBatches(ids, size).map((wave, index) => ({ ids: wave, delayMs: delayOf(index) }))
  const changed = await inTransaction(db, async (trx) => {
    // Inside the transaction: a claim that looked at an order before sees by its due_at that it changed.
    const now = await databaseTime(trx)
    const reopened = await reopen(trx, ids)
    for (const { ids, delayMs } of waves) {
      const due = ids.filter((id) => reopened.has(id))
      await makeDue(trx, due, now + delayMs)
    }
    return reopened.size
  })
  // If this process dies here, workers find the due orders in the database. A claim takes what was due before its moment.
  for (const { ids, delayMs } of waves) await queue.publish(ids, delayMs > 0 ? delayMs + 1 : 0)
  return changed
}

/** Opens those of the orders that may be retried; they are not in the queue yet. Returns which they are. */
async function reopen(trx: Kysely<Schema>, ids: readonly OrderId[]): Promise<ReadonlySet<OrderId>> {
  const failed = trx
    .selectFrom('orders')
    .where(isAmong(trx, 'id', ids))
    .where(isFailure)
  const locked = await forUpdate(trx, failed.orderBy('id').select(['id', 'settled_at'])).execute()
  const unsold = packIds(locked.filter((order) => order.settled_at !== null))
  const unanswered = packIds(locked.filter((order) => order.settled_at === null))
  const cleared = { reason: null, message: null, settled_at: null, cleared_at: null }
  await trx
    .updateTable('orders')
    .set((eb) => ({ ...cleared, status: 'pending', attempt: eb('attempt', '+', 1) }))
    .where(isAmong(trx, 'id', unsold))
    .execute()
  await trx
    .updateTable('orders')
    .set(cleared)
    .where(isAmong(trx, 'id', unanswered))
    .execute()
  await trx
    .updateTable('payments')
    .set({ unanswered: 0 })
    .where(isAmong(trx, 'order_id', unanswered))
    .where('status', '=', 'unknown')
    .execute()
  return new Set(locked.map(({ id }) => id))
}

/**
 * Clears failed and rolled-back orders from the list; the orders and their history stay.
 *
 * @returns how many changed; orders that were retried or cleared since they were chosen stay as they are
 */
export async function clearFailures(db: Database, ids: readonly OrderId[]): Promise<number> {
  const cleared = await db
    .updateTable('orders')
    .set({ cleared_at: await databaseTime(db) })
    .where(isAmong(db, 'id', ids))
    .where('status', 'in', UNSOLD_STATUSES)
    .where('cleared_at', 'is', null)
    .executeTakeFirst()
  return Number(cleared.numUpdatedRows)
}

/** Including those that were cleared. */
function failures(db: Kysely<Schema>, { reason, source, since, sku }: FailureFilter) {
  let found = db
    .selectFrom('orders')
    .leftJoin('payments', (join) =>
      join.onRef('payments.order_id', '=', 'orders.id').onRef('payments.attempt', '=', 'orders.attempt'),
    )
    .where(isFailure)
  if (reason !== undefined) found = found.where('orders.reason', '=', reason)
  if (source !== undefined) found = found.where('orders.source', '=', source)
  if (since !== undefined) found = found.where(failedAt, '>=', since)
  if (sku === undefined) return found
  return found.where((eb) =>
    eb.exists(
      eb
        .selectFrom('order_lines')
        .innerJoin('products', 'products.id', 'order_lines.product_id')
        .select('order_lines.order_id')
        .whereRef('order_lines.order_id', '=', 'orders.id')
        .where('products.sku', '=', sku),
    ),
  )
}

/** Unsold, or waiting for a person. */
function isFailure(eb: ExpressionBuilder<Schema, 'orders'>) {
  return eb.or([eb('orders.status', 'in', UNSOLD_STATUSES), needsReview(eb)])
}

/** Settled, or else last asked without an answer, or else imported. */
function failedAt(eb: ExpressionBuilder<Schema, 'orders' | 'payments'>) {
  const importedAt = eb.selectFrom('imports').whereRef('imports.id', '=', 'orders.import_id').select('started_at')
  return eb.fn.coalesce('orders.settled_at', 'payments.answered_at', 'payments.created_at', importedAt).$notNull()
}
