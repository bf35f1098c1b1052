// Reads the queue's history: orders settled, batch runtimes and snapshots, put together by minute.
import type { Database } from '../database/connection.js'
import { atOneMoment } from '../database/transaction.js'
import { addHistograms } from '../domain/histogram.js'
import { MINUTE_MS, startOf } from '../domain/time.js'
import { type HistoryPeriod, highest, periodLength } from './history-periods.js'
import { readSettled } from './settled.js'
import { readRuntimes } from './waiting-time.js'

type Figures = Omit<HistoryPeriod, 'start' | 'minutes'>

const NOTHING: Figures = {
  completed: 0,
  failed: 0,
  runtimes: new Map(),
  waiting: null,
  oldestWaitingSeconds: null,
  estimatedWaitSeconds: null,
}

/**
 * Every minute, or hour where it is older than seven days, from the first one with anything to tell since then up to now.
 * The last one has not ended.
 */
export async function readHistory(db: Database, since: number, now: number): Promise<HistoryPeriod[]> {
  const from = startOf(since, periodLength(since, now))
  const figures = await atOneMoment(db, (view) => readFigures(view, from, now))
  const periods: HistoryPeriod[] = []
  for (let start = Math.min(...figures.keys()); start <= now; start += periodLength(start, now)) {
    const end = Math.min(start + periodLength(start, now), now)
    periods.push({ start, minutes: (end - start) / MINUTE_MS, ...(figures.get(start) ?? NOTHING) })
  }
  return periods
}

async function readFigures(db: Database, from: number, now: number): Promise<Map<number, Figures>> {
  const figures = new Map<number, Figures>()
  const add = (instant: number, change: (before: Figures) => Partial<Figures>) => {
    const start = startOf(instant, periodLength(instant, now))
    const before = figures.get(start) ?? NOTHING
    figures.set(start, { ...before, ...change(before) })
  }
  for (const { minute, completed, failed } of await readSettled(db, from, now + 1)) {
    if (completed + failed === 0) continue
    add(minute, (before) => ({ completed: before.completed + completed, failed: before.failed + failed }))
  }
  for (const [minute, runtimes] of await readRuntimes(db, from, now)) {
    add(minute, (before) => ({ runtimes: addHistograms([before.runtimes, runtimes]) }))
  }
  for (const snapshot of await readSnapshots(db, from, now)) {
    add(snapshot.taken_at, (before) => ({
      waiting: highest([before.waiting, snapshot.waiting]),
      oldestWaitingSeconds: highest([before.oldestWaitingSeconds, snapshot.oldest_waiting_seconds]),
      estimatedWaitSeconds: highest([before.estimatedWaitSeconds, snapshot.estimated_wait_seconds]),
    }))
  }
  return figures
}

function readSnapshots(db: Database, from: number, until: number) {
  return db
    .selectFrom('queue_snapshots')
    .select(['taken_at', 'waiting', 'oldest_waiting_seconds', 'estimated_wait_seconds'])
    .where('taken_at', '>=', from)
    .where('taken_at', '<=', until)
    .execute()
}
