// The log on stderr: lines of text, or one JSON object per event.
import { groupThousands } from '../domain/money.js'
import type { Progress, ProgressState } from '../terminal/progress.js'
import { cleanText, escapeJson } from '../terminal/text.js'

export const LOG_FORMATS = ['text', 'json'] as const
export type LogFormat = (typeof LOG_FORMATS)[number]

/** Names and fields of the events. Stable, since scripts read them. */
export const EVENTS = {
  started:
    'an import, a worker, the scheduler or the watch of a folder started: `database`, `pid`, and `queue`, `file`, `tasks` or `folder`',
  progress: 'every ten seconds if anything was done: total `orders` or `lines`, and the rate in these ten seconds',
  scaled: 'the number of concurrent batches of a worker changed: `from`, `to`',
  thread_lost: 'a worker thread died or hung; its orders are claimed again when their lease ends',
  server_away: 'a server is unreachable or a disk is full; the command waits',
  server_back: 'the server is reachable again, or the disk has space again',
  waiting: 'an import waits for another one from the same source: its `file` and `pid`',
  understood:
    'how a file was read: `mapping`, `encoding`, `compression`, `delimiter`, `decimal`, `date_order`, `currencies`, `first_day`, `last_day`',
  line_rejected: 'one of the first lines that were not imported: `line`, `reason`',
  file_done: 'a watched file was imported and is in done/: the fields of `import` under `--json`, `exit_code`',
  file_failed: 'a watched file was refused or failed and is in failed/: `file`, `error` as under `--json`',
  next_run: 'the next run of a scheduled `task`: `next_run`',
  run_done: 'a `task` succeeded: `detail`, `seconds`, `next_run`',
  run_failed: 'a `task` failed: the same fields',
  retrying: 'a background task failed and will be retried',
  recovered: 'a background task succeeded again after a failure',
  interrupted: 'Ctrl-C or SIGTERM was received; work in progress is finished first',
  conflict: 'an order that is stored with other content: the fields of `conflicting_orders` of `import`',
  ended: 'the command finished: the fields that it prints under `--json`',
  failed: 'the command failed: `error` as under `--json`, `exit_code`',
  statistics: 'with --verbose: `statements`, `milliseconds`, `slowest`, `connections`, `retries` of the main thread',
  note: 'a note or warning, often with a next step',
} as const
type EventName = keyof typeof EVENTS

/** In ascending order. */
const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** Levels of the events other than `info`. */
const LEVELS: Partial<Record<EventName, LogLevel>> = {
  statistics: 'debug',
  thread_lost: 'warn',
  server_away: 'warn',
  // As loud as the outage: a log of warnings alone would never show its end.
  server_back: 'warn',
  recovered: 'warn',
  line_rejected: 'warn',
  conflict: 'warn',
  retrying: 'warn',
  run_failed: 'error',
  failed: 'error',
  file_failed: 'error',
}

export interface LogEvent {
  readonly event: EventName
  /** Overrides the event's default level. */
  readonly level?: LogLevel
  /** Additional fields. Names that every line has are reserved. */
  readonly fields?: Readonly<Record<string, unknown>> & {
    readonly [Reserved in 'time' | 'level' | 'event' | 'message']?: never
  }
}

/** Whether a log of this lowest level has the event. */
export function isLogged({ event, level = levelOf(event) }: LogEvent, lowest: LogLevel): boolean {
  return LOG_LEVELS.indexOf(level) >= LOG_LEVELS.indexOf(lowest)
}

function levelOf(event: EventName): LogLevel {
  return LEVELS[event] ?? 'info'
}

/** `{"time":"2026-03-04T05:06:07.890Z","level":"info","event":"scaled","message":"…","from":5,"to":10}` */
export function logLine(text: string, { event, level = levelOf(event), fields }: LogEvent): string {
  const entry = { time: new Date().toISOString(), level, event, message: cleanText(text), ...fields }
  return escapeJson(JSON.stringify(entry))
}

/** Reads --log-format, even from a command line that cannot be parsed. */
export function logFormatIn(argv: readonly string[]): LogFormat | undefined {
  const words = argv.includes('--') ? argv.slice(0, argv.indexOf('--')) : argv
  const at = words.findIndex((word) => /^--log-format(=|$)/.test(word))
  const value = words[at]?.split('=')[1] ?? words[at + 1]
  return at < 0 ? undefined : LOG_FORMATS.find((format) => format === value)
}

const PROGRESS_MS = 10_000

/** Logs a progress event every ten seconds, with the rate in these ten seconds, if anything was done. */
export function logProgress(log: (text: string, event: LogEvent) => void): Progress {
  let latest: ProgressState | undefined
  let logged: { readonly done: number; readonly at: number } | undefined
  // biome-ignore lint/style/noRestrictedGlobals: The callback is synchronous.
  const timer = setInterval(() => {
    const at = performance.now()
    const before = logged
    logged = latest && { done: latest.done, at }
    if (!latest || latest.done === before?.done) return
    const { doing, unit, done, fraction } = latest
    // What is done at first may be that of an earlier run.
    const perSecond = Math.round(before ? ((done - before.done) * 1000) / (at - before.at) : latest.perSecond)
    log(`${doing}: ${groupThousands(done)} ${unit} (${groupThousands(perSecond)}/s).`, {
      event: 'progress',
      fields: { [unit]: done, [`${unit}_per_second`]: perSecond, fraction },
    })
  }, PROGRESS_MS)
  return {
    update(state) {
      if (typeof state !== 'string') latest = state
    },
    stop: () => clearInterval(timer),
  }
}
