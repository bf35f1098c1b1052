// Waits through outages: an unreachable server, a full disk, a database file that another process locks. They end
// without a change by the user and lose nothing, so long-running commands wait and then continue.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Kysely } from 'kysely'
import type { Config } from '../config/config.js'
import { explainDatabaseError } from '../database/connection.js'
import { databaseTime } from '../database/engine.js'
import type { Schema } from '../database/schema.js'
import { backoffMs } from '../domain/backoff.js'
import { EXIT, type UserError } from '../errors.js'
import type { ServerEvent } from '../queue/queue.js'

/** Shortest and longest pause before the next attempt. */
const FIRST_PAUSE_MS = 500
const LONGEST_PAUSE_MS = 8000

/** An attempt that lasts this long has reached its server, unless the database hangs, which is then asked. */
const REACHED_MS = 6000

/** An attempt that lasted this long shows that the previous outage was over. */
const STABLE_MS = 30_000

/** Temporary problems in addition to unreachable servers. */
const TEMPORARY = new Set([
  'disk_full',
  'database_locked',
  'database_statement_ended',
  'postgres_locked',
  'postgres_statement_ended',
])

/** Problems that are over only after a write, since reads work throughout. */
const NEEDS_WRITE = new Set([...TEMPORARY, 'database_read_only'])

export interface Waiting {
  /** Ends the wait. */
  readonly signal: AbortSignal
  /** When to give up and fail with the error of the outage, by performance.now(). */
  readonly deadline?: number | undefined
  /** Called once when an outage starts, and once when it is over. */
  readonly onNotice: (text: string, event: ServerEvent) => void
  /** Called before each pause. */
  readonly onWaiting?: (problem: UserError) => void
}

interface Outages extends Waiting {
  readonly database: Config['database']
  /** Queried after each pause. If undefined, the next attempt shows whether the outage is over. */
  readonly db?: Kysely<Schema>
  /** The notice when the server is reachable. */
  readonly reached?: string
}

/**
 * Runs `act`, and runs it again after each outage. Orders in progress during an outage are claimed again when their
 * lease ends, and charged under the same keys.
 *
 * @param act calls `worked` once it is clear that the outage is over
 * @returns undefined if the signal was aborted during an outage
 */
export async function throughOutages<Result>(
  { database, db, reached, signal, deadline = Number.POSITIVE_INFINITY, onNotice, onWaiting }: Outages,
  act: (worked: () => void) => Promise<Result>,
): Promise<Result | undefined> {
  let pauses = 0
  let reported: UserError | undefined
  const worked = () => {
    if (reported && !signal.aborted) onNotice(recoveryText(reported, reached), 'server_back')
    reported = undefined
  }
  for (;;) {
    const began = performance.now()
    let isOver = false
    const look = async () => {
      if (!db || isOver || !reported || NEEDS_WRITE.has(reported.code)) return
      const answer = await databaseTime(db).catch(() => undefined)
      if (isOver) return
      if (answer !== undefined) worked()
      else looking = setTimeout(look, REACHED_MS)
    }
    let looking = setTimeout(look, REACHED_MS)
    let problem: UserError | undefined
    try {
      const result = await act(worked)
      worked()
      return result
    } catch (error) {
      problem = temporaryProblem(error, database)
      if (!problem) throw error
    } finally {
      isOver = true
      clearTimeout(looking)
    }
    if (performance.now() - began > STABLE_MS) {
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
 * Runs `act` as soon as the servers allow it.
 *
 * @param waiting if undefined, an outage is an error
 * @returns undefined if the signal was aborted during the wait
 */
export async function onceReachable<Result>(
  act: () => Promise<Result>,
  { database, waiting }: { readonly database: Config['database']; readonly waiting: Waiting | undefined },
): Promise<Result | undefined> {
  return waiting ? throughOutages({ ...waiting, database, reached: 'Connected.' }, act) : act()
}

/** Returns the problem behind an error; undefined if it is not temporary. */
export function temporaryProblem(error: unknown, database: Config['database']): UserError | undefined {
  const problem = explainDatabaseError(error, database)
  if (!problem?.retryable) return undefined
  return problem.exit === EXIT.unreachable || TEMPORARY.has(problem.code) ? problem : undefined
}

function recoveryText({ code, exit }: UserError, reached: string | undefined): string {
  if (code === 'disk_full') return 'Disk space is available again.'
  if (exit !== EXIT.unreachable) return 'Working again.'
  if (code.startsWith('gateway_')) return 'The payment gateway is back.'
  return reached ?? (code.startsWith('database_') ? 'The database is back.' : 'The queue is back.')
}
