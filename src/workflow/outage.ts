// Trouble that passes by itself: a server that is away, a full disk, a database that another process holds. Nothing is
// lost by it, so a command that runs for good waits and goes on.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Kysely } from 'kysely'
import type { Config } from '../config/config.js'
import { explainDatabaseError } from '../database/connection.js'
import { databaseTime } from '../database/engine.js'
import type { Schema } from '../database/schema.js'
import { EXIT, type UserError } from '../errors.js'
import type { ServerEvent } from '../queue/queue.js'

/** The first pause between two attempts, in milliseconds; each one after a failure is twice as long. */
const FIRST_PAUSE_MS = 500
const LONGEST_PAUSE_MS = 8000

/** A server is back when an attempt has lasted for so long: it takes up to five seconds to find that one hangs. */
const BACK_MS = 6000

/** An attempt that lasted for so long has come through the outage before it. */
const SOUND_MS = 30_000

/** Problems that pass by themselves, besides those of servers that are away. */
const PASSING = new Set(['disk_full', 'database_locked'])

/** Over when something was written: the server answers questions all the time. */
const NEEDS_WRITE = new Set(['disk_full', 'database_locked', 'database_read_only'])

/** How long to wait, and who is told. */
export interface Waiting {
  /** Ends the wait. */
  readonly signal: AbortSignal
  /** By performance.now(): when to give up, with the error that is waited for. */
  readonly deadline?: number | undefined
  /** Told once that an outage begins, and once that it is over. */
  readonly onNotice: (text: string, event: ServerEvent) => void
  /** Called before each pause. */
  readonly onWaiting?: (problem: UserError) => void
}

interface Outages extends Waiting {
  readonly database: Config['database']
  /** Asked after a pause whether it answers. If left out, the next attempt finds out. */
  readonly db?: Kysely<Schema>
  /** What to say when a server is reached again. */
  readonly reached?: string
}

/**
 * Acts, and again after each outage. What a worker had in hand at an outage is claimed anew when its lease ends, and
 * charged under the same keys.
 *
 * @param act calls `worked` when it is clear that the outage is over. For a full disk, that takes more than an answer.
 * @returns undefined if the signal came during an outage
 */
export async function throughOutages<Result>(
  { database, db, reached, signal, deadline = Number.POSITIVE_INFINITY, onNotice, onWaiting }: Outages,
  act: (worked: () => void) => Promise<Result>,
): Promise<Result | undefined> {
  let pause = FIRST_PAUSE_MS
  let told: UserError | undefined
  const worked = () => {
    if (told && !signal.aborted) onNotice(overText(told, reached), 'server_back')
    told = undefined
  }
  for (;;) {
    const began = performance.now()
    const working = db && setTimeout(() => told && !NEEDS_WRITE.has(told.code) && worked(), BACK_MS)
    let problem: UserError | undefined
    try {
      const result = await act(worked)
      worked()
      return result
    } catch (error) {
      problem = passingProblem(error, database)
      if (!problem) throw error
    } finally {
      clearTimeout(working)
    }
    if (performance.now() - began > SOUND_MS) {
      pause = FIRST_PAUSE_MS
      if (told?.exit === EXIT.unreachable) told = undefined
    }
    if (told?.code !== problem.code) {
      onNotice(`${problem.message} Waiting for ${problem.code === 'disk_full' ? 'space' : 'it'}.`, 'server_away')
    }
    told = problem
    do {
      if (signal.aborted) return undefined
      const left = deadline - performance.now()
      if (left <= 0) throw problem
      onWaiting?.(problem)
      await sleep(Math.min(pause, left), undefined, { signal }).catch(() => undefined)
      pause = Math.min(2 * pause, LONGEST_PAUSE_MS)
    } while (db && !(await answers(db)))
    if (signal.aborted) return undefined
  }
}

interface Beginning {
  readonly database: Config['database']
  /** If left out, an outage is an error like any other. */
  readonly waiting: Waiting | undefined
}

/**
 * Acts as soon as it can.
 *
 * @returns undefined if the signal came during the wait
 */
export async function onceItCan<Result>(
  act: () => Promise<Result>,
  { database, waiting }: Beginning,
): Promise<Result | undefined> {
  return waiting ? throughOutages({ ...waiting, database, reached: 'Connected.' }, act) : act()
}

async function answers(db: Kysely<Schema>): Promise<boolean> {
  try {
    await databaseTime(db)
    return true
  } catch {
    return false
  }
}

/** Undefined for errors that do not pass by themselves. */
export function passingProblem(error: unknown, database: Config['database']): UserError | undefined {
  const problem = explainDatabaseError(error, database)
  if (!problem?.retryable) return undefined
  return problem.exit === EXIT.unreachable || PASSING.has(problem.code) ? problem : undefined
}

function overText(problem: UserError, reached: string | undefined): string {
  if (problem.code === 'disk_full') return 'There is space again.'
  if (problem.exit !== EXIT.unreachable) return 'Working again.'
  return reached ?? (isDatabaseAway(problem) ? 'The database is back.' : 'The queue is back.')
}

function isDatabaseAway({ exit, code }: UserError): boolean {
  return exit === EXIT.unreachable && code.startsWith('database_')
}
