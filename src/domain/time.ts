// Durations in milliseconds. A day has 24 hours.
export const SECOND_MS = 1000
export const MINUTE_MS = 60 * SECOND_MS
export const HOUR_MS = 60 * MINUTE_MS
export const DAY_MS = 24 * HOUR_MS
export const WEEK_MS = 7 * DAY_MS

/** Returns the start of the period that contains the instant. Periods of this length are counted from 1970. */
export function startOf(instant: number, length: number): number {
  return instant - (instant % length)
}
