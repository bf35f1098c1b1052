// Flags shared by several commands, and the readers of their values.
import { Args, Errors, Flags } from '@oclif/core'
import { ALL_ROWS } from '../domain/batches.js'
import { dayAt, dayNamed, dayStart } from '../domain/business-day.js'
import { groupThousands } from '../domain/money.js'
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

const LARGEST = 999_999_999

/** @param claim completes "--flag " */
function readWhole(text: string, min: number, max: number, claim = 'must be a whole number'): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (value >= min && value <= max) return value
  throw new Errors.CLIError(`${claim} from ${groupThousands(min)} to ${groupThousands(max)}; got ${text}`)
}

/** A whole number from `min` to `max`, which is 999,999,999 unless given. */
export const integerFlag = Flags.custom<number, { readonly min: number; readonly max?: number }>({
  helpValue: 'N',
  parse: async (text, _, { min, max = LARGEST }) => readWhole(text, min, max),
})

/** An id that the database has counted up. */
export const numberArg = Args.custom<number>({
  ignoreStdin: true,
  parse: async (text, _, { name }) => readWhole(text, 1, LARGEST, `${name.toUpperCase()} must be a whole number`),
})

/** Requires a default: a number, or ALL_ROWS. */
export const limitFlag = Flags.custom<number>({
  description: 'maximum number of rows',
  helpValue: 'N|all',
  defaultHelp: async ({ options: { default: rows } }) => (rows === ALL_ROWS ? 'all' : String(rows)),
  parse: async (text) => {
    if (text === 'all') return ALL_ROWS
    return readWhole(text, 1, LARGEST, 'must be all or a whole number')
  },
})

/**
 * Reads a flag such as `--since` in epoch milliseconds: the start of the day in the time zone, or the instant that long
 * before now.
 *
 * @throws UserError (exit 2)
 */
export function readSince(text: string, timeZone: string, now = Date.now(), flag = 'since'): number {
  const day = dayNamed(text, dayAt(now, timeZone))
  if (day) return dayStart(day, timeZone)
  const length = readLength(text, ['s', 'm', 'h', 'd', 'w'])
  // Limit of JavaScript dates.
  if (length === undefined || length > 999_999 * WEEK_MS) {
    throw usageError({
      code: 'bad_since',
      message: `--${flag} "${text}" is invalid; expected a day or an age.`,
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
