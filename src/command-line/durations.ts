// Flags that are a length of time: `90s`, `15m`, `7d`.
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, WEEK_MS } from '../domain/time.js'
import { usageError } from '../errors.js'

const UNIT_MS = { ms: 1, s: SECOND_MS, m: MINUTE_MS, h: HOUR_MS, d: DAY_MS, w: WEEK_MS }
type Unit = keyof typeof UNIT_MS

/** Reads a whole number and one of the units, as milliseconds; undefined if the text is anything else. */
export function readLength(text: string, units: readonly Unit[]): number | undefined {
  const [, count, name] = /^(\d+)([a-z]+)$/.exec(text) ?? []
  const unit = units.find((one) => one === name)
  return unit && Number(count) * UNIT_MS[unit]
}

/** The longest that a timer takes. */
const LONGEST_MS = 2_147_483_647

/**
 * Reads the flag's value; a plain number is seconds.
 *
 * @returns milliseconds, up to 24 days
 * @throws UserError (exit 2)
 */
export function readDuration(flag: string, text: string): number {
  const length = readLength(/^\d+$/.test(text) ? `${text}s` : text, ['ms', 's', 'm', 'h']) ?? 0
  if (length > 0 && length <= LONGEST_MS) return length
  const message = `--${flag} is "${text}", which is no time from 1 ms to 24 days.`
  throw usageError({ code: 'bad_duration', message, fix: 'Write it like 90s, 15m or 8h.' })
}
