// The day an order counts for. Reports go by the shop's own day, not by the server's.
import { DAY_MS, HOUR_MS } from './time.js'

declare const calendarDay: unique symbol

/** `YYYY-MM-DD`, a day that exists. */
export type Day = string & { readonly [calendarDay]: true }

const DAY = /^(\d{4})-(\d{2})-(\d{2})$/

/** Reads `YYYY-MM-DD`; undefined for other shapes and for days such as 2025-02-30. */
export function parseDay(text: string): Day | undefined {
  const [, year, month, day] = DAY.exec(text) ?? []
  return dayExists(Number(year), Number(month), Number(day)) ? (text as Day) : undefined
}

export function dayExists(year: number, month: number, day: number): boolean {
  if (!(month >= 1 && month <= 12 && day >= 1)) return false
  const isLeap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0
  return day <= (month === 2 ? (isLeap ? 29 : 28) : [4, 6, 9, 11].includes(month) ? 30 : 31)
}

/** The day in the time zone at an instant (epoch milliseconds). */
export function dayAt(instant: number, timeZone: string): Day {
  return clockAt(instant, timeZone).slice(0, 10) as Day
}

const formats = new Map<string, Intl.DateTimeFormat>()

/** `2026-03-04 17:30:00`, as a clock in the time zone shows the instant (epoch milliseconds). */
export function clockAt(instant: number, timeZone: string): string {
  let format = formats.get(timeZone)
  if (!format) {
    // Sweden writes its dates as ISO 8601 does.
    format = new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'medium' })
    formats.set(timeZone, format)
  }
  return format.format(instant)
}

/**
 * The day of an order date as it is stored: with a `Z` it is an instant, which falls on a day of the time zone;
 * without, it was written in the shop's own time and keeps the day that it names.
 */
export function businessDay(orderedAt: string, timeZone: string): Day {
  return orderedAt.endsWith('Z') && timeZone !== 'UTC'
    ? dayAt(Date.parse(orderedAt), timeZone)
    : (orderedAt.slice(0, 10) as Day)
}

/** The first instant of the day in the time zone, as epoch milliseconds; the same on days of 23 and of 25 hours. */
export function dayStart(day: Day, timeZone: string): number {
  // A zone is at most 14 hours ahead of UTC and 12 behind. The day changes once in between, so bisection finds it.
  let before = Date.parse(`${day}T00:00:00Z`) - 15 * HOUR_MS
  let after = before + 28 * HOUR_MS
  while (after - before > 1) {
    const middle = Math.floor((before + after) / 2)
    if (dayAt(middle, timeZone) < day) before = middle
    else after = middle
  }
  return after
}

/** The day after, or `count` days after (negative: before). */
export function addDays(day: Day, count: number): Day {
  return new Date(Date.parse(`${day}T00:00:00Z`) + count * DAY_MS).toISOString().slice(0, 10) as Day
}

export function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name })
    return true
  } catch {
    return false
  }
}
