// Runs of scheduled tasks as text and as log events.
import type { TaskRun } from '../schedule/runner.js'
import { cleanText, duration } from '../terminal/text.js'
import type { LogEvent } from './log.js'

/** `kpis done in 0.2 s: …`. */
export function runText(name: string, { result, message, seconds }: TaskRun): string {
  return `${name} ${result} ${result === 'done' ? 'in' : 'after'} ${duration(seconds)}: ${cleanText(message)}`
}

export function runEvent(task: string, { result, message, seconds }: TaskRun, more: { next_run?: string | null } = {}) {
  const fields = { task, result, detail: cleanText(message), seconds: Math.round(seconds * 1000) / 1000, ...more }
  return { event: result === 'done' ? 'run_done' : 'run_failed', fields } satisfies LogEvent
}
