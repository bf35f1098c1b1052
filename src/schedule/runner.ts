// Runs the scheduled tasks. Each has a loop of its own, so it never overlaps itself, and one that fails or hangs does not delay
// the others.
import { setTimeout as sleep, setImmediate as turnOfLoop } from 'node:timers/promises'
import { asError, type FailureReporter, startBackground } from '../background.js'
import type { Database } from '../database/connection.js'
import { isReplaced } from '../database/opened-file.js'
import { MINUTE_MS } from '../domain/time.js'
import { claimSlot, endRun, forgetOldRuns, keepRenewing, type Outcome, type Run } from './task-runs.js'
import type { Task } from './tasks.js'

export interface Clock {
  /** Epoch milliseconds. */
  now(): number
  /** Ends early when the signal is aborted. */
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
  /** Ends the schedule; runs in progress are finished. */
  readonly signal: AbortSignal
  readonly onRun: (task: Task, run: TaskRun) => void
  /** Reports when the slots of a task cannot be read, and when they can be again. */
  readonly reporterFor: (task: Task) => FailureReporter
  /** Called every few seconds, unless the process hangs or the database neither answers nor fails. */
  readonly onAlive: () => void
}

/** Bounds each sleep, so that a clock that was set, or a machine that was suspended, is noticed. */
const LONGEST_SLEEP_MS = MINUTE_MS

const ALIVE_MS = 5000

/** Pause before a slot is tried again: its task runs elsewhere, or the database did not answer. */
const RETRY_MS = 5000

/**
 * Runs each task in each of its slots until the signal; of several processes, one runs a slot. After missed slots, the
 * latest one is run, once.
 */
export async function runSchedule(db: Database, tasks: readonly Task[], options: ScheduleOptions): Promise<void> {
  const fatal = new AbortController()
  const signal = AbortSignal.any([options.signal, fatal.signal])
  /** Ends the schedule if the database file was replaced; a database that is away is waited for. */
  const endIfFatal = (error: unknown) => {
    if (isReplaced(error)) fatal.abort(error)
    return fatal.signal.aborted
  }
  const beat = async () => {
    const reading = db.selectFrom('schedule_runs').select('task').limit(1).execute()
    await reading.catch(endIfFatal)
    options.onAlive()
  }
  const beating = startBackground(beat, { pauseMs: () => ALIVE_MS })
  try {
    await Promise.all(tasks.map((task) => followTask(db, task, { ...options, signal, endIfFatal })))
    fatal.signal.throwIfAborted()
  } finally {
    await beating.end()
  }
}

async function followTask(
  db: Database,
  task: Task,
  { clock, signal, endIfFatal, ...options }: ScheduleOptions & { readonly endIfFatal: (error: unknown) => boolean },
): Promise<void> {
  const reporter = options.reporterFor(task)
  /** @returns whether the slot is done, by whichever process */
  const pass = async (slot: number) => {
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
  let passed: number | null = null
  while (!signal.aborted) {
    const now = clock.now()
    const slot = task.slots.latest(now)
    if (slot === null || slot === passed) {
      const next = task.slots.next(now) ?? Number.POSITIVE_INFINITY
      await clock.sleep(Math.min(next - now, LONGEST_SLEEP_MS), signal)
    } else if (await pass(slot)) {
      passed = slot
      // SQLite answers at once: without this, tasks that take longer than their slots would never let a signal in.
      await turnOfLoop()
    } else {
      await clock.sleep(RETRY_MS, signal)
    }
  }
}

/** Runs the task in a slot that was claimed, and stores how it ended. */
export async function runTask(db: Database, task: Task, run: Run): Promise<TaskRun> {
  const began = performance.now()
  const renewing = keepRenewing(db, run)
  try {
    const { error, ...outcome } = await task.run().then(
      (message) => ({ result: 'done' as const, message, error: undefined }),
      (error: unknown) => ({ result: 'failed' as const, message: asError(error).message, error }),
    )
    await endRun(db, run, outcome)
    await forgetOldRuns(db, task.name, task.slots.latest(run.slot) ?? run.slot)
    return { ...outcome, error, seconds: (performance.now() - began) / 1000 }
  } finally {
    await renewing.end()
  }
}
