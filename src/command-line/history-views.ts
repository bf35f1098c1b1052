// The queue's history as a chart, a table, CSV and JSON.
import { groupBy } from '../domain/batches.js'
import { clockAt } from '../domain/business-day.js'
import { groupThousands } from '../domain/money.js'
import { DAY_MS, MINUTE_MS, startOf, WEEK_MS } from '../domain/time.js'
import { failureRate, minutesOf, type Snapshot, settledPerMinute } from '../reports/history.js'
import { sparkline } from '../terminal/chart.js'
import type { Table } from '../terminal/table.js'
import { duration, tenths } from '../terminal/text.js'
import { tableOf } from './list.js'

export type HistoryResult = ReturnType<typeof historyResult>

/**
 * @param driver the queue's current driver
 * @param snapshots oldest first; the last one is still open
 */
export function historyResult(driver: string, snapshots: readonly Snapshot[]) {
  return {
    queue: driver,
    history: snapshots.map((snapshot) => ({
      at: new Date(snapshot.period_start).toISOString(),
      minutes: Number(minutesOf(snapshot).toFixed(3)),
      completed: snapshot.completed,
      /** Failed and rolled back. */
      failed: snapshot.failed,
      /** From 0 to 1; null if no order was settled. */
      failure_rate: rounded(failureRate(snapshot), 4),
      orders_per_minute: tenths(settledPerMinute(snapshot)),
      /** Null if there was no batch. */
      runtime_ms: runtimesOf(snapshot, tenths),
      // At the end of the period.
      waiting: snapshot.waiting,
      oldest_waiting_seconds: rounded(snapshot.oldest_waiting_seconds, 1),
      estimated_wait_seconds: rounded(snapshot.estimated_wait_seconds, 1),
    })),
  }
}

/** One row per period. */
export function historyCsv({ history }: HistoryResult): Table {
  const runtimes = ['p50_ms', 'p95_ms', 'p99_ms']
  const figures = ['at', 'minutes', 'completed', 'failed', 'failure_rate', 'orders_per_minute', ...runtimes]
  const headings = [...figures, 'waiting', 'oldest_waiting_seconds', 'estimated_wait_seconds']
  const cells = ({ runtime_ms, ...row }: HistoryResult['history'][number]) => {
    const { p50 = null, p95 = null, p99 = null } = runtime_ms ?? {}
    return Object.values(row).toSpliced(6, 0, p50, p95, p99)
  }
  return { columns: headings.map((heading) => ({ heading })), rows: history.map(cells) }
}

/** Possible lengths of the period of a row or column. Snapshots are five minutes apart. */
const LENGTHS = [5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 10_080, 40_320].map((minutes) => minutes * MINUTE_MS)

/** The shortest length that divides the time into at most `max` periods. */
function lengthFor(from: number, until: number, max: number): number {
  return LENGTHS.find((length) => (startOf(until, length) - startOf(from, length)) / length < max) ?? 4 * WEEK_MS
}

/** Two lines: a caption, and the orders settled per minute as at most `width` columns. */
export function historyChart(snapshots: readonly Snapshot[], since: number, width: number): string {
  const from = Math.max(since, snapshots[0]?.period_start ?? since)
  const until = snapshots.at(-1)?.period_end ?? since
  const length = lengthFor(from, until, width)
  const paces: number[] = []
  for (let start = startOf(from, length); start <= until; start += length) {
    paces.push(paceWithin(snapshots, Math.max(start, from), Math.min(start + length, until)))
  }
  const highest = groupThousands(tenths(Math.max(...paces)))
  return `Orders settled per minute (${lengthText(length)} per column, highest ${highest}):\n${sparkline(paces)}`
}

/** Orders settled per minute between two instants. Assumes an even pace within each period. */
function paceWithin(snapshots: readonly Snapshot[], from: number, until: number): number {
  const settled = snapshots.reduce((sum, snapshot) => {
    const overlap = Math.min(snapshot.period_end, until) - Math.max(snapshot.period_start, from)
    return sum + settledPerMinute(snapshot) * (Math.max(0, overlap) / MINUTE_MS)
  }, 0)
  return settled / Math.max((until - from) / MINUTE_MS, 1 / 60)
}

/**
 * At most `maxRows` rows. Each merges the periods that ended in it: counts add up, other figures show the highest. A
 * row that counts orders of earlier rows, since no snapshots were taken for a while, has the time from which it counts.
 */
export function historyTable(snapshots: readonly Snapshot[], maxRows: number, timeZone: string): Table {
  const [first = 0, last = 0] = [snapshots.at(0)?.period_end, snapshots.at(-1)?.period_end]
  const length = lengthFor(first, last, maxRows)
  const timeOf = (instant: number) => {
    const clock = clockAt(instant, timeZone)
    return length >= DAY_MS ? clock.slice(0, 10) : clock.slice(last - first >= DAY_MS ? 5 : 11, 16)
  }
  const labelOf = (start: number, group: readonly Snapshot[]) => {
    const from = group[0]?.period_start ?? start
    return from < start - length ? `since ${timeOf(from)}` : timeOf(start)
  }
  const groups = [...groupBy(snapshots, (snapshot) => startOf(snapshot.period_end, length))]
  return tableOf(
    [
      { key: 'time', heading: lengthText(length) },
      'completed',
      { key: 'failed', align: 'right' },
      { key: 'runtimes', heading: 'p50/p95/p99', align: 'right' },
      'waiting',
      { key: 'waits', heading: 'oldest/estimate', align: 'right', flexible: true },
    ],
    groups.map(([start, group]) => ({ time: labelOf(start, group), ...rowOf(group) })),
  )
}

function rowOf(group: readonly Snapshot[]) {
  const sum = (key: 'completed' | 'failed') => group.reduce((total, snapshot) => total + snapshot[key], 0)
  const highest = (key: keyof Snapshot) =>
    group.reduce<number | null>((most, { [key]: value }) => (value === null ? most : Math.max(most ?? 0, value)), null)
  const [completed, failed] = [sum('completed'), sum('failed')]
  const percent = Math.max(1, Math.round((failureRate({ completed, failed }) ?? 0) * 100))
  const runtimes = runtimesOf({
    runtime_p50_ms: highest('runtime_p50_ms'),
    runtime_p95_ms: highest('runtime_p95_ms'),
    runtime_p99_ms: highest('runtime_p99_ms'),
  })
  return {
    completed,
    failed: failed === 0 ? '0' : `${groupThousands(failed)} (${percent}%)`,
    runtimes: runtimes && runtimesText(Object.values(runtimes)),
    waiting: highest('waiting') ?? 0,
    waits: `${waitText(highest('oldest_waiting_seconds'))}/${waitText(highest('estimated_wait_seconds'))}`,
  }
}

type RuntimeColumns = Pick<Snapshot, 'runtime_p50_ms' | 'runtime_p95_ms' | 'runtime_p99_ms'>

function runtimesOf(columns: RuntimeColumns, round = (ms: number) => ms) {
  const { runtime_p50_ms: p50, runtime_p95_ms: p95, runtime_p99_ms: p99 } = columns
  return p50 === null || p95 === null || p99 === null ? null : { p50: round(p50), p95: round(p95), p99: round(p99) }
}

/** `45/90/120 ms`, `0.9/1.2/12 s`. */
function runtimesText(runtimes: readonly number[]): string {
  const inSeconds = Math.max(...runtimes) >= 1000
  const texts = runtimes.map((ms) => Number((inSeconds ? ms / 1000 : ms).toPrecision(2)))
  return `${texts.join('/')} ${inSeconds ? 's' : 'ms'}`
}

/** Rounded to minutes from one minute on, since it is an estimate or the highest of several values. */
function waitText(seconds: number | null): string {
  if (seconds === null) return '–'
  return duration(seconds < 60 ? Math.round(seconds) : Math.round(seconds / 60) * 60)
}

function lengthText(length: number): string {
  return length > WEEK_MS ? '4 weeks' : length === WEEK_MS ? 'week' : duration(length / 1000)
}

function rounded(number: number | null, decimals: number): number | null {
  return number === null ? null : Number(number.toFixed(decimals))
}
