// Lengths of time in milliseconds. Days have 24 hours.
export const SECOND_MS = 1000
export const MINUTE_MS = 60 * SECOND_MS
export const HOUR_MS = 60 * MINUTE_MS
export const DAY_MS = 24 * HOUR_MS
export const WEEK_MS = 7 * DAY_MS

/** Start of the period that an instant is in. Periods of the length follow each other from 1970 on. */
export function startOf(instant: number, length: number): number {
  return instant - (instant % length)
}
