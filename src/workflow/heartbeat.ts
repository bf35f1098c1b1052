// A worker's row, which shows that it is alive, and what it writes beside it every two seconds.
import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import type { Kysely } from 'kysely'
import { startBackground, type Troubles } from '../background.js'
import { ClockWatch, isClockRefusal, uptimeFor } from '../database/clocks.js'
import { databaseTime } from '../database/engine.js'
import { isReplaced } from '../database/opened-file.js'
import type { Schema } from '../database/schema.js'
import { inTransaction } from '../database/transaction.js'
import type { WorkerId } from '../domain/ids.js'
import { BatchRuntimes, writeRuntimes } from './batch-runtimes.js'

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
  /** Remembers how long a batch took, for the next beat to write. */
  countBatch(ms: number): void
  /** Writes what is not written yet, and that the worker stopped. Where the database is away, the row's age tells so. */
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
  /** By how much the database's clock is ahead of ours. */
  let ahead = 0
  const id = randomUUID() as string as WorkerId
  const startedAt = await databaseTime(db)
  ahead = startedAt - Date.now()
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
  const runtimes = new BatchRuntimes()
  let before = { at: startedAt, processed: 0 }
  const beat = async (ended: boolean) => {
    const now = { at: await databaseTime(db), uptime: uptimeFor(db), processed: processed() }
    ahead = now.at - Date.now()
    const rate = ((now.processed - before.processed) * 1000) / Math.max(1, now.at - before.at)
    ordersPerSecond = Math.round(rate * 10) / 10
    before = now
    const unwritten = runtimes.unwritten()
    await inTransaction(db, async (trx) => {
      await trx
        .updateTable('workers')
        .set({
          last_seen: now.at,
          uptime_ms: now.uptime,
          concurrency,
          processed: now.processed,
          orders_per_second: ordersPerSecond,
          stopped_at: ended ? now.at : null,
        })
        .where('id', '=', id)
        .execute()
      await writeRuntimes(trx, id, unwritten.rows)
    })
    runtimes.forget(unwritten)
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
    countBatch: (ms) => runtimes.count(ms, Date.now() + ahead),
    end: () => beating.end(),
  }
}
