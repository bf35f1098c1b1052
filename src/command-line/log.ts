// Notes on stderr: a line for people, or one JSON object an event for programs.
import { groupThousands } from '../domain/money.js'
import type { Progress, ProgressState } from '../terminal/progress.js'
import { cleanText, escapeJson } from '../terminal/text.js'

export const LOG_FORMATS = ['text', 'json'] as const
export type LogFormat = (typeof LOG_FORMATS)[number]

/** Names of the events, and the fields of each. Stable, for scripts. */
export const EVENTS = {
  started: 'a command begins what may take long: `database`, `pid`, and `queue`, `file` or `tasks`',
  progress: 'every ten seconds, if anything was done: `orders` or `lines` so far, and as many a second in these ten',
  scaled: 'a worker now has up to `to` batches in progress, before it was `from`',
  thread_lost: 'a thread of a worker died or hung; its orders are claimed again when their lease ends',
  server_away: 'a server does not answer, or a disk is full; it is waited for',
  server_back: 'it answers again, or there is space again',
  waiting: 'an import lets another one from the same source end first: its `file` and `pid`',
  line_rejected: 'the first lines that were not imported: `line`, `reason`',
  next_run: 'when a `task` of the schedule runs next: `next_run`',
  run_done: 'a `task` was run: `detail`, `seconds`, `next_run`',
  run_failed: 'the same where it failed',
  retrying: 'something that runs beside the work failed, and is tried again',
  recovered: 'it works again',
  interrupted: 'Ctrl-C or SIGTERM came; what is in progress is finished',
  ended: 'the end: all that the command prints under `--json`',
  failed: 'the end, where it is a failure: `error` as under `--json`, `exit_code`',
  note: 'what a person should know or do next',
} as const
type EventName = keyof typeof EVENTS

type Level = 'info' | 'warn' | 'error'

/** For events that are not `info`. */
const LEVELS: Partial<Record<EventName, Level>> = {
  thread_lost: 'warn',
  server_away: 'warn',
  line_rejected: 'warn',
  retrying: 'warn',
  run_failed: 'error',
  failed: 'error',
}

export interface LogEvent {
  readonly event: EventName
  /** Overrides the level of the event. */
  readonly level?: Level
  /** More fields; those of every line are reserved. */
  readonly fields?: Readonly<Record<string, unknown>> & {
    readonly [Reserved in 'time' | 'level' | 'event' | 'message']?: never
  }
}

/** `{"time":"2026-03-04T05:06:07.890Z","level":"info","event":"scaled","message":"…","from":5,"to":10}` */
export function logLine(text: string, { event, level = LEVELS[event] ?? 'info', fields }: LogEvent): string {
  const entry = { time: new Date().toISOString(), level, event, message: cleanText(text), ...fields }
  return escapeJson(JSON.stringify(entry))
}

/** Finds --log-format, even if the command line cannot be parsed. */
export function logFormatIn(argv: readonly string[]): LogFormat | undefined {
  const words = argv.includes('--') ? argv.slice(0, argv.indexOf('--')) : argv
  const at = words.findIndex((word) => /^--log-format(=|$)/.test(word))
  const value = words[at]?.split('=')[1] ?? words[at + 1]
  return at < 0 ? undefined : LOG_FORMATS.find((format) => format === value)
}

const PROGRESS_MS = 10_000

/** Logs an event every ten seconds, with the rate of these seconds, unless nothing was done. */
export function logProgress(log: (text: string, event: LogEvent) => void): Progress {
  let latest: ProgressState | undefined
  let logged = { done: 0, at: performance.now() }
  // biome-ignore lint/style/noRestrictedGlobals: The callback is synchronous.
  const timer = setInterval(() => {
    const at = performance.now()
    const before = logged
    logged = { done: latest?.done ?? 0, at }
    if (!latest || latest.done === before.done) return
    const { doing, unit, done, fraction } = latest
    const perSecond = Math.round(((done - before.done) * 1000) / (at - before.at))
    log(`${doing}: ${groupThousands(done)} ${unit}, ${groupThousands(perSecond)} a second.`, {
      event: 'progress',
      fields: { [unit]: done, [`${unit}_per_second`]: perSecond, fraction },
    })
  }, PROGRESS_MS)
  return {
    update(state) {
      latest = state
    },
    stop: () => clearInterval(timer),
  }
}
