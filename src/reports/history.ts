// The queue's history: stores snapshots, and reads them with a current one for the time since the last.
import type { Selectable } from 'kysely'
import type { Database } from '../database/connection.js'
import type { Schema } from '../database/schema.js'
import { inSnapshot } from '../database/transaction.js'
import { UNSOLD_STATUSES } from '../domain/order.js'
import { DAY_MS, MINUTE_MS } from '../domain/time.js'
import { countDue, isNotCancelled } from '../queue/due-orders.js'
import { estimateWait, readPace, readWorkers } from './status.js'

export type Snapshot = Selectable<Schema['queue_snapshots']>

/** The snapshots whose period ended after `since`, and a current one. Empty if nothing was settled or recorded. */
export async function readHistory(db: Database, since: number, now: number): Promise<Snapshot[]> {
  return inSnapshot(db, async (view) => {
    const written = await view
      .selectFrom('queue_snapshots')
      .selectAll()
      .where('period_end', '>', since)
      .where('period_end', '<=', now)
      .orderBy('period_start')
      .execute()
    const present = await measure(view, { since, until: now, now })
    return written.length > 0 || present.completed + present.failed > 0 ? [...written, present] : []
  })
}

/** Measures from the last snapshot to `until`, or from the first order settled after `since` if there is none. */
async function measure(
  db: Database,
  { since, until, now }: { readonly since: number; readonly until: number; readonly now: number },
): Promise<Snapshot> {
  const { last } = await db
    .selectFrom('queue_snapshots')
    .select((eb) => eb.fn.max<number | null>('period_end').as('last'))
    .executeTakeFirstOrThrow()
  const continues = last !== null && last >= since
  const { first, completed, failed } = await db
    .selectFrom('orders')
    .select((eb) => [
      eb.fn.min<number | null>('settled_at').as('first'),
      eb.fn.countAll<number>().filterWhere('status', '=', 'completed').as('completed'),
      eb.fn.countAll<number>().filterWhere('status', 'in', UNSOLD_STATUSES).filterWhere(isNotCancelled).as('failed'),
    ])
    .where('settled_at', '>=', continues ? last : since)
    .where('settled_at', '<', until)
    .executeTakeFirstOrThrow()
  const start = continues ? last : (first ?? until - MINUTE_MS)
  const { oldestWaitingSeconds, waiting, active, delayed } = await countDue(db)
  const { runtimes } = await readPace(db, now, start)
  return {
    ...{ period_start: start, period_end: until, completed, failed },
    runtime_p50_ms: runtimes?.p50 ?? null,
    runtime_p95_ms: runtimes?.p95 ?? null,
    runtime_p99_ms: runtimes?.p99 ?? null,
    ...{ waiting, active, delayed },
    oldest_waiting_seconds: oldestWaitingSeconds,
    estimated_wait_seconds: estimateWait(waiting, await readWorkers(db, now), await readPace(db, now)),
  }
}

/** `settled_at` is taken before the commit. After this time, an order is committed on any machine's clock. */
const SETTLING_MS = MINUTE_MS

const KEEP_MS = 90 * DAY_MS

/**
 * Stores a snapshot and deletes those older than 90 days. Counts each settled order once: a period starts where the
 * last one ended, and only the first snapshot of a period is kept. An order stays counted if it is retried later.
 *
 * @param now the database's time
 */
export async function takeSnapshot(db: Database, now: number): Promise<Snapshot> {
  const oldest = now - KEEP_MS
  const snapshot = await measure(db, { since: oldest, until: now - SETTLING_MS, now })
  // If the clock was set back, there is no new period yet.
  if (snapshot.period_start < snapshot.period_end) {
    const insert = db.insertInto('queue_snapshots').values(snapshot)
    await insert.onConflict((conflict) => conflict.doNothing()).execute()
  }
  await db.deleteFrom('queue_snapshots').where('period_end', '<', oldest).execute()
  return snapshot
}

export function minutesOf({ period_start, period_end }: Snapshot): number {
  return Math.max(0, period_end - period_start) / MINUTE_MS
}

/** Treats shorter periods as one second. */
export function settledPerMinute(snapshot: Snapshot): number {
  return (snapshot.completed + snapshot.failed) / Math.max(minutesOf(snapshot), 1 / 60)
}

/** The share of settled orders that failed or were rolled back; null if none were settled. */
export function failureRate({ completed, failed }: Pick<Snapshot, 'completed' | 'failed'>): number | null {
  return completed + failed === 0 ? null : failed / (completed + failed)
}
