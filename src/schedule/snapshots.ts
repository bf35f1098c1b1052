// Writes the queue's history.
import type { Database } from '../database/connection.js'
import { DAY_MS, MINUTE_MS } from '../domain/time.js'
import { measure, type Snapshot } from '../reports/history.js'

/** The time of settling is taken before the commit. After so long it is committed, on any machine's clock. */
const SETTLING_MS = MINUTE_MS

const KEEP_MS = 90 * DAY_MS

/**
 * Adds a snapshot and deletes those older than 90 days. Each settled order is counted once: the period begins where the
 * last one ended, and of two snapshots of one period only the first is kept. An order that is retried later stays counted.
 *
 * @param now the database's time
 */
export async function takeSnapshot(db: Database, now: number): Promise<Snapshot> {
  const oldest = now - KEEP_MS
  const snapshot = await measure(db, { since: oldest, until: now - SETTLING_MS, now })
  // A clock that was put back has no new period yet.
  if (snapshot.period_start < snapshot.period_end) {
    const insert = db.insertInto('queue_snapshots').values(snapshot)
    await insert.onConflict((conflict) => conflict.doNothing()).execute()
  }
  await db.deleteFrom('queue_snapshots').where('period_end', '<', oldest).execute()
  return snapshot
}
