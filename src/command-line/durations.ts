// Reads durations such as `90s`, `15m` and `7d` from flags.
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, WEEK_MS } from '../domain/time.js'
import { usageError } from '../errors.js'

const UNIT_MS = { ms: 1, s: SECOND_MS, m: MINUTE_MS, h: HOUR_MS, d: DAY_MS, w: WEEK_MS }
type Unit = keyof typeof UNIT_MS

/** Reads an integer and one of the units, in milliseconds. Returns undefined for any other text. */
export function readLength(text: string, units: readonly Unit[]): number | undefined {
  const [, count, name] = /^(\d+)([a-z]+)$/.exec(text) ?? []
  const unit = units.find((one) => one === name)
  return unit && Number(count) * UNIT_MS[unit]
}

/** Longest delay of a Node timer. */
const MAX_TIMER_MS = 2_147_483_647

/**
 * Reads the flag's value. A number without a unit is in seconds.
 *
 * @returns milliseconds, up to 24 days
 * @throws UserError (exit 2)
 */
export function readDuration(flag: string, text: string): number {
  const length = readLength(/^\d+$/.test(text) ? `${text}s` : text, ['ms', 's', 'm', 'h']) ?? 0
  if (length > 0 && length <= MAX_TIMER_MS) return length
  const message = `--${flag} "${text}" is invalid; expected a time from 1 ms to 24 days.`
  throw usageError({ code: 'bad_duration', message, fix: 'Use a number with a unit, such as 90s, 15m or 8h.' })
}
