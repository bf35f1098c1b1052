// Background tasks of a command. A task that fails runs again and never ends the command.
import { setTimeout as sleep } from 'node:timers/promises'
import { errorCode } from './errors.js'

export type BackgroundEvent = 'retrying' | 'recovered'

interface ReporterOptions {
  /** Subject of the notices: `The heartbeat`. */
  readonly subject: string
  /** Returns the error for users, or undefined if another part of the command reports it. */
  readonly explain: (error: unknown) => Error | undefined
  readonly onNotice: (text: string, event: BackgroundEvent) => void
}

/** The same failure this soon after a success is not reported again. */
const QUIET_MS = 30_000

/** Reports each kind of failure once while it lasts, and once when it is over. */
export class FailureReporter {
  readonly #options: ReporterOptions
  /** The kind that was reported and still lasts. */
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
    onNotice(`${subject} failed: ${explained.message.replace(/\.$/, '')}. Trying again.`, 'retrying')
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
  /** The pause after a run, in milliseconds; `took` is the length of that run, 0 at the start. */
  readonly pauseMs: (took: number) => number
  /** Reports failures. Omitted if the owner of the task sees the same failures itself. */
  readonly reporter?: FailureReporter
  /** Runs once more at the end. */
  readonly lastRun?: boolean
}

export interface BackgroundTask {
  /** Resolves after the current run and, if there is one, the last run. Never rejects. */
  end(): Promise<void>
}

/** Pauses and runs in turn until the end. Runs never overlap, and a failed one is followed by others. */
export function startBackground(
  run: (isLast: boolean) => Promise<unknown>,
  { pauseMs, reporter, lastRun = false }: BackgroundOptions,
): BackgroundTask {
  const over = new AbortController()
  const attempt = async (isLast: boolean) => {
    const began = performance.now()
    try {
      await run(isLast)
      reporter?.worked()
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
