// Orders that were not sold: which they are and why, retrying them, and clearing them from the list. The list has failed and
// rolled-back orders until a person clears them, and open orders that wait for a person (REVIEW_REASONS).

import type { ExpressionBuilder, Kysely } from 'kysely'
import type { Database } from '../database/connection.js'
import { databaseTime, forUpdate } from '../database/engine.js'
import { packIds } from '../database/packed-rows.js'
import { isAmong } from '../database/row-source.js'
import type { Schema } from '../database/schema.js'
import { atOneMoment, inTransaction } from '../database/transaction.js'
import { ALL_ROWS, groupBy, inBatches } from '../domain/batches.js'
import type { OrderId } from '../domain/ids.js'
import { type FailureReason, type OrderStatus, UNSOLD_STATUSES } from '../domain/order.js'
import { makeDue, waitsForPerson } from '../queue/due-orders.js'
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
  return atOneMoment(db, async (trx) => {
    const listed = failures(trx, filter).where('orders.cleared_at', 'is', null)
    const { total } = await listed.select((eb) => eb.fn.countAll<number>().as('total')).executeTakeFirstOrThrow()
    const newest = listed
      .select(['orders.reference as order_id', 'orders.source', 'orders.status', 'orders.reason'])
      .select((eb) => ['orders.attempt as attempts', failedAt(eb).as('failed_at'), 'orders.message'])
      .orderBy('failed_at', 'desc')
      .orderBy('orders.id', 'desc')
      .limit(limit)
    // Ended unsold, or was last asked for without an answer.
    const orders = (await newest.execute()).map((order) => ({ ...order, failed_at: new Date(order.failed_at) }))
    return { total, orders }
  })
}

/** What a person may do about a failure. */
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
export async function chooseFailures(
  db: Database,
  action: FailureAction,
  { ids, limit = ALL_ROWS, ...filter }: FailureSelection,
) {
  let chosen = failures(db, filter)
  if (ids) chosen = chosen.where(isAmong(db, 'orders.id', ids))
  if (!ids || action === 'clear') chosen = chosen.where('orders.cleared_at', 'is', null)
  if (action === 'clear') chosen = chosen.where('orders.status', 'in', UNSOLD_STATUSES)
  const newest = chosen
    .select((eb) => ['orders.id', 'orders.reason', failedAt(eb).as('failedAt')])
    .orderBy('failedAt', 'desc')
    .orderBy('orders.id', 'desc')
    .limit(limit)
  const rows = await newest.execute()
  const byReason = groupBy(rows, ({ reason }) => reason ?? 'unknown')
  const reasons = [...byReason].map(([reason, { length }]) => ({ reason, orders: length }))
  return { ids: rows.map((row) => row.id).reverse(), reasons: reasons.sort((one, other) => other.orders - one.orders) }
}

/** Waves of a staggered retry: each costs a statement and a message. An hour has one every 18 seconds. */
const MOST_WAVES = 200

/**
 * Makes the orders due again. A failed or rolled-back order gets a new attempt, and so a new key for its charge. An order
 * whose charge has no known outcome keeps attempt and key: the gateway is asked the same question again.
 *
 * @param ids in the order in which they are to be tried
 * @param staggerMs spreads them evenly over that time from now
 * @returns how many changed; an order that somebody else has changed since it was chosen is left alone
 */
export async function retryFailures(
  db: Database,
  queue: Queue,
  ids: readonly OrderId[],
  staggerMs = 0,
): Promise<number> {
  const size = staggerMs === 0 ? Math.max(1, ids.length) : Math.ceil(ids.length / MOST_WAVES)
  const waves = inBatches(ids, size).map((wave, index) => {
    return { ids: wave, delayMs: Math.floor((staggerMs * index * size) / ids.length) }
  })
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

const NO_FAILURE = { reason: null, message: null, settled_at: null, cleared_at: null }

/** Opens those of the orders that may be retried; they are not in the queue yet. Returns which they are. */
async function reopen(trx: Kysely<Schema>, ids: readonly OrderId[]): Promise<ReadonlySet<OrderId>> {
  const failed = trx
    .selectFrom('orders')
    .where(isAmong(trx, 'id', ids))
    .where(isFailure)
  const locked = await forUpdate(trx, failed.orderBy('id').select(['id', 'status'])).execute()
  const isUnsold = ({ status }: { status: OrderStatus }) => UNSOLD_STATUSES.some((unsold) => unsold === status)
  const unsold = packIds(locked.filter(isUnsold))
  const unanswered = packIds(locked.filter((order) => !isUnsold(order)))
  await trx
    .updateTable('orders')
    .set((eb) => ({ status: 'pending', attempt: eb('attempt', '+', 1), ...NO_FAILURE }))
    .where(isAmong(trx, 'id', unsold))
    .execute()
  await trx
    .updateTable('orders')
    .set(NO_FAILURE)
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
 * @returns how many changed; an order that was retried or cleared since it was chosen is left alone
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
  return db
    .selectFrom('orders')
    .leftJoin('payments', (join) =>
      join.onRef('payments.order_id', '=', 'orders.id').onRef('payments.attempt', '=', 'orders.attempt'),
    )
    .where((eb) =>
      eb.and([
        isFailure(eb),
        ...(reason === undefined ? [] : [eb('orders.reason', '=', reason)]),
        ...(source === undefined ? [] : [eb('orders.source', '=', source)]),
        ...(since === undefined ? [] : [eb(failedAt(eb), '>=', since)]),
        ...(sku === undefined ? [] : [hasLineOf(eb, sku)]),
      ]),
    )
}

function hasLineOf(eb: ExpressionBuilder<Schema, 'orders'>, sku: string) {
  return eb.exists(
    eb
      .selectFrom('order_lines')
      .innerJoin('products', 'products.id', 'order_lines.product_id')
      .select('order_lines.order_id')
      .whereRef('order_lines.order_id', '=', 'orders.id')
      .where('products.sku', '=', sku),
  )
}

/** Unsold, or waiting for a person. */
function isFailure(eb: ExpressionBuilder<Schema, 'orders'>) {
  return eb.or([eb('orders.status', 'in', UNSOLD_STATUSES), waitsForPerson(eb)])
}

/** Settled, or else last asked without an answer, or else imported. */
function failedAt(eb: ExpressionBuilder<Schema, 'orders' | 'payments'>) {
  const importedAt = eb.selectFrom('imports').whereRef('imports.id', '=', 'orders.import_id').select('started_at')
  return eb.fn.coalesce('orders.settled_at', 'payments.answered_at', 'payments.created_at', importedAt).$notNull()
}
