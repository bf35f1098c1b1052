// The queue's history as periods: minutes for the last seven days, hours before. Pure; history.ts reads them.
import { groupBy } from '../domain/batches.js'
import { addHistograms, type Histogram } from '../domain/histogram.js'
import { HOUR_MS, MINUTE_MS, startOf, WEEK_MS } from '../domain/time.js'

const KEEP_MINUTES_MS = WEEK_MS

export interface HistoryPeriod {
  /** Epoch milliseconds. */
  readonly start: number
  /** How long it is, or has been so far. */
  readonly minutes: number
  readonly completed: number
  /** Failed and rolled back. */
  readonly failed: number
  /** How long the batches took that ended in it. */
  readonly runtimes: Histogram
  /** The highest of what snapshots in it saw; null where none was taken, where nothing waited, or nobody worked. */
  readonly waiting: number | null
  readonly oldestWaitingSeconds: number | null
  readonly estimatedWaitSeconds: number | null
}

/** Where hours end and minutes begin; what is older is thinned to hours by the next snapshot, and read as such now. */
export function minutesBegin(now: number): number {
  return startOf(now - KEEP_MINUTES_MS, HOUR_MS)
}

export function periodLength(instant: number, now: number): number {
  return instant < minutesBegin(now) ? HOUR_MS : MINUTE_MS
}

/** @returns a period for each of these lengths that any of them begins in */
export function mergePeriods(periods: readonly HistoryPeriod[], length: number): HistoryPeriod[] {
  const groups = groupBy(periods, (period) => startOf(period.start, length))
  return [...groups].map(([start, group]) => ({
    start,
    minutes: sum(group.map((period) => period.minutes)),
    completed: sum(group.map((period) => period.completed)),
    failed: sum(group.map((period) => period.failed)),
    runtimes: addHistograms(group.map((period) => period.runtimes)),
    waiting: highest(group.map((period) => period.waiting)),
    oldestWaitingSeconds: highest(group.map((period) => period.oldestWaitingSeconds)),
    estimatedWaitSeconds: highest(group.map((period) => period.estimatedWaitSeconds)),
  }))
}

/** Over the period, or over as much of it as has passed: at least a second. */
export function settledPerMinute({ completed, failed, minutes }: HistoryPeriod): number {
  return (completed + failed) / Math.max(minutes, 1 / 60)
}

/** The share of settled orders that were not sold; null where none was settled. */
export function failureRate({ completed, failed }: HistoryPeriod): number | null {
  return completed + failed === 0 ? null : failed / (completed + failed)
}

export function highest(numbers: readonly (number | null)[]): number | null {
  return numbers.reduce((most, number) => (most === null || (number !== null && number > most) ? number : most), null)
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
