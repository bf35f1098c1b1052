// How fast the workers are, and how long the waiting orders will take.
import type { Database } from '../database/connection.js'
import { MINUTE_MS } from '../domain/time.js'

const RECENT_MS = 5 * MINUTE_MS

export type Pace = Awaited<ReturnType<typeof readPace>>

/**
 * The batches of the five minutes before each worker was last seen, of workers that were seen since then. `orders` were
 * settled. `totalMs` is the time from claimed to settled of all batches together. `runtimes` are in milliseconds, of several
 * worker processes the highest, since percentiles do not add up; null if there was no batch.
 */
export async function readPace(db: Database, now: number, since = now - RECENT_MS) {
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
 * How long the live workers would take for all waiting orders, in seconds:
 *
 *     waiting orders x batch time for each settled order / batches at a time
 *
 * and at least as long as one batch. A paused queue counts as if it went on.
 *
 * @param workers with the batches that each may process at a time
 * @returns null if no worker is alive or nothing was settled recently
 */
export function estimateWait(
  waiting: number,
  workers: readonly { readonly concurrency: number; readonly stale: boolean }[],
  { batches, orders, totalMs }: Omit<Pace, 'runtimes'>,
): number | null {
  if (waiting === 0) return 0
  const atATime = workers.reduce((sum, worker) => sum + (worker.stale ? 0 : worker.concurrency), 0)
  if (atATime === 0 || batches === 0 || orders === 0) return null
  return Math.max(totalMs / batches, (waiting * totalMs) / orders / atATime) / 1000
}
