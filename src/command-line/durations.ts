// Flags that are a length of time: `90s`, `15m`, `7d`.
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, WEEK_MS } from '../domain/time.js'
import { usageError } from '../errors.js'

const UNIT_MS = { ms: 1, s: SECOND_MS, m: MINUTE_MS, h: HOUR_MS, d: DAY_MS, w: WEEK_MS }
type Unit = keyof typeof UNIT_MS

/**
 * Reads a whole number and one of the units that the flag takes.
 *
 * @returns milliseconds; undefined where the text is nothing of the kind
 */
export function readLength(text: string, units: readonly Unit[]): number | undefined {
  const [, count, name] = /^(\d+)([a-z]+)$/.exec(text) ?? []
  const unit = units.find((one) => one === name)
  return unit && Number(count) * UNIT_MS[unit]
}

const TIMER_UNITS: readonly Unit[] = ['ms', 's', 'm', 'h']

/** What a timer takes. */
const LONGEST_MS = 2_147_483_647

/**
 * Reads the flag's value; a plain number is seconds.
 *
 * @returns milliseconds, from 1 to 24 days
 */
export function readDuration(flag: string, text: string): number {
  const length = readLength(/^\d+$/.test(text) ? `${text}s` : text, TIMER_UNITS) ?? 0
  if (length > 0 && length <= LONGEST_MS) return length
  throw usageError({
    code: 'bad_duration',
    message: `--${flag} is "${text}", which is no time from 1 ms to 24 days.`,
    fix: 'Write it like 90s, 15m or 8h.',
  })
}
