// The checks of `doctor`, and the one that all servers share.
import type { Config } from '../config/config.js'
import { CLOCK_TOLERANCE_MS } from '../database/clocks.js'
import type { Database } from '../database/connection.js'

export interface Problem {
  readonly message: string
  readonly fix: string
}

/** A text if all is well. An error that a check throws is a problem, too. */
export type Found = string | Problem

export interface Check {
  readonly name: string
  look(): Found | Promise<Found>
}

/** A check of a database of this release. */
export interface DatabaseCheck {
  readonly name: string
  look(db: Database, config: Config): Promise<Found>
}

/**
 * Compares a server's clock with the clock of this machine.
 *
 * @param asked when the server was asked; it answered between then and now
 */
export function checkClockOf(server: string, time: number, asked: number): Found {
  const apart = Math.max(0, asked - time, time - Date.now())
  if (apart <= CLOCK_TOLERANCE_MS) return `clocks ${seconds(apart)} apart`
  return {
    message: `The clock of ${server} is ${seconds(apart)} ${time < asked ? 'behind' : 'ahead of'} this clock.`,
    fix: 'Set both clocks (timedatectl set-ntp true).',
  }
}

/** `12.3 s`. */
export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}
