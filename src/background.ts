// Runs the background tasks of a command. A task that fails is retried and never ends the command.
import { setTimeout as sleep } from 'node:timers/promises'
import { errorCode } from './errors.js'

export type BackgroundEvent = 'retrying' | 'recovered'

interface ReporterOptions {
  /** Subject of the notices, such as `The heartbeat`. */
  readonly subject: string
  /** Returns the error for users, or undefined if another part of the command reports it. */
  readonly explain: (error: unknown) => Error | undefined
  readonly onNotice: (text: string, event: BackgroundEvent) => void
}

/** If the same failure returns within this time after a success, it is not reported again. */
const QUIET_MS = 30_000

/** Reports a failure once while it lasts, and once when it is over. */
export class FailureReporter {
  readonly #options: ReporterOptions
  /** The kind of the failure that was reported and still lasts. */
  #reported: string | undefined
  #over: { readonly kind: string; readonly at: number } | undefined

  constructor(options: ReporterOptions) {
    this.#options = options
  }

  failed(error: unknown): void {
    const { subject, explain, onNotice } = this.#options
    const explained = explain(error)
    if (!explained) return
    const kind = errorCode(explained) ?? explained.message
    if (kind === this.#reported) return
    if (kind === this.#over?.kind && performance.now() - this.#over.at < QUIET_MS) return
    this.#reported = kind
    onNotice(`${subject} failed: ${explained.message.replace(/\.$/, '')}. Retrying.`, 'retrying')
  }

  worked(): void {
    if (this.#reported === undefined) return
    this.#over = { kind: this.#reported, at: performance.now() }
    this.#reported = undefined
    this.#options.onNotice(`${this.#options.subject} works again.`, 'recovered')
  }
}

export function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}

interface BackgroundOptions {
  /** Returns the pause after a run, in milliseconds. `took` is the duration of that run; 0 before the first run. */
  readonly pauseMs: (took: number) => number
  /** Reports failures. Omitted if another part of the command sees the same failures. */
  readonly reporter?: FailureReporter
  /** Runs once more at the end. */
  readonly lastRun?: boolean
}

export interface BackgroundTask {
  /** Ends the task. Resolves after the current run and, if enabled, the last run. Never rejects. */
  end(): Promise<void>
}

/**
 * Alternates pauses and runs until the end. Runs never overlap, and the task continues after a failed run.
 *
 * @param run returns false if it does not show whether an earlier failure is over
 */
export function startBackground(
  run: (isLast: boolean) => Promise<unknown>,
  { pauseMs, reporter, lastRun = false }: BackgroundOptions,
): BackgroundTask {
  const over = new AbortController()
  const attempt = async (isLast: boolean) => {
    const began = performance.now()
    try {
      if ((await run(isLast)) !== false) reporter?.worked()
    } catch (error) {
      reporter?.failed(error)
    }
    return performance.now() - began
  }
  const repeat = async () => {
    for (let took = 0; ; took = await attempt(false)) {
      await sleep(pauseMs(took), undefined, { signal: over.signal }).catch(() => undefined)
      if (over.signal.aborted) break
    }
    if (lastRun) await attempt(true)
  }
  const ended = repeat()
  const end = () => {
    over.abort()
    return ended
  }
  return { end }
}
