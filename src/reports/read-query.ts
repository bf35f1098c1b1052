// Reads days, periods and currencies from flags. Throws a usage error for an invalid value.
import { addDays, type Day, dayNamed, monthNamed } from '../domain/business-day.js'
import { type Currency, isCurrency } from '../domain/money.js'
import { usageError } from '../errors.js'
import type { Period } from './leaderboards.js'

const DAY_EXAMPLES = 'today, yesterday, monday or 2026-03-04'

/** @param flag as the user typed it, `--date` */
export function readDay(flag: string, text: string, today: Day): Day {
  const day = dayNamed(text, today)
  if (day) return day
  throw usageError({
    code: 'bad_date',
    message: `${flag} "${text}" is invalid; expected a day.`,
    fix: `Use a day such as ${DAY_EXAMPLES}.`,
  })
}

/** The flags that name a period, as typed. Without any, the period is open. */
export interface PeriodFlags {
  readonly from?: string | undefined
  readonly to?: string | undefined
  readonly month?: string | undefined
  readonly last?: string | undefined
}

/** Reads a period, whose ends are inclusive. A period with a start but no end lasts until today. */
export function readPeriod({ from, to, month, last }: PeriodFlags, today: Day): Period {
  if (month !== undefined) return readMonth(month)
  if (last !== undefined) return { from: addDays(today, 1 - readDays(last)), to: today }
  const first = from === undefined ? undefined : readDay('--from', from, today)
  const final = to === undefined ? first && today : readDay('--to', to, today)
  if (!first || !final || first <= final) return { from: first, to: final }
  throw usageError({
    code: 'bad_period',
    message: `--from ${from} is after ${to === undefined ? `today, ${today}` : `--to ${to}`}.`,
    fix: to === undefined ? 'Add the last day with --to.' : 'Swap the two days. The period includes both.',
  })
}

function readMonth(text: string): Period {
  const month = monthNamed(text)
  if (month) return month
  throw usageError({
    code: 'bad_month',
    message: `--month "${text}" is invalid; expected a year and a month.`,
    fix: 'Use YYYY-MM, such as 2026-03.',
  })
}

/** Reads a number of days or weeks, up to 9,999 days. */
function readDays(text: string): number {
  const [, count, unit] = /^(\d{1,4})([dw])$/.exec(text) ?? []
  const days = Number(count) * (unit === 'w' ? 7 : 1)
  if (days >= 1 && days <= 9999) return days
  throw usageError({
    code: 'bad_last',
    message: `--last "${text}" is invalid; expected a number of days or weeks.`,
    fix: 'Use a number from 1 with d or w, such as 7d or 4w. Today counts as a day.',
  })
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
