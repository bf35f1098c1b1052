// Runs the scheduled tasks. Each task has its own loop, so it never overlaps itself, and a task that fails or hangs
// does not delay others.
import { setTimeout as sleep, setImmediate as yieldToEventLoop } from 'node:timers/promises'
import { asError, type FailureReporter, startBackground } from '../background.js'
import type { Database } from '../database/connection.js'
import { isReplaced } from '../database/opened-file.js'
import { MINUTE_MS } from '../domain/time.js'
import { claimSlot, deleteOldRuns, endRun, keepRenewing, type Outcome, type Run } from './task-runs.js'
import type { Task } from './tasks.js'

export interface Clock {
  /** Epoch milliseconds. */
  now(): number
  /** Resolves early when the signal is aborted. */
  sleep(ms: number, signal: AbortSignal): Promise<void>
}

export const systemClock: Clock = {
  now: Date.now,
  sleep: (ms, signal) => sleep(ms, undefined, { signal }).catch(() => undefined),
}

/** A run that has ended. */
export interface TaskRun extends Outcome {
  readonly seconds: number
  /** Why it failed. */
  readonly error?: unknown
}

export interface ScheduleOptions {
  readonly clock: Clock
  /** Ends the schedule after the runs in progress. */
  readonly signal: AbortSignal
  readonly onRun: (task: Task, run: TaskRun) => void
  /** Reports when a task's slots cannot be claimed, and when they can be again. */
  readonly reporterFor: (task: Task) => FailureReporter
  /** Called every few seconds. Stops if the process or a database query hangs. */
  readonly onAlive: () => void
}

/** Maximum sleep, so that clock changes and suspends are noticed. */
const LONGEST_SLEEP_MS = MINUTE_MS

const ALIVE_MS = 5000

/** Delay before a slot is retried because its task runs elsewhere or the database failed. */
const RETRY_MS = 5000

/**
 * Runs each task in each of its slots until the signal. If several processes run a schedule, one of them runs each
 * slot. After missed slots, runs only the latest one.
 */
export async function runSchedule(db: Database, tasks: readonly Task[], options: ScheduleOptions): Promise<void> {
  const fatal = new AbortController()
  const signal = AbortSignal.any([options.signal, fatal.signal])
  /** Ends the schedule if the database file was replaced. Other errors are retried. */
  const endIfFatal = (error: unknown) => {
    if (isReplaced(error)) fatal.abort(error)
    return fatal.signal.aborted
  }
  const beat = async () => {
    const reading = db.selectFrom('schedule_runs').select('task').limit(1).execute()
    await reading.catch(endIfFatal)
    options.onAlive()
  }
  const heartbeat = startBackground(beat, { pauseMs: () => ALIVE_MS })
  try {
    await Promise.all(tasks.map((task) => followTask(db, task, { ...options, signal, endIfFatal })))
    fatal.signal.throwIfAborted()
  } finally {
    await heartbeat.end()
  }
}

async function followTask(
  db: Database,
  task: Task,
  { clock, signal, endIfFatal, ...options }: ScheduleOptions & { readonly endIfFatal: (error: unknown) => boolean },
): Promise<void> {
  const reporter = options.reporterFor(task)
  /** Claims and runs the slot. @returns whether it is done, by this or another process */
  const runSlot = async (slot: number) => {
    try {
      const claim = await claimSlot(db, task.name, slot)
      if (claim.kind === 'claimed') options.onRun(task, await runTask(db, task, claim.run))
      reporter.worked()
      return claim.kind !== 'busy'
    } catch (error) {
      if (!endIfFatal(error)) reporter.failed(error)
      return false
    }
  }
  let lastDone: number | null = null
  while (!signal.aborted) {
    const now = clock.now()
    const slot = task.slots.latest(now)
    if (slot === null || slot === lastDone) {
      const next = task.slots.next(now) ?? Number.POSITIVE_INFINITY
      await clock.sleep(Math.min(next - now, LONGEST_SLEEP_MS), signal)
    } else if (await runSlot(slot)) {
      lastDone = slot
      // SQLite is synchronous, so back-to-back runs would keep the event loop from delivering a signal.
      await yieldToEventLoop()
    } else {
      await clock.sleep(RETRY_MS, signal)
    }
  }
}

/** Runs the task in a claimed slot and stores the outcome. */
export async function runTask(db: Database, task: Task, run: Run): Promise<TaskRun> {
  const startedAt = performance.now()
  const renewing = keepRenewing(db, run)
  try {
    const { error, ...outcome } = await task.run().then(
      (message) => ({ result: 'done' as const, message, error: undefined }),
      (error: unknown) => ({ result: 'failed' as const, message: asError(error).message, error }),
    )
    await endRun(db, run, outcome)
    await deleteOldRuns(db, task.name, task.slots.latest(run.slot) ?? run.slot)
    return { ...outcome, error, seconds: (performance.now() - startedAt) / 1000 }
  } finally {
    await renewing.end()
  }
}
