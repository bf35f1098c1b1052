// A worker's row, which shows that it is alive, and what it writes beside it every two seconds.
import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import type { Kysely } from '../database/kysely.js'
import type { Schema } from '../database/schema.js'
import type { WorkerId } from '../domain/ids.js'
import { BatchRuntimes, writeRuntimes } from './batch-runtimes.js'

const HEARTBEAT_MS = 2000

export interface Heartbeat {
  resize(concurrency: number): void
  /** Remembers how long a batch took, for the next beat to write. */
  countBatch(ms: number): void
  /** Writes what is not written yet, and that the worker stopped. */
  end(): Promise<void>
}

/** Writes the row at once, keeps it fresh, and marks it when the worker ends as it should. */
export async function startHeartbeat(db: Kysely<Schema>, atFirst: number, processed: () => number): Promise<Heartbeat> {
  let concurrency = atFirst
  const id = randomUUID() as string as WorkerId
  const startedAt = Date.now()
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
    })
    .execute()
  const runtimes = new BatchRuntimes()
  let before = { at: startedAt, processed: 0 }
  const beat = async (stoppedAt: number | null) => {
    const now = { at: Date.now(), processed: processed() }
    const rate = ((now.processed - before.processed) * 1000) / Math.max(1, now.at - before.at)
    before = now
    const unwritten = runtimes.unwritten()
    await db.transaction().execute(async (trx) => {
      await trx
        .updateTable('workers')
        .set({
          last_seen: now.at,
          concurrency,
          processed: now.processed,
          orders_per_second: Math.round(rate * 10) / 10,
          stopped_at: stoppedAt,
        })
        .where('id', '=', id)
        .execute()
      await writeRuntimes(trx, id, unwritten.rows)
    })
    runtimes.forget(unwritten)
  }
  // One after the other, as a server may take longer than the time between two.
  let beating: Promise<void> = Promise.resolve()
  const beatNext = (stoppedAt: number | null) => {
    beating = beating.catch(() => undefined).then(() => beat(stoppedAt))
    return beating
  }
  // A beat that fails is followed by others; the work itself does not depend on it.
  const timer = setInterval(() => void beatNext(null).catch(() => undefined), HEARTBEAT_MS)
  return {
    resize(to) {
      concurrency = to
    },
    countBatch: (ms) => runtimes.count(ms),
    async end() {
      clearInterval(timer)
      await beatNext(Date.now())
    },
  }
}
