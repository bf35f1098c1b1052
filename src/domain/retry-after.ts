import { HOUR_MS, SECOND_MS } from './time.js'

/** The longest pause that a server may ask for. */
export const LONGEST_WAIT_MS = HOUR_MS

/** As servers send it. `Date.parse` alone takes `1.5` for a day in 2001. */
const HTTP_DATE = /^[A-Z][a-z]+, .+ GMT$/

/**
 * Reads the HTTP header `Retry-After`: seconds, or a date.
 *
 * @param now the time that a date is compared with, in epoch milliseconds
 * @returns milliseconds, at most LONGEST_WAIT_MS; undefined without a valid value
 */
export function readRetryAfter(header: string | string[] | undefined, now: number): number | undefined {
  const text = String(header ?? '')
  const date = HTTP_DATE.test(text) ? Date.parse(text) : Number.NaN
  const ms = /^\d+$/.test(text) ? Number(text) * SECOND_MS : date - now
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(0, ms), LONGEST_WAIT_MS)
}
