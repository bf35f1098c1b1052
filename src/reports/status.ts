// The state of things at this moment: the queue, the orders, who works on them, and what waits for a person.

import type { Database } from '../database/connection.js'
import { isAlive } from '../database/holder.js'
import { sql } from '../database/kysely.js'
import type { ImportStatus } from '../database/schema.js'
import { atOneMoment } from '../database/transaction.js'
import { OPEN_STATUSES, ORDER_STATUSES, type OrderStatus, REVIEW_REASONS } from '../domain/order.js'
import { HOUR_MS, MINUTE_MS, SECOND_MS } from '../domain/time.js'
import { UserError } from '../errors.js'
import { countDue } from '../queue/due-orders.js'
import type { Queue, QueueCounts } from '../queue/queue.js'
import { estimateWait, type Pace, readPace } from './pace.js'

/** A worker that was not seen for so long went without saying so. */
const WORKER_GONE_MS = 10 * MINUTE_MS
/** A worker reports more often than this; one that does not is stuck, or gone. */
export const WORKER_STALE_MS = 30 * SECOND_MS
const RECENT_FAILURES = 5

export interface Status {
  readonly at: number
  readonly queue: QueueState
  readonly orders: Readonly<Record<OrderStatus, number>>
  /** Open orders that need review: payment_unknown and poison. */
  readonly unresolved: number
  readonly throughput: Throughput
  /** Of the last five minutes. */
  readonly pace: Pace
  /** How long the live workers would take for all that waits; null where nobody works, or nothing was settled of late. */
  readonly estimatedWaitSeconds: number | null
  readonly workers: readonly WorkerState[]
  /** Imports that have not ended. */
  readonly imports: readonly OpenImport[]
  /** The latest first, save those that a person took off the list. */
  readonly failures: readonly RecentFailure[]
}

/** What waits, in orders, as the database has it; and the same as the queue's server has it. */
export interface QueueState extends QueueCounts, Delivery {
  readonly driver: string
}

export interface Delivery {
  /** Null where the server cannot be asked. */
  readonly paused: boolean | null
  /** Null for the embedded queue, which has no server, and where the server cannot be asked. */
  readonly transport: QueueCounts | null
  readonly unreachable: UserError | undefined
}

/** Orders settled a minute, over the last minute, five minutes and hour. */
interface Throughput {
  readonly lastMinute: number
  readonly fiveMinutes: number
  readonly hour: number
}

export interface WorkerState {
  readonly id: string
  readonly host: string
  readonly pid: number
  readonly concurrency: number
  readonly ordersPerSecond: number
  readonly startedAt: number
  readonly lastSeen: number
  readonly stale: boolean
}

export interface OpenImport {
  readonly source: string
  readonly file: string
  readonly status: ImportStatus
  readonly rows: number
  readonly startedAt: number
  /** Its process is gone: it ended before its time, or gave no sign for longer than its lease. */
  readonly abandoned: boolean
}

export interface RecentFailure {
  readonly reference: string
  readonly status: OrderStatus
  readonly reason: string | null
  readonly message: string | null
  readonly failedAt: number | null
}

/** @param now the database's time */
export async function readStatus(db: Database, queue: Queue, now: number): Promise<Status> {
  const delivery = await readQueue(db, queue)
  return atOneMoment(db, async (snapshot) => {
    const { orders, unresolved } = await countOrders(snapshot)
    const failed = orders.failed + orders.rolled_back > 0
    const workers = await readWorkers(snapshot, now)
    const pace = await readPace(snapshot, now)
    return {
      at: now,
      queue: delivery,
      orders,
      unresolved,
      throughput: await measureThroughput(snapshot, now),
      pace,
      estimatedWaitSeconds: estimateWait(delivery.waiting, workers, pace),
      workers,
      imports: await readOpenImports(snapshot, now),
      failures: failed ? await readFailures(snapshot) : [],
    }
  })
}

async function readQueue(db: Database, queue: Queue): Promise<QueueState> {
  return { driver: queue.driver, ...(await countDue(db)), ...(await readDelivery(queue)) }
}

/** What the queue itself says, which may have a server that cannot be asked. */
export async function readDelivery(queue: Queue): Promise<Delivery> {
  try {
    const paused = await queue.isPaused()
    const transport = queue.driver === 'embedded' ? null : await queue.counts()
    return { paused, transport, unreachable: undefined }
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    return { paused: null, transport: null, unreachable: error }
  }
}

export async function countOrders(db: Database) {
  const rows = await db
    .selectFrom('orders')
    .select((eb) => [
      'status',
      eb.fn.countAll<number>().as('orders'),
      eb.fn.count<number>(eb.case().when('reason', 'in', REVIEW_REASONS).then(1).end()).as('unresolved'),
    ])
    .groupBy('status')
    .execute()
  const counts = new Map(rows.map((row) => [row.status, row]))
  const countIn = (status: OrderStatus) => counts.get(status)?.orders ?? 0
  return {
    orders: Object.fromEntries(ORDER_STATUSES.map((status) => [status, countIn(status)])) as Record<
      OrderStatus,
      number
    >,
    unresolved: OPEN_STATUSES.reduce((sum, status) => sum + (counts.get(status)?.unresolved ?? 0), 0),
  }
}

export async function measureThroughput(db: Database, now: number): Promise<Throughput> {
  const settledSince = (since: number) => sql<number | null>`sum(case when settled_at > ${since} then 1 else 0 end)`
  const settled = await db
    .selectFrom('orders')
    .select((eb) => [
      settledSince(now - MINUTE_MS).as('minute'),
      settledSince(now - 5 * MINUTE_MS).as('five'),
      eb.fn.countAll<number>().as('hour'),
    ])
    .where('settled_at', '>', now - HOUR_MS)
    .where('settled_at', '<=', now)
    .executeTakeFirstOrThrow()
  return { lastMinute: settled.minute ?? 0, fiveMinutes: (settled.five ?? 0) / 5, hour: settled.hour / 60 }
}

export async function readWorkers(db: Database, now: number): Promise<WorkerState[]> {
  const workers = await db
    .selectFrom('workers')
    .selectAll()
    .where('stopped_at', 'is', null)
    .where('last_seen', '>', now - WORKER_GONE_MS)
    .orderBy('started_at')
    .orderBy('id')
    .execute()
  return workers.map(({ id, host, pid, concurrency, orders_per_second, started_at, last_seen }) => ({
    id,
    host,
    pid,
    concurrency,
    ordersPerSecond: orders_per_second,
    startedAt: started_at,
    lastSeen: last_seen,
    stale: last_seen <= now - WORKER_STALE_MS,
  }))
}

export async function readOpenImports(db: Database, now: number): Promise<OpenImport[]> {
  const imports = await db
    .selectFrom('imports')
    .select(['source', 'file', 'status', 'rows', 'started_at', 'lease_until', 'host', 'pid'])
    .where('status', 'in', ['reading', 'releasing'])
    .orderBy('id')
    .execute()
  return imports.map((run) => ({
    source: run.source,
    file: run.file,
    status: run.status,
    rows: run.rows,
    startedAt: run.started_at,
    abandoned: !isAlive(run, now),
  }))
}

export async function readFailures(db: Database): Promise<RecentFailure[]> {
  const failures = await db
    .selectFrom('orders')
    .select(['reference', 'status', 'reason', 'message', 'settled_at'])
    .where('status', 'in', ['failed', 'rolled_back'])
    .where('settled_at', 'is not', null)
    .where('cleared_at', 'is', null)
    .orderBy('settled_at', 'desc')
    .orderBy('id', 'desc')
    .limit(RECENT_FAILURES)
    .execute()
  return failures.map(({ reference, settled_at, ...rest }) => ({ reference, ...rest, failedAt: settled_at }))
}
