// Scheduled runs in words.
import type { TaskRun } from '../schedule/runner.js'
import { cleanText, duration } from '../terminal/text.js'

/** `kpis done in 0.2 s: …`. */
export function runText(name: string, { result, message, seconds }: TaskRun): string {
  return `${name} ${result} ${result === 'done' ? 'in' : 'after'} ${duration(seconds)}: ${cleanText(message)}`
}
