// Lists, retries and clears failures: failed and rolled-back orders, and open orders that need review (REVIEW_REASONS).
// Cancelled orders are failures only if they are named, or asked for by their reason.
import type { ExpressionBuilder, Kysely } from 'kysely'
import { recordAction } from '../database/actions.js'
import type { Database } from '../database/connection.js'
import { countRows } from '../database/count-rows.js'
import { ofCurrentAttempt } from '../database/current-attempt.js'
import { databaseTime, forUpdate } from '../database/engine.js'
import { packIds } from '../database/packed-rows.js'
import { isAmong } from '../database/row-source.js'
import type { Schema } from '../database/schema.js'
import { inSnapshot, inTransaction } from '../database/transaction.js'
import { ALL_ROWS, groupBy, inBatches } from '../domain/batches.js'
import type { OrderId } from '../domain/ids.js'
import { type FailureReason, UNSOLD_STATUSES } from '../domain/order.js'
import { dueAtOnce, isNotCancelled, makeDue, needsReview } from '../queue/due-orders.js'
import type { Queue } from '../queue/queue.js'
import { duration } from '../terminal/text.js'
import { recounting, totalCounts } from './order-counts.js'

export interface FailureFilter {
  readonly reason?: FailureReason | undefined
  /** Failed at this instant (epoch milliseconds) or later. */
  readonly since?: number | undefined
  /** Only orders with a line of this product. */
  readonly sku?: string | undefined
  readonly source?: string | undefined
}

/** Lists failures, newest first. `total` counts all that match, including those beyond the limit. */
export function listFailures(db: Database, filter: FailureFilter, limit = ALL_ROWS) {
  return inSnapshot(db, async (trx) => {
    const total = await countFailures(trx, filter)
    // The newest of each kind: unsold orders by an index, and orders that need review, which are few.
    const newest = [
      ...(await newestOf(trx, filter, isUnsold, limit)),
      ...(await newestOf(trx, filter, needsReview, limit)),
    ]
    newest.sort((a, b) => b.failed_at - a.failed_at || b.id - a.id)
    const orders = newest.slice(0, limit)
    return { total, orders: orders.map(({ id: _, ...order }) => ({ ...order, failed_at: new Date(order.failed_at) })) }
  })
}

function newestOf(db: Kysely<Schema>, filter: FailureFilter, isOfKind: typeof isUnsold, limit: number) {
  return listed(db, filter)
    .where(isOfKind)
    .select(['orders.id', 'orders.reference as order_id', 'orders.source', 'orders.status', 'orders.reason'])
    .select((eb) => ['orders.attempt as attempts', failedAt(eb).as('failed_at'), 'orders.message'])
    .orderBy('orders.settled_at', 'desc')
    .$if(isOfKind === needsReview, (query) => query.orderBy('failed_at', 'desc'))
    .orderBy('orders.id', 'desc')
    .limit(limit)
    .execute()
}

/**
 * Counts the orders whose charge has had no answer since `since` (epoch milliseconds): those scheduled for a retry, and
 * those that need review because the retries are used up.
 */
export async function countUnanswered(db: Database, since: number) {
  const charged = db
    .selectFrom('orders')
    .innerJoin('payments', ofCurrentAttempt)
    .where('payments.status', '=', 'unknown')
    .where('payments.answered_at', '>=', since)
  const scheduled = charged
    .innerJoin('due_orders', 'due_orders.order_id', 'orders.id')
    .where('due_orders.lease_token', 'is', null)
  return {
    scheduled: await countRows(scheduled),
    needReview: await countRows(charged.where(needsReview)),
  }
}

/** Counts the failures that listFailures lists without a limit. Reads the counts by source and reason if it can. */
export async function countFailures(db: Database, filter: FailureFilter): Promise<number> {
  const failures = listed(db, filter)
  const inReview = await countRows(failures.where(needsReview))
  const { reason, source, since, sku } = filter
  if (since !== undefined || sku !== undefined) {
    return inReview + (await countRows(failures.where(isUnsold)))
  }
  const { total: unsold } = await totalCounts(db, source)
    .where('status', 'in', UNSOLD_STATUSES)
    .where('cleared', '=', 0)
    .where('reason', reason === undefined ? '!=' : '=', reason ?? 'cancelled')
    .select((eb) => eb.fn.sum<number | null>('orders').as('total'))
    .executeTakeFirstOrThrow()
  return inReview + (unsold ?? 0)
}

export type FailureAction = 'retry' | 'clear'

export interface FailureSelection extends FailureFilter {
  /** Only these orders. A cleared or cancelled order can be retried if it is named here. */
  readonly ids?: readonly OrderId[] | undefined
  /** Maximum number of orders; the newest are chosen. */
  readonly limit?: number
}

/**
 * Selects the failures that the action will change. It changes exactly these, even if others fail meanwhile.
 *
 * @returns their ids in the order in which they failed, and their number for each reason, the most frequent first
 */
export async function chooseFailures(db: Database, action: FailureAction, selection: FailureSelection) {
  const { ids, limit = ALL_ROWS, ...filter } = selection
  let chosen = failures(db, filter)
  if (ids) chosen = chosen.where(isAmong(db, 'orders.id', ids))
  else if (filter.reason === undefined) chosen = chosen.where(isNotCancelled)
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

/**
 * Maximum number of waves of a staggered retry, since each costs a statement and a message. In an hour, one every 18 s.
 */
const MOST_WAVES = 200

/**
 * Makes the orders due again. A failed or rolled-back order gets a new attempt, and so a new idempotency key. An order
 * whose charge has an unknown outcome keeps its attempt and key, so the gateway repeats its answer.
 *
 * @param ids in the order in which they are to be retried
 * @param staggerMs spreads the orders evenly over this time from now
 * @returns how many orders changed; orders that have changed since they were chosen stay as they are
 */
export async function retryFailures(db: Database, queue: Queue, ids: readonly OrderId[], staggerMs = 0) {
  const size = staggerMs === 0 ? Math.max(1, ids.length) : Math.ceil(ids.length / MOST_WAVES)
  const delayOf = (index: number) => Math.floor((staggerMs * index * size) / ids.length)
  const waves = inBatches(ids, size).map((wave, index) => ({ ids: wave, delayMs: delayOf(index) }))
  const changed = await inTransaction(db, async (trx) => {
    const now = await databaseTime(trx)
    const failed = await lockFailures(trx, ids)
    const reopened = new Set(failed.map(({ id }) => id))
    if (reopened.size === 0) return 0
    await recounting(trx, packIds(failed), async () => {
      await reopen(trx, failed)
      for (const { ids, delayMs } of waves) {
        const due = ids.filter((id) => reopened.has(id))
        await makeDue(trx, due, staggerMs > 0 ? now + delayMs : dueAtOnce(now))
      }
      const details = staggerMs > 0 ? `spread over ${duration(staggerMs / 1000)}` : undefined
      await recordAction(trx, { command: 'failed retry', details }, [...reopened])
    })
    return reopened.size
  })
  // If this process dies here, workers find the due orders in the database. A claim takes orders that were due before
  // it started, so publish one millisecond later.
  for (const { ids, delayMs } of waves) await queue.publish(ids, delayMs > 0 ? delayMs + 1 : 0)
  return changed
}

/** Locks those orders that may be retried. */
function lockFailures(trx: Kysely<Schema>, ids: readonly OrderId[]) {
  const failed = trx
    .selectFrom('orders')
    .where(isAmong(trx, 'id', ids))
    .where(isFailure)
  return forUpdate(trx, failed.orderBy('id').select(['id', 'settled_at'])).execute()
}

type LockedFailures = Awaited<ReturnType<typeof lockFailures>>

/** Reopens the orders, without adding them to the queue. */
async function reopen(trx: Kysely<Schema>, failed: LockedFailures): Promise<void> {
  const unsold = packIds(failed.filter((order) => order.settled_at !== null))
  const unanswered = packIds(failed.filter((order) => order.settled_at === null))
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
}

/**
 * Clears failed and rolled-back orders from the list; the orders and their history stay.
 *
 * @returns how many changed; orders that were retried or cleared since they were chosen stay as they are
 */
export function clearFailures(db: Database, chosen: readonly OrderId[]): Promise<number> {
  return inTransaction(db, async (trx) => {
    const unsold = trx
      .selectFrom('orders')
      .where(isAmong(trx, 'id', chosen))
      .where('status', 'in', UNSOLD_STATUSES)
      .where('cleared_at', 'is', null)
    const locked = await forUpdate(trx, unsold.orderBy('id').select('id')).execute()
    const ids = locked.map(({ id }) => id)
    if (ids.length === 0) return 0
    await recounting(trx, ids, async () => {
      await trx
        .updateTable('orders')
        .set({ cleared_at: await databaseTime(trx) })
        .where(isAmong(trx, 'id', ids))
        .execute()
      await recordAction(trx, { command: 'failed clear' }, ids)
    })
    return ids.length
  })
}

/** Selects failures that no person has cleared. */
function listed(db: Kysely<Schema>, filter: FailureFilter) {
  const found = failures(db, filter).where('orders.cleared_at', 'is', null)
  return filter.reason === undefined ? found.where(isNotCancelled) : found
}

/** Selects failures, including cleared and cancelled ones. */
function failures(db: Kysely<Schema>, { reason, source, since, sku }: FailureFilter) {
  let found = db.selectFrom('orders').leftJoin('payments', ofCurrentAttempt).where(isFailure)
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

/** The condition for an order that was not sold or needs review. */
function isFailure(eb: ExpressionBuilder<Schema, 'orders'>) {
  return eb.or([isUnsold(eb), needsReview(eb)])
}

/** The condition for an order that was settled without a sale. */
export function isUnsold(eb: ExpressionBuilder<Schema, 'orders'>) {
  // Unsold orders have a reason; saying so lets databases use the index over them.
  return eb.and([
    eb('orders.status', 'in', UNSOLD_STATUSES),
    eb('orders.reason', 'is not', null),
    eb('orders.settled_at', 'is not', null),
  ])
}

/** When the order was settled; else when its last charge ended or started; else when its import started. */
function failedAt(eb: ExpressionBuilder<Schema, 'orders' | 'payments'>) {
  const importedAt = eb.selectFrom('imports').whereRef('imports.id', '=', 'orders.import_id').select('started_at')
  return eb.fn.coalesce('orders.settled_at', 'payments.answered_at', 'payments.created_at', importedAt).$notNull()
}
