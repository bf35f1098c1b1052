// What a user asks of a report, read from the text of flags. Whatever cannot be meant is a usage error naming the value.
import { type Day, parseDay } from '../domain/business-day.js'
import { type Currency, isCurrency } from '../domain/money.js'
import { DAY_MS } from '../domain/time.js'
import { usageError } from '../errors.js'
import type { Period } from './leaderboards.js'

/** Ten years: more days than anyone reads, and few enough to answer at once. */
const MOST_DAYS = 3660

/** @param flag as the user typed it, `--date` */
export function readDay(flag: string, text: string): Day {
  const day = parseDay(text)
  if (day) return day
  throw usageError({
    code: 'bad_date',
    message: `${flag} "${text}" is not a day of the calendar.`,
    fix: 'Write it as year-month-day, such as 2025-01-31.',
  })
}

/** Days with both ends counted, either of which may be left open. */
export function readPeriod(from: string | undefined, to: string | undefined): Period {
  const period = {
    from: from === undefined ? undefined : readDay('--from', from),
    to: to === undefined ? undefined : readDay('--to', to),
  }
  if (period.from && period.to && period.from > period.to) {
    throw usageError({
      code: 'bad_period',
      message: `The period begins (--from ${period.from}) after its end (--to ${period.to}).`,
      fix: 'Swap the two days. Both count as part of the period.',
    })
  }
  return period
}

/** Days with both ends counted, at most ten years of them. */
export function readRange(fromText: string, toText: string): { from: Day; to: Day } {
  const from = readDay('--from', fromText)
  const to = readDay('--to', toText)
  readPeriod(from, to)
  const days = (Date.parse(to) - Date.parse(from)) / DAY_MS + 1
  if (days > MOST_DAYS) {
    throw usageError({
      code: 'range_too_long',
      message: `From ${from} to ${to} are ${days} days; a range may have ${MOST_DAYS}.`,
      fix: 'Ask for a shorter range, or for several one after the other.',
    })
  }
  return { from, to }
}

/** A code of ISO 4217, in capitals or not. */
export function readCurrency(text: string | undefined): Currency | undefined {
  const code = text?.toUpperCase()
  if (code === undefined || isCurrency(code)) return code
  throw usageError({
    code: 'bad_currency',
    message: `--currency "${text}" is not a currency code of ISO 4217.`,
    fix: 'Write a three-letter code, such as USD or EUR.',
  })
}
