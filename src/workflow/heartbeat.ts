// A worker's heartbeat: a row in the database with the worker's figures, updated every two seconds while it is alive.
import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import type { Kysely } from 'kysely'
import { type FailureReporter, startBackground } from '../background.js'
import { ClockWatch, uptimeFor } from '../database/clocks.js'
import { databaseTime } from '../database/engine.js'
import { isReplaced } from '../database/opened-file.js'
import type { Schema } from '../database/schema.js'
import type { WorkerId } from '../domain/ids.js'
import { DAY_MS, MINUTE_MS } from '../domain/time.js'
import { errorCode } from '../errors.js'
import { dateBackFutureKeys } from './key-ages.js'
import type { WorkFigures } from './worker-events.js'

const HEARTBEAT_MS = 2000

/** Number of beats between two corrections of keys. */
const BEATS_PER_CORRECTION = 30

/** How long the rows of earlier workers are kept: a drain every minute adds one for each. */
const WORKER_KEPT_MS = 7 * DAY_MS

interface HeartbeatOptions {
  figures(): Omit<WorkFigures, 'ordersPerSecond'>
  /** Why the worker claims nothing; undefined if it does. */
  waitingFor(): string | undefined
  /**
   * Called after each beat, even if it failed: a restart would not make the server reachable, and would lose the
   * answers of open charges. Not called while the process hangs or the database neither answers nor fails.
   */
  onAlive(figures: WorkFigures): void
  /** Called with the error if the worker must not continue. */
  onFatal(error: unknown): void
  readonly reporter: FailureReporter
  /** How long gateways remember a key. */
  readonly keyLifetimeMs: number
}

export type Heartbeat = Awaited<ReturnType<typeof startHeartbeat>>

/**
 * Writes the row at once, and updates it until `stop`.
 *
 * @returns `batches`, which the next beat summarises, and `stop`, which marks the row as stopped. If the database is
 * unreachable then, the row's age shows that the worker has stopped.
 */
export async function startHeartbeat(db: Kysely<Schema>, options: HeartbeatOptions) {
  const id = randomUUID() as string as WorkerId
  const startedAt = await databaseTime(db)
  let last = { at: startedAt, processed: 0, ordersPerSecond: 0 }
  const state = () => ({
    last_seen: last.at,
    uptime_ms: uptimeFor(db),
    concurrency: options.figures().concurrency,
    processed: last.processed,
    orders_per_second: last.ordersPerSecond,
    waiting_for: options.waitingFor() ?? null,
  })
  await db
    .deleteFrom('workers')
    .where('last_seen', '<', startedAt - WORKER_KEPT_MS)
    .execute()
  const worker = { id, host: hostname(), pid: process.pid, started_at: startedAt }
  await db
    .insertInto('workers')
    .values({ ...worker, ...state() })
    .execute()
  await dateBackFutureKeys(db, options.keyLifetimeMs)
  let beats = 0
  const batches = new RecentBatches()
  const beat = async (isLast: boolean) => {
    const at = await databaseTime(db)
    const { processed } = options.figures()
    const perSecond = ((processed - last.processed) * 1000) / Math.max(1, at - last.at)
    last = { at, processed, ordersPerSecond: Math.round(perSecond * 10) / 10 }
    const row = { ...state(), ...batches.summary(), stopped_at: isLast ? at : null }
    await db.updateTable('workers').set(row).where('id', '=', id).execute()
  }
  const clocks = new ClockWatch(db, { id, startedAt })
  const run = async (isLast: boolean) => {
    try {
      await beat(isLast)
      if (isLast) return
      await clocks.check()
      beats += 1
      if (beats % BEATS_PER_CORRECTION === 0) await dateBackFutureKeys(db, options.keyLifetimeMs)
    } catch (error) {
      if (!isReplaced(error) && errorCode(error) !== 'clocks_disagree') throw error
      options.onFatal(error)
    } finally {
      if (!isLast) options.onAlive({ ...options.figures(), ordersPerSecond: last.ordersPerSecond })
    }
  }
  const { reporter } = options
  const { end } = startBackground(run, { pauseMs: () => HEARTBEAT_MS, reporter, lastRun: true })
  return { batches, stop: end }
}

const WINDOW_MS = 5 * MINUTE_MS

/** Limits how many batches a heartbeat sorts. */
const MOST_BATCHES = 10_000

/** A worker's latest batches. Times are by performance.now(). */
export class RecentBatches {
  #batches: { readonly ms: number; readonly orders: number; readonly endedAt: number }[] = []

  /**
   * @param ms from claimed to settled
   * @param orders number of orders that the batch settled
   */
  add(ms: number, orders: number, endedAt = performance.now()): void {
    this.#batches.push({ ms, orders, endedAt })
  }

  /** Summarises the last five minutes, but at most the last 10,000 batches, as columns of the table `workers`. */
  summary(now = performance.now()) {
    this.#batches = this.#batches.filter(({ endedAt }) => endedAt > now - WINDOW_MS).slice(-MOST_BATCHES)
    const sorted = this.#batches.map(({ ms }) => ms).sort((a, b) => a - b)
    // Nearest rank: the shortest runtime that at least this share of the batches do not exceed.
    const percentile = (share: number) => sorted[Math.ceil(share * sorted.length) - 1] ?? null
    return {
      recent_batches: sorted.length,
      recent_orders: this.#batches.reduce((sum, { orders }) => sum + orders, 0),
      recent_ms: sorted.reduce((sum, ms) => sum + ms, 0),
      runtime_p50_ms: percentile(0.5),
      runtime_p95_ms: percentile(0.95),
      runtime_p99_ms: percentile(0.99),
    }
  }
}
