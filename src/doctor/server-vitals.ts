// What every server is asked: how fast it answers, what its clock says, and how many connections it has left.
import { CLOCK_TOLERANCE_MS } from '../database/clocks.js'
import type { Found } from './check.js'

export async function roundTrip(ask: () => Promise<unknown>): Promise<string> {
  const began = performance.now()
  await ask()
  return `round trip ${(performance.now() - began).toFixed(1)} ms`
}

/** Whether another worker may find no connection. */
export function isShort({ used, most }: { readonly used: number; readonly most: number }): boolean {
  return most - used < 10
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
