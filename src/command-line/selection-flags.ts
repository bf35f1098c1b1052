// The flags by which commands choose orders and cut lists, and how their words are read.
import { Flags } from '@oclif/core'
import { dayStart, parseDay } from '../domain/business-day.js'
import { WEEK_MS } from '../domain/time.js'
import { usageError } from '../errors.js'
import type { Output } from '../terminal/screen.js'
import { readLength } from './durations.js'

/** Reads an id as imports do, without the white space around it. MySQL finds `A-1` by `A-1 `, and the others do not. */
export const readId = async (text: string): Promise<string> => text.trim()

export const sinceFlag = Flags.string({
  description: 'from this day on (YYYY-MM-DD), or within a time such as 90m, 24h or 7d',
  helpValue: 'DAY|TIME',
})

export const sourceFlag = Flags.string({
  description: 'only orders of this source',
  helpValue: 'NAME',
  parse: readId,
})

export const limitFlag = Flags.integer({ description: 'at most so many', min: 1, max: 1_000_000, helpValue: 'N' })

/** So far back that there is no order, and not so far that no calendar has a date for it. */
const FARTHEST_MS = 999_999 * WEEK_MS

/**
 * Reads `--since`.
 *
 * @returns epoch milliseconds: the day's first instant in the time zone, or the time before now
 */
export function readSince(text: string, timeZone: string, now?: number): number
export function readSince(text: string | undefined, timeZone: string, now?: number): number | undefined
export function readSince(text: string | undefined, timeZone: string, now = Date.now()): number | undefined {
  if (text === undefined) return undefined
  const day = parseDay(text)
  if (day) return dayStart(day, timeZone)
  const length = readLength(text, ['s', 'm', 'h', 'd', 'w'])
  if (length === undefined || length > FARTHEST_MS) {
    throw usageError({
      code: 'bad_since',
      message: `--since is "${text}", which is neither a day of the calendar nor a length of time.`,
      fix: 'Write a day as YYYY-MM-DD, or a time such as 90m, 24h or 7d.',
    })
  }
  return now - length
}

/** Lines around a list: the command, the table's frame and heading, the note below it. */
const LINES_AROUND = 7

/** How many entries a list shows without --limit: all of them, except to a person at a terminal. */
export function screenful({ isTTY, rows }: Output, toMachine = false): number | undefined {
  if (toMachine || !isTTY) return undefined
  return rows ? Math.max(5, rows - LINES_AROUND) : 20
}

/** Says how to see the rest of a list that was cut; undefined where it is whole. */
export function restNote(shown: number, total: number): string | undefined {
  return shown < total ? `showing ${shown} of ${total}: --limit ${Math.min(total, 1_000_000)} shows all` : undefined
}
