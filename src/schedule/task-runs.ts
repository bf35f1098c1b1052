// Who ran which slot of which task, and how that ended. A slot is claimed by writing its row, so that of many processes
// one runs it.

import { hostname } from 'node:os'
import type { Kysely, Selectable } from 'kysely'
import type { Database } from '../database/connection.js'
import { databaseTime, takeTurn } from '../database/engine.js'
import { isAlive } from '../database/lease-holder.js'
import type { Schema } from '../database/schema.js'
import { inTransaction } from '../database/transaction.js'
import { DAY_MS, MINUTE_MS } from '../domain/time.js'

/** A run that was not heard of for so long is over, even if a process of its number is there. */
const LEASE_MS = 5 * MINUTE_MS

/** How often a run says that it goes on. */
export const RENEW_MS = LEASE_MS / 10

/** A slot whose process died under it is run again once; what then dies again would die for ever. */
const MOST_ATTEMPTS = 2

const KEEP_MS = 30 * DAY_MS

const DIED = 'its process ended before it did'

type RunRow = Selectable<Schema['schedule_runs']>

/** A run in hand. */
export type Run = Pick<RunRow, 'task' | 'slot' | 'attempt' | 'started_at'>

export interface Outcome {
  readonly result: 'done' | 'failed'
  /** What was done, or why not. */
  readonly message: string
}

export type SlotClaim =
  | { readonly kind: 'claimed'; readonly run: Run }
  /** The slot was run. */
  | { readonly kind: 'taken' }
  /** The task runs just now, for this slot or another one. */
  | { readonly kind: 'busy'; readonly by: Pick<RunRow, 'host' | 'pid'> }

/** Takes the slot (epoch milliseconds) in hand, unless it was run or the task still runs. */
export async function claimSlot(
  db: Database,
  task: string,
  slot: number,
  begun_by: RunRow['begun_by'] = 'schedule',
): Promise<SlotClaim> {
  return inTransaction(db, async (trx) => {
    await takeTurn(trx, 'turn_schedule')
    const now = await databaseTime(trx)
    const open = await trx
      .selectFrom('schedule_runs')
      .selectAll()
      .where('task', '=', task)
      .where('ended_at', 'is', null)
      .execute()
    const by = open.find((run) => isAlive(run, now))
    if (by) return { kind: 'busy', by }
    for (const dead of open) {
      if (dead.slot === slot && dead.attempt < MOST_ATTEMPTS) return { kind: 'claimed', run: await takeOver(trx, dead) }
      await endRun(trx, dead, { result: 'failed', message: DIED })
    }
    return insertRun(trx, task, slot, begun_by)
  })
}

async function insertRun(
  db: Kysely<Schema>,
  task: string,
  slot: number,
  begun_by: RunRow['begun_by'],
): Promise<SlotClaim> {
  const run = { task, slot, attempt: 1, started_at: await databaseTime(db) }
  const inserted = await db
    .insertInto('schedule_runs')
    .values({ ...run, ...(await holder(db)), begun_by })
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst()
  return inserted.numInsertedOrUpdatedRows === 0n ? { kind: 'taken' } : { kind: 'claimed', run }
}

async function takeOver(db: Kysely<Schema>, { task, slot, attempt }: Run): Promise<Run> {
  const run = { task, slot, attempt: attempt + 1, started_at: await databaseTime(db) }
  await db
    .updateTable('schedule_runs')
    .set({ ...run, ...(await holder(db)) })
    .where('task', '=', task)
    .where('slot', '=', slot)
    .execute()
  return run
}

async function holder(db: Kysely<Schema>) {
  return { host: hostname(), pid: process.pid, lease_until: (await databaseTime(db)) + LEASE_MS }
}

export async function renewRun(db: Database, run: Run): Promise<void> {
  await updateRun(db, run, { lease_until: (await databaseTime(db)) + LEASE_MS })
}

/** Writes how the run ended, unless another process has taken it over. */
export async function endRun(db: Kysely<Schema>, run: Run, outcome: Outcome): Promise<void> {
  await updateRun(db, run, { ...outcome, ended_at: await databaseTime(db) })
}

/** Forgets the task's old runs, save that of its latest slot, which would seem missed without. */
export async function forgetOldRuns(db: Database, task: string, latestSlot: number): Promise<void> {
  await db
    .deleteFrom('schedule_runs')
    .where('task', '=', task)
    .where('slot', '<', latestSlot)
    .where('started_at', '<', (await databaseTime(db)) - KEEP_MS)
    .where('ended_at', 'is not', null)
    .execute()
}

async function updateRun(db: Kysely<Schema>, run: Run, changes: Partial<RunRow>): Promise<void> {
  await db
    .updateTable('schedule_runs')
    .set(changes)
    .where('task', '=', run.task)
    .where('slot', '=', run.slot)
    .where('attempt', '=', run.attempt)
    .where('ended_at', 'is', null)
    .execute()
}

export interface LastRun {
  readonly startedAt: number
  readonly state: 'running' | Outcome
}

/** The run of the task that began last. */
export async function readLastRun(db: Database, task: string): Promise<LastRun | undefined> {
  const run = await db
    .selectFrom('schedule_runs')
    .selectAll()
    .where('task', '=', task)
    .orderBy('started_at', 'desc')
    .orderBy('slot', 'desc')
    .limit(1)
    .executeTakeFirst()
  if (!run) return undefined
  return { startedAt: run.started_at, state: stateOf(run, await databaseTime(db)) }
}

function stateOf(run: RunRow, now: number): LastRun['state'] {
  if (run.result) return { result: run.result, message: run.message ?? '' }
  return isAlive(run, now) ? 'running' : { result: 'failed', message: DIED }
}

/** The last slot of the task that a `schedule` process took; null where none ever did. */
export async function readLastSlot(db: Database, task: string): Promise<number | null> {
  const run = await db
    .selectFrom('schedule_runs')
    .select('slot')
    .where('task', '=', task)
    .where('begun_by', '=', 'schedule')
    .orderBy('slot', 'desc')
    .limit(1)
    .executeTakeFirst()
  return run?.slot ?? null
}
