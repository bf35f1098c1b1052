// Writes down what the queue's history is made of: what waits, and how many orders were settled in each minute.
import type { Database } from '../database/connection.js'
import { inTransaction } from '../database/transaction.js'
import { inBatches } from '../domain/batches.js'
import { MINUTE_MS, startOf } from '../domain/time.js'
import { countDue } from '../queue/due-orders.js'
import type { QueueCounts } from '../queue/queue.js'
import { minutesBegin } from '../reports/history-periods.js'
import { countSettled, readCountedUntil } from '../reports/settled.js'
import { readWorkers } from '../reports/status.js'
import { estimateWait, readPace } from '../reports/waiting-time.js'
import { thinHistory } from './thinning.js'

/** An order carries the time at which its settling began: after so long that is committed, on any machine's clock. */
const SETTLING_MS = MINUTE_MS

const ROWS_A_STATEMENT = 500

/**
 * Adds a snapshot and the minutes that have ended since the one before, and thins what has grown old.
 *
 * @param now the database's time
 */
export async function takeSnapshot(db: Database, now: number): Promise<QueueCounts> {
  await writeSettledMinutes(db, now)
  const counts = await countDue(db)
  await db
    .insertInto('queue_snapshots')
    .values({
      taken_at: now,
      waiting: counts.waiting,
      active: counts.active,
      delayed: counts.delayed,
      oldest_waiting_seconds: counts.oldestWaitingSeconds,
      estimated_wait_seconds: estimateWait(counts.waiting, await readWorkers(db, now), await readPace(db, now)),
    })
    .execute()
  await thinHistory(db, now)
  return counts
}

/**
 * Each minute is counted once: an order that is retried later stays counted. The first time, the last seven days are. The
 * last minute always gets a row, which says up to where it was counted.
 */
async function writeSettledMinutes(db: Database, now: number): Promise<void> {
  const until = startOf(now - SETTLING_MS, MINUTE_MS)
  const before = await readCountedUntil(db)
  const from = before ?? minutesBegin(now)
  if (from >= until) return
  // Counted outside of the transaction: it keeps other writers waiting, and minutes that have ended do not change.
  const last = until - MINUTE_MS
  const counted = await countSettled(db, from, until)
  const rows = counted.at(-1)?.minute === last ? counted : [...counted, { minute: last, completed: 0, failed: 0 }]
  await inTransaction(db, async (trx) => {
    if ((await readCountedUntil(trx)) !== before) return
    for (const batch of inBatches(rows, ROWS_A_STATEMENT))
      await trx.insertInto('settled_minutes').values(batch).execute()
  })
}
