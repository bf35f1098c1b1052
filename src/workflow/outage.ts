// Outages: a server that is away, a full disk, a database file that another process locks. They pass and lose nothing, so
// commands that run for long wait and go on.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Kysely } from 'kysely'
import type { Config } from '../config/config.js'
import { explainDatabaseError } from '../database/connection.js'
import { databaseTime } from '../database/engine.js'
import type { Schema } from '../database/schema.js'
import { backoffMs } from '../domain/backoff.js'
import { EXIT, type UserError } from '../errors.js'
import type { ServerEvent } from '../queue/queue.js'

/** Pauses before the next attempt. */
const FIRST_PAUSE_MS = 500
const LONGEST_PAUSE_MS = 8000

/** An attempt that has lasted this long has reached its server: a hanging one is found within five seconds. */
const BACK_MS = 6000

/** An attempt that lasted this long shows that the outage before it was over. */
const SOUND_MS = 30_000

/** Problems that pass by themselves, besides servers that are away. */
const PASSING = new Set(['disk_full', 'database_locked'])

/** Over once something was written: reading works all the time. */
const NEEDS_WRITE = new Set([...PASSING, 'database_read_only'])

export interface Waiting {
  /** Ends the wait. */
  readonly signal: AbortSignal
  /** By performance.now(): when to give up, and fail with the error of the outage. */
  readonly deadline?: number | undefined
  /** Called once when an outage begins, and once when it is over. */
  readonly onNotice: (text: string, event: ServerEvent) => void
  /** Called before each pause. */
  readonly onWaiting?: (problem: UserError) => void
}

interface Outages extends Waiting {
  readonly database: Config['database']
  /** Asked after each pause. If left out, the next attempt finds out whether the outage is over. */
  readonly db?: Kysely<Schema>
  /** The notice when a server is reached again. */
  readonly reached?: string
}

/**
 * Acts, and again after each outage. Orders in progress at an outage are claimed again when their lease ends, and charged
 * under the same keys.
 *
 * @param act calls `worked` once it is clear that the outage is over
 * @returns undefined if the signal came during an outage
 */
export async function throughOutages<Result>(
  { database, db, reached, signal, deadline = Number.POSITIVE_INFINITY, onNotice, onWaiting }: Outages,
  act: (worked: () => void) => Promise<Result>,
): Promise<Result | undefined> {
  let pauses = 0
  let reported: UserError | undefined
  const worked = () => {
    if (reported && !signal.aborted) onNotice(overText(reported, reached), 'server_back')
    reported = undefined
  }
  for (;;) {
    const began = performance.now()
    const working = db && setTimeout(() => reported && !NEEDS_WRITE.has(reported.code) && worked(), BACK_MS)
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
      pauses = 0
      if (reported?.exit === EXIT.unreachable) reported = undefined
    }
    if (reported?.code !== problem.code) {
      onNotice(`${problem.message} Waiting for ${problem.code === 'disk_full' ? 'space' : 'it'}.`, 'server_away')
    }
    reported = problem
    do {
      if (signal.aborted) return undefined
      const left = deadline - performance.now()
      if (left <= 0) throw problem
      onWaiting?.(problem)
      pauses += 1
      const pause = Math.min(backoffMs(pauses, FIRST_PAUSE_MS, LONGEST_PAUSE_MS), left)
      await sleep(pause, undefined, { signal }).catch(() => undefined)
    } while (db && !(await databaseTime(db).catch(() => undefined)))
    if (signal.aborted) return undefined
  }
}

/**
 * Acts as soon as it can.
 *
 * @param waiting if left out, an outage is an error
 * @returns undefined if the signal came during the wait
 */
export async function onceItCan<Result>(
  act: () => Promise<Result>,
  { database, waiting }: { readonly database: Config['database']; readonly waiting: Waiting | undefined },
): Promise<Result | undefined> {
  return waiting ? throughOutages({ ...waiting, database, reached: 'Connected.' }, act) : act()
}

/** Undefined for errors that do not pass by themselves. */
export function passingProblem(error: unknown, database: Config['database']): UserError | undefined {
  const problem = explainDatabaseError(error, database)
  if (!problem?.retryable) return undefined
  return problem.exit === EXIT.unreachable || PASSING.has(problem.code) ? problem : undefined
}

function overText({ code, exit }: UserError, reached: string | undefined): string {
  if (code === 'disk_full') return 'There is space again.'
  if (exit !== EXIT.unreachable) return 'Working again.'
  return reached ?? (code.startsWith('database_') ? 'The database is back.' : 'The queue is back.')
}
