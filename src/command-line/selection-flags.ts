// Flags shared by several commands, and the readers of their values.
import { Errors, Flags } from '@oclif/core'
import { ALL_ROWS } from '../domain/batches.js'
import { dayAt, dayNamed, dayStart } from '../domain/business-day.js'
import { WEEK_MS } from '../domain/time.js'
import { usageError } from '../errors.js'
import type { Output } from '../terminal/screen.js'
import { readLength } from './durations.js'

/** Trims an id, as imports do. Otherwise `A-1 ` would match `A-1` on MySQL only. */
export const readId = async (text: string): Promise<string> => text.trim()

export const sinceFlag = Flags.string({
  description: 'start: a day (2026-03-04, yesterday, monday), or an age such as 90m, 24h or 7d',
  helpValue: 'DAY|TIME',
})

/** For every report and list about a period of days. See readPeriod. */
export const PERIOD_FLAGS = {
  from: Flags.string({ description: 'first day: 2026-03-04, yesterday, monday (the latest)', helpValue: 'DAY' }),
  to: Flags.string({ description: 'last day (inclusive) [default: today, with --from]', helpValue: 'DAY' }),
  month: Flags.string({ description: 'a month', helpValue: 'YYYY-MM', exclusive: ['from', 'to', 'last'] }),
  last: Flags.string({
    description: 'days or weeks up to today, such as 7d or 4w',
    helpValue: 'TIME',
    exclusive: ['from', 'to'],
  }),
}

export const sourceFlag = Flags.string({ description: 'only orders of this source', helpValue: 'NAME', parse: readId })

export const allowEvictionFlag = Flags.boolean({
  description: 'allow a Redis that evicts keys when its memory is full',
  default: false,
})

/** Requires a default: a number, or ALL_ROWS. */
export const limitFlag = Flags.custom<number>({
  description: 'maximum number of rows',
  helpValue: 'N|all',
  defaultHelp: async ({ options: { default: rows } }) => (rows === ALL_ROWS ? 'all' : String(rows)),
  parse: async (text) => {
    const rows = text === 'all' ? ALL_ROWS : /^\d{1,9}$/.test(text) ? Number(text) : 0
    if (rows > 0) return rows
    throw new Errors.CLIError(`Expected "all" or a number from 1 to 999999999 but received: ${text}`)
  },
})

/**
 * Reads `--since` in epoch milliseconds: the start of the day in the time zone, or the instant that long before now.
 *
 * @throws UserError (exit 2)
 */
export function readSince(text: string, timeZone: string, now = Date.now()): number {
  const day = dayNamed(text, dayAt(now, timeZone))
  if (day) return dayStart(day, timeZone)
  const length = readLength(text, ['s', 'm', 'h', 'd', 'w'])
  // Limit of JavaScript dates.
  if (length === undefined || length > 999_999 * WEEK_MS) {
    throw usageError({
      code: 'bad_since',
      message: `--since "${text}" is invalid; expected a day or an age.`,
      fix: 'Use a day (2026-03-04, yesterday, monday), or an age such as 90m, 24h or 7d.',
    })
  }
  return now - length
}

/** Number of rows that fit the terminal. Leaves 7 lines for the command, the frame, the headings and a note. */
export function visibleRows({ isTTY, rows }: Output): number | undefined {
  if (!isTTY) return undefined
  return rows ? Math.max(5, rows - 7) : 20
}
