// Reads the current status: queue, orders, workers, imports and recent failures.
import type { Database } from '../database/connection.js'
import { isHeld } from '../database/lease.js'
import { readShop } from '../database/shop.js'
import { inSnapshot } from '../database/transaction.js'
import { ORDER_STATUSES, type OrderStatus } from '../domain/order.js'
import { resumeCommand } from '../domain/shell.js'
import { MINUTE_MS, SECOND_MS } from '../domain/time.js'
import { UserError } from '../errors.js'
import { countDue, countNeedingReview, isNotCancelled } from '../queue/due-orders.js'
import type { Queue, QueueCounts } from '../queue/queue.js'
import { isoTime, tenths } from '../terminal/text.js'
import { isUnsold } from '../workflow/failures.js'
import { totalCounts } from '../workflow/order-counts.js'
import { countRefundsToReview } from './refunds.js'
import { measureThroughput } from './throughput.js'

/** A worker without a heartbeat for this long is no longer listed. */
const WORKER_GONE_MS = 10 * MINUTE_MS
/** A worker without a heartbeat for this long hangs or has died. */
export const WORKER_STALE_MS = 30 * SECOND_MS
const RECENT_FAILURES = 5

/** The status, with additional figures for some views. */
export type StatusReading = Awaited<ReturnType<ReturnType<typeof statusReader>>>

/** The output of `status --json`, from which all other views are made. Times are ISO 8601. */
export type Status = StatusReading['status']

/** The state of the queue's server. */
export interface Delivery {
  readonly driver: string
  /** Null if the server is unreachable. */
  readonly paused: boolean | null
  /** The server's own counts; null for the embedded queue or if the server is unreachable. */
  readonly transport: ({ readonly unit: string } & ReturnType<typeof countsOf>) | null
  readonly unreachable: UserError | undefined
}

/** @param now the database's time */
export type Figure<Value> = (db: Database, now: number) => Promise<Value>

/** Reads all figures in one snapshot. */
export async function readStatus(db: Database, queue: Queue, now: number): Promise<StatusReading> {
  const delivery = await readDelivery(queue)
  return inSnapshot(db, async (view) => statusReader((read) => () => read(view, now))(delivery, now))
}

/** @param through decides how each figure is read: from one snapshot, or throttled */
export function statusReader(through: <Value>(read: Figure<Value>) => () => Promise<Value>) {
  const read = {
    shop: through((db) => readShop(db)),
    counts: through(countOrders),
    needingReview: through(countNeedingReview),
    due: through(countDue),
    throughput: through(measureThroughput),
    workers: through(readWorkers),
    pace: through((db, now) => readPace(db, now)),
    imports: through(readOpenImports),
    failures: through(readFailures),
    refundsToReview: through(countRefundsToReview),
  }
  /** @param at epoch milliseconds */
  return async ({ unreachable, driver, paused, transport }: Delivery, at: number) => {
    const { orders, cancelled } = await read.counts()
    const unresolved = [...(await read.needingReview()).values()].reduce((sum, count) => sum + count, 0)
    const due = await read.due()
    const workers = await read.workers()
    const { runtimes, ...pace } = await read.pace()
    const estimate = estimateWait(due.waiting, workers, pace)
    const status = {
      /** The identity of the database. */
      shop: await read.shop(),
      queue: {
        ...{ driver, paused },
        ...countsOf(due),
        /** Estimated time until all waiting orders are processed; null if unknown. */
        estimated_wait_seconds: estimate === null ? null : tenths(estimate),
        transport,
      },
      orders,
      /** The failed orders that people have cancelled. */
      cancelled,
      /** Open orders that need review: payment_unknown and poison. */
      unresolved,
      /** Refunds of completed orders that need review. */
      refunds_to_review: await read.refundsToReview(),
      throughput: await read.throughput(),
      workers,
      /** Imports that have not ended. */
      imports: await read.imports(),
      /** Newest first, without cleared and cancelled ones. */
      recent_failures: orders.failed + orders.rolled_back > 0 ? await read.failures() : [],
    }
    return { status, at, runtimes, unreachable }
  }
}

function countsOf({ waiting, active, delayed, oldestWaitingSeconds }: QueueCounts) {
  return { waiting, active, delayed, oldest_waiting_seconds: oldestWaitingSeconds }
}

export async function readDelivery(queue: Queue): Promise<Delivery> {
  const { driver } = queue
  try {
    const paused = await queue.isPaused()
    const counts = driver === 'embedded' ? null : await queue.counts()
    return { driver, paused, transport: counts && { unit: counts.unit, ...countsOf(counts) }, unreachable: undefined }
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    return { driver, paused: null, transport: null, unreachable: error }
  }
}

/** Reads the counts of orders by status. */
async function countOrders(db: Database) {
  const counts = await totalCounts(db)
    .groupBy('status')
    .select((eb) => [
      'status',
      eb.fn.sum<number>('orders').as('orders'),
      eb.fn.sum<number | null>('orders').filterWhere('reason', '=', 'cancelled').as('cancelled'),
    ])
    .execute()
  const countOf = (status: OrderStatus) => counts.find((row) => row.status === status)
  const orders = Object.fromEntries(ORDER_STATUSES.map((status) => [status, countOf(status)?.orders ?? 0]))
  return { orders: orders as Record<OrderStatus, number>, cancelled: countOf('failed')?.cancelled ?? 0 }
}

export async function readWorkers(db: Database, now: number) {
  const workers = await db
    .selectFrom('workers')
    .select(['id', 'host', 'pid', 'concurrency', 'orders_per_second', 'started_at', 'last_seen', 'waiting_for'])
    .where('stopped_at', 'is', null)
    .where('last_seen', '>', now - WORKER_GONE_MS)
    .orderBy('started_at')
    .orderBy('id')
    .execute()
  return workers.map((worker) => ({
    ...worker,
    /** Why the worker claims no orders, such as a payment gateway that is unreachable; null if it does. */
    waiting_for: worker.waiting_for,
    started_at: new Date(worker.started_at).toISOString(),
    last_seen: new Date(worker.last_seen).toISOString(),
    /** No heartbeat for 30 seconds. */
    stale: worker.last_seen <= now - WORKER_STALE_MS,
  }))
}

export async function readOpenImports(db: Database, now: number) {
  const imports = await db
    .selectFrom('imports')
    .select(['id', 'source', 'file', 'status', 'rows', 'started_at', 'lease_until', 'host', 'pid'])
    .where('ended_at', 'is', null)
    .orderBy('id')
    .execute()
  return imports.map((run) => ({
    ...{ file: run.file, status: run.status, rows: run.rows },
    started_at: new Date(run.started_at).toISOString(),
    /** Its process has died, or has not renewed its lease. */
    abandoned: !isHeld(run, now),
    /** The command that finishes an abandoned import. */
    resume: run.status === 'undoing' ? `orderctl import undo ${run.id}` : resumeCommand(run),
  }))
}

async function readFailures(db: Database) {
  const failures = await db
    .selectFrom('orders')
    .select(['reference as order_id', 'status', 'reason', 'message', 'settled_at'])
    .where(isUnsold)
    .where('cleared_at', 'is', null)
    .where(isNotCancelled)
    .orderBy('settled_at', 'desc')
    .orderBy('id', 'desc')
    .limit(RECENT_FAILURES)
    .execute()
  return failures.map(({ settled_at, ...failure }) => ({ ...failure, failed_at: isoTime(settled_at) }))
}

export type Pace = Awaited<ReturnType<typeof readPace>>

/**
 * Sums up the recent batches of each worker with a heartbeat since then: those in the five minutes before its last
 * heartbeat. `orders` are settled orders. `totalMs` is the time from claim to settlement, summed over all batches.
 * `runtimes` are percentiles in milliseconds: the highest of any worker, since percentiles do not add up; null if there
 * were no batches.
 */
export async function readPace(db: Database, now: number, since = now - 5 * MINUTE_MS) {
  const row = await db
    .selectFrom('workers')
    .select((eb) => [
      eb.fn.sum<number | null>('recent_batches').as('batches'),
      eb.fn.sum<number | null>('recent_orders').as('orders'),
      eb.fn.sum<number | null>('recent_ms').as('totalMs'),
      eb.fn.max('runtime_p50_ms').as('p50'),
      eb.fn.max('runtime_p95_ms').as('p95'),
      eb.fn.max('runtime_p99_ms').as('p99'),
    ])
    .where('last_seen', '>', since)
    .executeTakeFirstOrThrow()
  const { p50, p95, p99 } = row
  return {
    batches: row.batches ?? 0,
    orders: row.orders ?? 0,
    totalMs: row.totalMs ?? 0,
    runtimes: p50 === null || p95 === null || p99 === null ? null : { p50, p95, p99 },
  }
}

/**
 * Estimates the time in which the live workers process all waiting orders, in seconds:
 *
 *     waiting orders x batch time per settled order / concurrent batches
 *
 * and at least the time of one batch. Ignores a pause of the queue.
 *
 * @param workers with their maximum numbers of concurrent batches
 * @returns null if no worker is alive or nothing was settled recently
 */
export function estimateWait(
  waiting: number,
  workers: readonly { readonly concurrency: number; readonly stale: boolean }[],
  { batches, orders, totalMs }: Omit<Pace, 'runtimes'>,
): number | null {
  if (waiting === 0) return 0
  const concurrent = workers.reduce((sum, worker) => sum + (worker.stale ? 0 : worker.concurrency), 0)
  if (concurrent === 0 || batches === 0 || orders === 0) return null
  return Math.max(totalMs / batches, (waiting * totalMs) / orders / concurrent) / 1000
}
