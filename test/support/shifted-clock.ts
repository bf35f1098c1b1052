// Processes whose clock is wrong.
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

/** For a process, and its threads, whose clock is wrong by so many minutes. */
export function shiftedClock(minutes: number): Record<string, string> {
  return {
    NODE_OPTIONS: `--require ${join(import.meta.dirname, 'preloaded/shifted-clock.cjs')}`,
    TEST_CLOCK_SHIFT_MS: String(minutes * 60_000),
  }
}

/** For a process whose clock is set by so many minutes at a SIGUSR2. */
export function clockToBeShifted(minutes: number): Record<string, string> {
  return { ...shiftedClock(minutes), TEST_CLOCK_SHIFT_ON_SIGNAL: '1' }
}

/** For a process whose clock stays at the instant. */
export function frozenClock(instant: string): Record<string, string> {
  const file = pathToFileURL(join(import.meta.dirname, 'preloaded/frozen-clock.js'))
  return { NODE_OPTIONS: `--import ${file}`, TEST_NOW: instant }
}
