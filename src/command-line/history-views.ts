// The queue's history as a line of columns, a table and JSON.
import { clockAt } from '../domain/business-day.js'
import { type Histogram, percentile } from '../domain/histogram.js'
import { groupThousands } from '../domain/money.js'
import { DAY_MS, MINUTE_MS, startOf, WEEK_MS } from '../domain/time.js'
import { failureRate, type HistoryPeriod, mergePeriods, settledPerMinute } from '../reports/history-periods.js'
import { sparkline } from '../terminal/chart.js'
import type { Cell, Table } from '../terminal/table.js'
import { duration } from '../terminal/text.js'
import { tenths } from './status-views.js'

export interface HistoryResult {
  /** The driver that delivers orders now. */
  queue: string
  /** The oldest first: minutes, and hours for what is older than seven days. The last one has not ended. */
  history: {
    at: string
    /** How long it is; the last one, how long it has been. */
    minutes: number
    completed: number
    /** Failed and rolled back. */
    failed: number
    /** The share of the settled orders that failed, from 0 to 1; null where none was settled. */
    failure_rate: number | null
    orders_per_minute: number
    /** How long batches took from taken in hand to settled, to 5 %; null where none ended. */
    runtime_ms: Record<'p50' | 'p95' | 'p99', number> | null
    /** These three as the snapshots saw them, the highest of each; null where none was taken. */
    waiting: number | null
    /** How long the oldest had waited. */
    oldest_waiting_seconds: number | null
    /** How long the live workers would have taken for all that waited. */
    estimated_wait_seconds: number | null
  }[]
}

export function historyResult(driver: string, periods: readonly HistoryPeriod[]): HistoryResult {
  return {
    queue: driver,
    history: periods.map((period) => ({
      at: new Date(period.start).toISOString(),
      minutes: rounded(period.minutes, 3),
      completed: period.completed,
      failed: period.failed,
      failure_rate: rounded(failureRate(period), 4),
      orders_per_minute: tenths(settledPerMinute(period)),
      runtime_ms: runtimeMs(period.runtimes),
      waiting: period.waiting,
      oldest_waiting_seconds: rounded(period.oldestWaitingSeconds, 1),
      estimated_wait_seconds: rounded(period.estimatedWaitSeconds, 1),
    })),
  }
}

/** Every period as it is kept, one value a column. */
export function historyCsv(driver: string, periods: readonly HistoryPeriod[]): Table {
  return {
    columns: [
      ...['at', 'minutes', 'completed', 'failed', 'failure_rate', 'orders_per_minute', 'p50_ms', 'p95_ms', 'p99_ms'],
      ...['waiting', 'oldest_waiting_seconds', 'estimated_wait_seconds'],
    ].map((heading) => ({ heading })),
    rows: historyResult(driver, periods).history.map(({ runtime_ms: runtime, ...row }) => [
      row.at,
      row.minutes,
      row.completed,
      row.failed,
      row.failure_rate,
      row.orders_per_minute,
      runtime?.p50 ?? null,
      runtime?.p95 ?? null,
      runtime?.p99 ?? null,
      row.waiting,
      row.oldest_waiting_seconds,
      row.estimated_wait_seconds,
    ]),
  }
}

/** What a row or a column may stand for. */
const LENGTHS = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 10_080, 40_320].map(
  (minutes) => minutes * MINUTE_MS,
)

interface Merged {
  readonly length: number
  readonly periods: readonly HistoryPeriod[]
}

/** The finest that has no more periods than `most`. */
function mergeTo(most: number, periods: readonly HistoryPeriod[]): Merged {
  const [first = 0, last = 0] = [periods.at(0)?.start, periods.at(-1)?.start]
  const isFew = (length: number) => (startOf(last, length) - startOf(first, length)) / length < most
  const length = LENGTHS.find(isFew) ?? WEEK_MS
  return { length, periods: mergePeriods(periods, length) }
}

/** Two lines: what is drawn, and orders settled a minute as columns, no more than `width`. */
export function historyChart(periods: readonly HistoryPeriod[], width: number): string {
  const { length, periods: columns } = mergeTo(width, periods)
  const paces = columns.map(settledPerMinute)
  const most = groupThousands(tenths(Math.max(...paces)))
  return `Orders settled a minute, ${lengthText(length)} a column, at most ${most}:\n${sparkline(paces)}`
}

/** No more rows than `most`. */
export function historyTable(periods: readonly HistoryPeriod[], most: number, timeZone: string): Table {
  const { length, periods: rows } = mergeTo(most, periods)
  const first = rows[0]?.start ?? 0
  const isLong = (rows.at(-1)?.start ?? 0) - first >= DAY_MS
  const timeOf = (instant: number) => {
    const clock = clockAt(instant, timeZone)
    return length >= DAY_MS ? clock.slice(0, 10) : clock.slice(isLong ? 5 : 11, 16)
  }
  return {
    columns: [
      { heading: lengthText(length) },
      { heading: 'completed', align: 'right' },
      { heading: 'failed', align: 'right' },
      { heading: 'p50/p95/p99', align: 'right' },
      { heading: 'waiting', align: 'right' },
      { heading: 'oldest/estimate', align: 'right', flexible: true },
    ],
    rows: rows.map((period) => [
      timeOf(period.start),
      groupThousands(period.completed),
      failedCell(period),
      runtimeCell(period.runtimes),
      period.waiting === null ? null : groupThousands(period.waiting),
      waitCell(period),
    ]),
  }
}

function failedCell(period: HistoryPeriod): Cell {
  const rate = failureRate(period)
  if (period.failed === 0 || rate === null) return '0'
  return `${groupThousands(period.failed)} (${Math.max(1, Math.round(rate * 100))}%)`
}

/** `45/90/120 ms`, `0.9/1.2/12 s`: two digits, as they are true to 5 %. */
function runtimeCell(runtimes: Histogram): Cell {
  const runtime = runtimeMs(runtimes)
  if (!runtime) return null
  const inSeconds = runtime.p99 >= 1000
  const texts = [runtime.p50, runtime.p95, runtime.p99].map((ms) => Number((inSeconds ? ms / 1000 : ms).toPrecision(2)))
  return `${texts.join('/')} ${inSeconds ? 's' : 'ms'}`
}

/** `3 min/45 s`: how long the oldest had waited, and how long all that waited would take. */
function waitCell({ waiting, oldestWaitingSeconds, estimatedWaitSeconds }: HistoryPeriod): Cell {
  if (waiting === null) return null
  return `${waitText(oldestWaitingSeconds)}/${waitText(estimatedWaitSeconds)}`
}

/** Without seconds from a minute on: it is an estimate, or the highest of several. */
function waitText(seconds: number | null): string {
  if (seconds === null) return '–'
  return duration(seconds < 60 ? Math.round(seconds) : Math.round(seconds / 60) * 60)
}

function runtimeMs(runtimes: Histogram): Record<'p50' | 'p95' | 'p99', number> | null {
  const [p50, p95, p99] = [0.5, 0.95, 0.99].map((share) => percentile(runtimes, share))
  if (typeof p50 !== 'number' || typeof p95 !== 'number' || typeof p99 !== 'number') return null
  return { p50: tenths(p50), p95: tenths(p95), p99: tenths(p99) }
}

function lengthText(length: number): string {
  return length > WEEK_MS ? '4 weeks' : length === WEEK_MS ? 'week' : duration(length / 1000)
}

function rounded(number: number, decimals: number): number
function rounded(number: number | null, decimals: number): number | null
function rounded(number: number | null, decimals: number): number | null {
  return number === null ? null : Number(number.toFixed(decimals))
}
