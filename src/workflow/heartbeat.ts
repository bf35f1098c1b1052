// A worker's row, which shows that it is alive and how fast it works.
import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import type { Kysely } from 'kysely'
import { startBackground, type Troubles } from '../background.js'
import { ClockWatch, isClockRefusal, uptimeFor } from '../database/clocks.js'
import { databaseTime } from '../database/engine.js'
import { isReplaced } from '../database/opened-file.js'
import type { Schema } from '../database/schema.js'
import type { WorkerId } from '../domain/ids.js'
import { RecentBatches } from './recent-batches.js'

const HEARTBEAT_MS = 2000

/** How a worker fares. */
export interface WorkFigures {
  readonly processed: number
  /** Of the last two seconds. */
  readonly ordersPerSecond: number
  /** Batches in hand, at the most. */
  readonly concurrency: number
}

export interface Heartbeat {
  /** Aborted, with the error, once the worker must not go on. */
  readonly fatal: AbortSignal
  resize(concurrency: number): void
  /** Remembers how long a batch took and how many orders it settled, for the next beat. */
  countBatch(ms: number, orders: number): void
  /** Writes the last figures, and that the worker stopped. Where the database is away, the row's age tells so. */
  end(): Promise<void>
}

/**
 * Writes the row at once, keeps it fresh, and marks it when the worker ends as it should.
 *
 * @param onAlive told after each beat, also after one that the database refused: a server that is away is no fault of
 *   the worker, and starting anew would only lose the answers that it waits for. It is not told while the process hangs,
 *   or while the database neither takes nor refuses the beat.
 */
export async function startHeartbeat(
  db: Kysely<Schema>,
  atFirst: number,
  processed: () => number,
  onAlive: (figures: WorkFigures) => void,
  troubles: Troubles,
): Promise<Heartbeat> {
  let concurrency = atFirst
  let ordersPerSecond = 0
  const id = randomUUID() as string as WorkerId
  const startedAt = await databaseTime(db)
  await db
    .insertInto('workers')
    .values({
      id,
      host: hostname(),
      pid: process.pid,
      concurrency,
      started_at: startedAt,
      last_seen: startedAt,
      processed: 0,
      orders_per_second: 0,
      stopped_at: null,
      uptime_ms: uptimeFor(db),
    })
    .execute()
  const batches = new RecentBatches()
  let before = { at: startedAt, processed: 0 }
  const beat = async (ended: boolean) => {
    const now = { at: await databaseTime(db), uptime: uptimeFor(db), processed: processed() }
    const rate = ((now.processed - before.processed) * 1000) / Math.max(1, now.at - before.at)
    ordersPerSecond = Math.round(rate * 10) / 10
    before = now
    await db
      .updateTable('workers')
      .set({
        last_seen: now.at,
        uptime_ms: now.uptime,
        concurrency,
        processed: now.processed,
        orders_per_second: ordersPerSecond,
        stopped_at: ended ? now.at : null,
        ...batches.summary(),
      })
      .where('id', '=', id)
      .execute()
  }
  const fatal = new AbortController()
  const clocks = new ClockWatch(db, { id, startedAt })
  const beating = startBackground(
    async (isLast) => {
      try {
        await beat(isLast)
        if (!isLast) await clocks.look()
      } catch (error) {
        if (!isReplaced(error) && !isClockRefusal(error)) throw error
        fatal.abort(error)
      } finally {
        if (!isLast) onAlive({ processed: processed(), ordersPerSecond, concurrency })
      }
    },
    { pauseMs: () => HEARTBEAT_MS, troubles, lastRun: true },
  )
  return {
    fatal: fatal.signal,
    resize(to) {
      concurrency = to
    },
    countBatch: (ms, orders) => batches.add(ms, orders),
    end: () => beating.end(),
  }
}
