// The types of `doctor` checks, and the clock check that all servers share.
import type { Config } from '../config/config.js'
import { CLOCK_TOLERANCE_MS } from '../database/clocks.js'
import type { Database } from '../database/connection.js'

export interface Problem {
  readonly message: string
  readonly fix: string
}

/** A text if the check passed, or why it was skipped. An error thrown by a check counts as a problem. */
export type CheckResult = string | { readonly skipped: string } | Problem

export interface Check {
  readonly name: string
  run(): CheckResult | Promise<CheckResult>
}

/** A check of a fully migrated database. */
export interface DatabaseCheck {
  readonly name: string
  run(db: Database, config: Config): Promise<CheckResult>
}

/**
 * Compares a server's clock with the local clock.
 *
 * @param asked when the request was sent; the server answered between then and now
 */
export function checkClockOf(server: string, time: number, asked: number): CheckResult {
  const apart = Math.max(0, asked - time, time - Date.now())
  if (apart <= CLOCK_TOLERANCE_MS) return `clocks ${seconds(apart)} apart`
  return {
    message: `The clock of ${server} is ${seconds(apart)} ${time < asked ? 'behind' : 'ahead of'} the local clock.`,
    fix: 'Synchronize both clocks (timedatectl set-ntp true).',
  }
}

/** `12.3 s`. */
export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}
