// How fast the workers are just now, and what follows from it for those who wait.
import type { Database } from '../database/connection.js'
import { groupBy } from '../domain/batches.js'
import { addHistograms, type Histogram, sizeOf, totalMs } from '../domain/histogram.js'
import { MINUTE_MS, startOf } from '../domain/time.js'

const PACE_MINUTES = 5

/** The last five full minutes and the present one. */
export interface Pace {
  /** How long the batches took that ended, from taken in hand to settled. */
  readonly runtimes: Histogram
  readonly settled: number
}

export async function readPace(db: Database, now: number): Promise<Pace> {
  const from = startOf(now, MINUTE_MS) - PACE_MINUTES * MINUTE_MS
  // Workers write their runtimes with each sign of life; what was settled since is not among them yet.
  const { seen } = await db
    .selectFrom('workers')
    .select((eb) => eb.fn.max<number | null>('last_seen').as('seen'))
    .executeTakeFirstOrThrow()
  const { settled } = await db
    .selectFrom('orders')
    .select((eb) => eb.fn.countAll<number>().as('settled'))
    .where('settled_at', '>=', from)
    .where('settled_at', '<=', Math.min(now, seen ?? now))
    .executeTakeFirstOrThrow()
  return { runtimes: addHistograms([...(await readRuntimes(db, from, now)).values()]), settled }
}

/** By the minute in which the batches ended, or the hour where it was thinned. */
export async function readRuntimes(db: Database, from: number, until: number): Promise<ReadonlyMap<number, Histogram>> {
  const rows = await db
    .selectFrom('batch_runtimes')
    .select((eb) => ['minute', 'bucket', eb.fn.sum<number>('batches').as('batches')])
    .where('minute', '>=', from)
    .where('minute', '<=', until)
    .groupBy(['minute', 'bucket'])
    .execute()
  const byMinute = groupBy(rows, (row) => row.minute)
  return new Map([...byMinute].map(([minute, of]) => [minute, new Map(of.map((row) => [row.bucket, row.batches]))]))
}

interface Hands {
  /** Batches that the worker may have in hand. */
  readonly concurrency: number
  readonly stale: boolean
}

/**
 * How long the workers that are alive would take for all orders that wait, in seconds:
 *
 *     waiting orders x time in hand for each settled order / batches in hand at a time
 *
 * and no less than one batch takes. The time in hand is that of all batches of the last five minutes, over the orders that
 * were settled in them: unlike orders a minute, it does not shrink while there is nothing to do. A paused queue counts as
 * if it went on.
 *
 * @returns null where nobody works, or nothing was settled of late
 */
export function estimateWait(waiting: number, workers: readonly Hands[], { runtimes, settled }: Pace): number | null {
  if (waiting === 0) return 0
  const hands = workers.reduce((sum, worker) => sum + (worker.stale ? 0 : worker.concurrency), 0)
  const batches = sizeOf(runtimes)
  if (hands === 0 || batches === 0 || settled === 0) return null
  const inHandMs = totalMs(runtimes)
  return Math.max(inHandMs / batches, (waiting * inHandMs) / settled / hands) / 1000
}
