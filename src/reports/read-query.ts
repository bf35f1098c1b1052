// Reads days, periods and currencies from flags. Throws a usage error for an invalid value.
import { type Day, parseDay } from '../domain/business-day.js'
import { type Currency, isCurrency } from '../domain/money.js'
import { usageError } from '../errors.js'
import type { Period } from './leaderboards.js'

/** @param flag as the user typed it, `--date` */
export function readDay(flag: string, text: string): Day {
  const day = parseDay(text)
  if (day) return day
  throw usageError({
    code: 'bad_date',
    message: `${flag} "${text}" is invalid; expected a calendar day.`,
    fix: 'Use YYYY-MM-DD, such as 2025-01-31.',
  })
}

/** Both ends are inclusive. */
export function readRange(from: string, to: string): { from: Day; to: Day } {
  const range = { from: readDay('--from', from), to: readDay('--to', to) }
  if (range.from <= range.to) return range
  throw usageError({
    code: 'bad_period',
    message: `--from ${from} is after --to ${to}.`,
    fix: 'Swap the two days. The period includes both.',
  })
}

/** A range with either end left open. */
export function readPeriod(from: string | undefined, to: string | undefined): Period {
  if (from !== undefined && to !== undefined) return readRange(from, to)
  const read = (flag: string, text: string | undefined) => (text === undefined ? undefined : readDay(flag, text))
  return { from: read('--from', from), to: read('--to', to) }
}

/** Reads an ISO 4217 code, in upper or lower case. */
export function readCurrency(text: string | undefined): Currency | undefined {
  const code = text?.toUpperCase()
  if (code === undefined || isCurrency(code)) return code
  throw usageError({
    code: 'bad_currency',
    message: `--currency "${text}" is invalid; expected an ISO 4217 code.`,
    fix: 'Use a three-letter code, such as USD or EUR.',
  })
}
