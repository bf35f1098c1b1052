// Business days: the calendar day, in the shop's time zone, that an order counts for in reports.
import { DAY_MS, HOUR_MS } from './time.js'

declare const calendarDay: unique symbol

/** A valid calendar day, as `YYYY-MM-DD`. */
export type Day = string & { readonly [calendarDay]: true }

const DAY = /^(\d{4})-(\d{2})-(\d{2})$/

/** Parses `YYYY-MM-DD`. Returns undefined for other formats and for days such as 2025-02-30. */
export function parseDay(text: string): Day | undefined {
  const [, year, month, day] = DAY.exec(text) ?? []
  return dayExists(Number(year), Number(month), Number(day)) ? (text as Day) : undefined
}

const WEEKDAYS = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday']

/**
 * Reads a day as people say it: `2026-03-04`, `today`, `yesterday`, or a weekday (`monday`, `mon`), which is the latest
 * one up to today. Ignores case. Returns undefined for other text.
 */
export function dayNamed(text: string, today: Day): Day | undefined {
  const word = text.trim().toLowerCase()
  if (word === 'today') return today
  if (word === 'yesterday') return addDays(today, -1)
  const weekday = WEEKDAYS.findIndex((name) => name === word || name.slice(0, 3) === word)
  if (weekday < 0) return parseDay(word)
  return addDays(today, -((new Date(today).getUTCDay() - weekday + 7) % 7))
}

/** Reads a month, `2026-03`, as its first and last day. Returns undefined for other text. */
export function monthNamed(text: string): { from: Day; to: Day } | undefined {
  const dayOf = (number: string) => parseDay(`${text.trim()}-${number}`)
  const [from, to] = [dayOf('01'), dayOf('31') ?? dayOf('30') ?? dayOf('29') ?? dayOf('28')]
  return from && to && { from, to }
}

export function dayExists(year: number, month: number, day: number): boolean {
  if (!(month >= 1 && month <= 12 && day >= 1)) return false
  const isLeap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0
  return day <= (month === 2 ? (isLeap ? 29 : 28) : [4, 6, 9, 11].includes(month) ? 30 : 31)
}

/** Returns the day in the time zone at an instant (epoch milliseconds). */
export function dayAt(instant: number, timeZone: string): Day {
  return clockAt(instant, timeZone).slice(0, 10) as Day
}

const formats = new Map<string, Intl.DateTimeFormat>()

/** Formats an instant (epoch milliseconds) as local time in the time zone: `2026-03-04 17:30:00`. */
export function clockAt(instant: number, timeZone: string): string {
  // The default zone needs none of Intl's data, which take 4 ms to load.
  if (timeZone === 'UTC') return new Date(instant).toISOString().slice(0, 19).replace('T', ' ')
  let format = formats.get(timeZone)
  if (!format) {
    // The Swedish locale formats dates like ISO 8601.
    format = new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'medium' })
    formats.set(timeZone, format)
  }
  return format.format(instant)
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/**
 * Shortens a local time, seen at another one: `14:03` the same day, `28 Nov 14:03` the same year, else
 * `28 Nov 2025 14:03`.
 *
 * @param clock formatted as by `clockAt`, as is `now`
 */
export function shortClock(clock: string, now: string): string {
  const [day = '', time = ''] = clock.slice(0, 'YYYY-MM-DD HH:MM'.length).split(' ')
  if (day === now.slice(0, day.length)) return time
  const [year = '', month, date] = day.split('-')
  return `${Number(date)} ${MONTHS[Number(month) - 1]} ${now.startsWith(year) ? '' : `${year} `}${time}`
}

/**
 * Returns the business day of a stored order date. With a `Z`, the date is an instant and is converted to the time
 * zone. Without, it is the shop's local time, and its day is used as is.
 */
export function businessDay(orderedAt: string, timeZone: string): Day {
  return orderedAt.endsWith('Z') && timeZone !== 'UTC'
    ? dayAt(Date.parse(orderedAt), timeZone)
    : (orderedAt.slice(0, 10) as Day)
}

/** Returns the first instant of the day in the time zone, in epoch milliseconds. Handles days of 23 and 25 hours. */
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

/** Returns the day `count` days later, or earlier if `count` is negative. */
export function addDays(day: Day, count: number): Day {
  return new Date(Date.parse(`${day}T00:00:00Z`) + count * DAY_MS).toISOString().slice(0, 10) as Day
}

/** Returns every day from `from` to `to`, both included. */
export function daysFrom(from: Day, to: Day): Day[] {
  const count = Math.round((Date.parse(to) - Date.parse(from)) / DAY_MS) + 1
  return Array.from({ length: Math.max(0, count) }, (_, index) => addDays(from, index))
}

export function isTimeZone(name: string): boolean {
  // The default needs none of Intl's data, which take 5 ms to load.
  if (name === 'UTC') return true
  try {
    new Intl.DateTimeFormat('en', { timeZone: name })
    return true
  } catch {
    return false
  }
}
