// Runs tasks by the clock. Each task has a loop of its own, so it never runs beside itself, and one that fails or hangs
// does not hold up the others.
import { setTimeout as sleep, setImmediate as turnOfLoop } from 'node:timers/promises'
import { asError, startBackground, type Troubles } from '../background.js'
import type { Database } from '../database/connection.js'
import { isReplaced } from '../database/opened-file.js'
import { MINUTE_MS } from '../domain/time.js'
import { claimSlot, endRun, forgetOldRuns, type Outcome, RENEW_MS, type Run, renewRun } from './task-runs.js'
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
  /** Ends the schedule; runs in hand are finished. */
  readonly signal: AbortSignal
  readonly onRun: (task: Task, run: TaskRun) => void
  /** Told when a slot could not be looked at; it is tried again. */
  /** Told when looking for the slots of a task fails, and when it works again; one for each task. */
  readonly troublesOf: (task: Task) => Troubles
  /** Told every few seconds, unless the process hangs or the database neither answers nor fails. */
  readonly onAlive: () => void
}

/** No sleep is longer, so that a clock that was set, or a machine that was asleep, is noticed. */
const LONGEST_SLEEP_MS = MINUTE_MS

const ALIVE_MS = 5000

/** How soon a slot is tried again that could not be run: its task runs elsewhere, or the database did not answer. */
const RETRY_MS = 5000

/**
 * Runs each task in each of its slots until the signal; of several processes, one runs a slot. A slot that passed while
 * nothing ran it, or while the task ran, is made up for once: the latest one, not those before it.
 */
export async function runSchedule(db: Database, tasks: readonly Task[], options: ScheduleOptions): Promise<void> {
  const given = new AbortController()
  const giveUp = (error: unknown) => given.abort(error)
  const running = { ...options, giveUp, signal: AbortSignal.any([options.signal, given.signal]) }
  const beat = async () => {
    try {
      await db.selectFrom('schedule_runs').select('task').limit(1).execute()
    } catch (error) {
      // Nothing can mend this; a database that is away is no reason to start anew.
      if (isReplaced(error)) giveUp(error)
    } finally {
      options.onAlive()
    }
  }
  const beating = startBackground(beat, { pauseMs: () => ALIVE_MS })
  try {
    await Promise.all(tasks.map((task) => followTask(db, task, running)))
    given.signal.throwIfAborted()
  } finally {
    await beating.end()
  }
}

interface Running extends ScheduleOptions {
  /** Ends the schedule with an error that no later try can mend. */
  readonly giveUp: (error: unknown) => void
}

async function followTask(db: Database, task: Task, options: Running): Promise<void> {
  const { clock, signal } = options
  const troubles = options.troublesOf(task)
  let passed: number | null = null
  while (!signal.aborted) {
    const now = clock.now()
    const slot = task.slots.latest(now)
    if (slot === null || slot === passed) {
      const next = task.slots.next(now) ?? Number.POSITIVE_INFINITY
      await clock.sleep(Math.min(next - now, LONGEST_SLEEP_MS), signal)
    } else if (await passSlot(db, task, slot, { ...options, troubles })) {
      passed = slot
      // SQLite answers at once: without this, tasks that take longer than their slots would keep signals out for ever.
      await turnOfLoop()
    } else {
      await clock.sleep(RETRY_MS, signal)
    }
  }
}

/** @returns whether the slot is done with, by whichever process */
async function passSlot(
  db: Database,
  task: Task,
  slot: number,
  { troubles, ...options }: Running & { readonly troubles: Troubles },
): Promise<boolean> {
  try {
    const claim = await claimSlot(db, task.name, slot)
    if (claim.kind === 'claimed') options.onRun(task, await runTask(db, task, claim.run))
    troubles.worked()
    return claim.kind !== 'busy'
  } catch (error) {
    if (isReplaced(error)) options.giveUp(error)
    else troubles.failed(error)
    return false
  }
}

/** Runs the task in a slot that was claimed, and records how that ended. */
export async function runTask(db: Database, task: Task, run: Run): Promise<TaskRun> {
  const began = performance.now()
  // A renewal that fails is followed by others.
  const renewing = startBackground(() => renewRun(db, run), { pauseMs: () => RENEW_MS })
  try {
    const { error, ...outcome } = await attempt(task)
    await endRun(db, run, outcome)
    await forgetOldRuns(db, task.name, task.slots.latest(run.slot) ?? run.slot)
    return { ...outcome, error, seconds: (performance.now() - began) / 1000 }
  } finally {
    await renewing.end()
  }
}

async function attempt(task: Task): Promise<Outcome & Pick<TaskRun, 'error'>> {
  try {
    return { result: 'done', message: await task.run() }
  } catch (error) {
    return { result: 'failed', message: asError(error).message, error }
  }
}
