// Flags that are a length of time: `90s`, `15m`, `8h`.
import { usageError } from '../errors.js'

const DURATION = /^(\d+)(ms|s|m|h)?$/
const MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

/** What a timer takes. */
const LONGEST_MS = 2_147_483_647

/**
 * Reads the flag's value; a plain number is seconds.
 *
 * @returns milliseconds, from 1 to 24 days
 */
export function readDuration(flag: string, text: string): number {
  const [, amount, unit = 's'] = DURATION.exec(text) ?? []
  const milliseconds = Number(amount) * (MS[unit] ?? Number.NaN)
  if (milliseconds > 0 && milliseconds <= LONGEST_MS) return milliseconds
  throw usageError({
    code: 'bad_duration',
    message: `--${flag} is "${text}", which is no time from 1 ms to 24 days.`,
    fix: 'Write it like 90s, 15m or 8h.',
  })
}
