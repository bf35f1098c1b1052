// A worker's row in the database, which shows that it is alive, and what it writes with it every two seconds.
import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import type { Kysely } from 'kysely'
import { startBackground, type Troubles } from '../background.js'
import { ClockWatch, uptimeFor } from '../database/clocks.js'
import { databaseTime } from '../database/engine.js'
import { isReplaced } from '../database/opened-file.js'
import type { Schema } from '../database/schema.js'
import type { WorkerId } from '../domain/ids.js'
import { errorCode } from '../errors.js'
import { RecentBatches } from './recent-batches.js'
import type { WorkFigures } from './worker-events.js'

const HEARTBEAT_MS = 2000

interface Beating {
  figures(): Omit<WorkFigures, 'ordersPerSecond'>
  /**
   * Called after each beat, also if the database refused it: restarting would not mend a server that is away, and would
   * lose the answers that charges wait for. Not called while the process hangs, nor while the database neither takes nor
   * refuses the beat.
   */
  onAlive(figures: WorkFigures): void
  /** Called with the error if the worker must not go on. */
  onFatal(error: unknown): void
  readonly troubles: Troubles
}

export interface Heartbeat {
  /** Remembers how long a batch took and how many orders it settled, for the next beat. */
  countBatch(ms: number, orders: number): void
  /** Marks the row as stopped. If the database is away, the row's age shows it. */
  stop(): Promise<void>
}

/** Writes the row at once, and keeps it fresh. */
export async function startHeartbeat(db: Kysely<Schema>, beating: Beating): Promise<Heartbeat> {
  const id = randomUUID() as string as WorkerId
  const startedAt = await databaseTime(db)
  let last = { at: startedAt, processed: 0, ordersPerSecond: 0 }
  const state = () => ({
    last_seen: last.at,
    uptime_ms: uptimeFor(db),
    concurrency: beating.figures().concurrency,
    processed: last.processed,
    orders_per_second: last.ordersPerSecond,
  })
  await db
    .insertInto('workers')
    .values({ id, host: hostname(), pid: process.pid, started_at: startedAt, ...state() })
    .execute()
  const batches = new RecentBatches()
  const beat = async (isLast: boolean) => {
    const at = await databaseTime(db)
    const { processed } = beating.figures()
    const perSecond = ((processed - last.processed) * 1000) / Math.max(1, at - last.at)
    last = { at, processed, ordersPerSecond: Math.round(perSecond * 10) / 10 }
    await db
      .updateTable('workers')
      .set({ ...state(), ...batches.summary(), stopped_at: isLast ? at : null })
      .where('id', '=', id)
      .execute()
  }
  const clocks = new ClockWatch(db, { id, startedAt })
  const run = async (isLast: boolean) => {
    try {
      await beat(isLast)
      if (!isLast) await clocks.look()
    } catch (error) {
      if (!isReplaced(error) && errorCode(error) !== 'clocks_disagree') throw error
      beating.onFatal(error)
    } finally {
      if (!isLast) beating.onAlive({ ...beating.figures(), ordersPerSecond: last.ordersPerSecond })
    }
  }
  const { troubles } = beating
  const { end } = startBackground(run, { pauseMs: () => HEARTBEAT_MS, troubles, lastRun: true })
  return { stop: end, countBatch: (ms, orders) => batches.add(ms, orders) }
}
