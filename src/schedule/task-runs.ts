// Task runs: which process ran which slot, and the outcome. Inserting a row claims its slot for one process.
import type { Kysely, Selectable } from 'kysely'
import { type BackgroundTask, startBackground } from '../background.js'
import type { Database } from '../database/connection.js'
import { databaseTime, takeNamedLock } from '../database/engine.js'
import { isHeld, renewal, takeLease, writeHeld } from '../database/lease.js'
import type { Schema } from '../database/schema.js'
import { inTransaction } from '../database/transaction.js'
import { DAY_MS, MINUTE_MS } from '../domain/time.js'

const LEASE_MS = MINUTE_MS

/** A slot whose process died is run once more and then given up, because its task may have killed the process. */
const MAX_ATTEMPTS = 2

const KEEP_MS = 30 * DAY_MS

const DIED = 'its process died during the run'

type RunRow = Selectable<Schema['schedule_runs']>

/** A claimed slot. A takeover increments the attempt, which fences the previous run. */
export type Run = Pick<RunRow, 'task' | 'slot' | 'attempt' | 'started_at'>

export interface Outcome {
  readonly result: 'done' | 'failed'
  /** What was done, or why it failed. */
  readonly message: string
}

export type SlotClaim =
  | { readonly kind: 'claimed'; readonly run: Run }
  /** The slot was already run. */
  | { readonly kind: 'taken' }
  /** The task is running, for this or another slot. */
  | { readonly kind: 'busy'; readonly by: Pick<RunRow, 'host' | 'pid'> }

/** Claims the slot (epoch milliseconds), unless it was already run or the task is still running. */
export async function claimSlot(
  db: Database,
  task: string,
  slot: number,
  begun_by: RunRow['begun_by'] = 'schedule',
): Promise<SlotClaim> {
  return inTransaction(db, async (trx) => {
    await takeNamedLock(trx, 'turn_schedule')
    const started_at = await databaseTime(trx)
    const runs = trx.selectFrom('schedule_runs').selectAll().where('task', '=', task)
    const open = await runs.where('ended_at', 'is', null).execute()
    const by = open.find((run) => isHeld(run, started_at))
    if (by) return { kind: 'busy', by }
    const lease = await takeLease(trx, LEASE_MS)
    for (const dead of open) {
      if (dead.slot === slot && dead.attempt < MAX_ATTEMPTS) {
        const run = { task, slot, attempt: dead.attempt + 1, started_at }
        await writeHeld(trx, 'schedule_runs', fenceOf(dead), { ...run, ...lease })
        return { kind: 'claimed', run }
      }
      await endRun(trx, dead, { result: 'failed', message: DIED })
    }
    const run = { task, slot, attempt: 1, started_at }
    const insert = trx.insertInto('schedule_runs').values({ ...run, ...lease, begun_by })
    const inserted = await insert.onConflict((conflict) => conflict.doNothing()).executeTakeFirst()
    return inserted.numInsertedOrUpdatedRows === 0n ? { kind: 'taken' } : { kind: 'claimed', run }
  })
}

const fenceOf = ({ task, slot, attempt }: Run) => ({ task, slot, attempt })

/** Renews the lease in the background until the returned task is ended. Retries failed renewals. */
export function keepRenewing(db: Database, run: Run): BackgroundTask {
  const renew = async () => writeHeld(db, 'schedule_runs', fenceOf(run), await renewal(db, LEASE_MS))
  return startBackground(renew, { pauseMs: () => LEASE_MS / 10 })
}

/** Stores the outcome of the run, unless another process has taken it over. */
export async function endRun(db: Kysely<Schema>, run: Run, outcome: Outcome): Promise<void> {
  await writeHeld(db, 'schedule_runs', fenceOf(run), { ...outcome, ended_at: await databaseTime(db) })
}

/** Deletes the task's old runs. Keeps that of its latest slot, which would otherwise count as missed. */
export async function deleteOldRuns(db: Database, task: string, latestSlot: number): Promise<void> {
  await db
    .deleteFrom('schedule_runs')
    .where('task', '=', task)
    .where('slot', '<', latestSlot)
    .where('started_at', '<', (await databaseTime(db)) - KEEP_MS)
    .where('ended_at', 'is not', null)
    .execute()
}

export interface LastRun {
  readonly startedAt: number
  readonly state: 'running' | Outcome
}

/** Returns the task's most recent run. */
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
  const { started_at: startedAt, result, message } = run
  if (result) return { startedAt, state: { result, message: message ?? '' } }
  const isRunning = isHeld(run, await databaseTime(db))
  return { startedAt, state: isRunning ? 'running' : { result: 'failed', message: DIED } }
}

/** Returns the last slot of the task that a `schedule` process claimed; null if there is none. */
export async function readLastSlot(db: Database, task: string): Promise<number | null> {
  const { slot } = await db
    .selectFrom('schedule_runs')
    .select((eb) => eb.fn.max<number | null>('slot').as('slot'))
    .where('task', '=', task)
    .where('begun_by', '=', 'schedule')
    .executeTakeFirstOrThrow()
  return slot
}
