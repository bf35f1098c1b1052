// Scheduled runs in words.
import type { TaskRun } from '../schedule/runner.js'
import { cleanText, duration } from '../terminal/text.js'

/** `kpis done in 0.2 s: …`. */
export function runText(name: string, { result, message, seconds }: TaskRun): string {
  return `${name} ${result} ${result === 'done' ? 'in' : 'after'} ${duration(seconds)}: ${cleanText(message)}`
}

/** `2026-03-04 17:30:00`, as a clock in the time zone shows it. */
export function instantIn(timeZone: string, instant: number): string {
  // Sweden writes its dates as ISO 8601 does.
  return new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'medium' }).format(instant)
}
