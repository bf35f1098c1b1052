// The queue's history as it grows old: minutes for seven days, then hours for a year. What an hour's rows counted is in the
// one that stays.

import { type Kysely, sql } from 'kysely'
import type { Database } from '../database/connection.js'
import type { Schema } from '../database/schema.js'
import { inTransaction } from '../database/transaction.js'
import { DAY_MS, HOUR_MS } from '../domain/time.js'
import { minutesBegin } from '../reports/history-periods.js'

const KEEP_MS = 365 * DAY_MS

export async function thinHistory(db: Database, now: number): Promise<void> {
  const before = minutesBegin(now)
  // Looked for before the transactions, which keep other writers waiting.
  if ((await crowdedSettled(db, before)).length > 0) await inTransaction(db, (trx) => thinSettled(trx, before))
  if ((await crowdedSnapshots(db, before)).length > 0) {
    await inTransaction(db, (trx) => thinSnapshots(trx, before))
  }
  if ((await crowdedRuntimes(db, before)).length > 0) await inTransaction(db, (trx) => thinRuntimes(trx, before))
  const end = now - KEEP_MS
  await db.deleteFrom('settled_minutes').where('minute', '<', end).execute()
  await db.deleteFrom('queue_snapshots').where('taken_at', '<', end).execute()
  await db.deleteFrom('batch_runtimes').where('minute', '<', end).execute()
}

const hourOf = (column: 'minute' | 'taken_at') =>
  sql<number>`${sql.ref(column)} - ${sql.ref(column)} % ${sql.lit(HOUR_MS)}`

function crowdedSettled(db: Kysely<Schema>, before: number) {
  return db
    .selectFrom('settled_minutes')
    .select((eb) => [
      hourOf('minute').as('hour'),
      eb.fn.sum<number>('completed').as('completed'),
      eb.fn.sum<number>('failed').as('failed'),
    ])
    .where('minute', '<', before)
    .groupBy(hourOf('minute'))
    .having((eb) => eb.fn.countAll<number>(), '>', 1)
    .execute()
}

async function thinSettled(trx: Kysely<Schema>, before: number): Promise<void> {
  for (const { hour, ...sums } of await crowdedSettled(trx, before)) {
    await trx
      .deleteFrom('settled_minutes')
      .where('minute', '>=', hour)
      .where('minute', '<', hour + HOUR_MS)
      .execute()
    await trx
      .insertInto('settled_minutes')
      .values({ minute: hour, ...sums })
      .execute()
  }
}

/** How much waited cannot be added up: the highest of each figure stays. */
function crowdedSnapshots(db: Kysely<Schema>, before: number) {
  return db
    .selectFrom('queue_snapshots')
    .select((eb) => [
      eb.fn.min('taken_at').as('first'),
      eb.fn.max('taken_at').as('taken_at'),
      eb.fn.max('waiting').as('waiting'),
      eb.fn.max('active').as('active'),
      eb.fn.max('delayed').as('delayed'),
      eb.fn.max('oldest_waiting_seconds').as('oldest_waiting_seconds'),
      eb.fn.max('estimated_wait_seconds').as('estimated_wait_seconds'),
    ])
    .where('taken_at', '<', before)
    .groupBy(hourOf('taken_at'))
    .having((eb) => eb.fn.countAll<number>(), '>', 1)
    .execute()
}

async function thinSnapshots(trx: Kysely<Schema>, before: number): Promise<void> {
  for (const { first, ...highest } of await crowdedSnapshots(trx, before)) {
    await trx
      .deleteFrom('queue_snapshots')
      .where('taken_at', '>=', first)
      .where('taken_at', '<=', highest.taken_at)
      .execute()
    await trx.insertInto('queue_snapshots').values(highest).execute()
  }
}

/** Hours in which workers' own rows are left. */
function crowdedRuntimes(db: Kysely<Schema>, before: number) {
  return db
    .selectFrom('batch_runtimes')
    .select(hourOf('minute').as('hour'))
    .where('minute', '<', before)
    .where('worker_id', '<>', '')
    .groupBy(hourOf('minute'))
    .execute()
}

async function thinRuntimes(trx: Kysely<Schema>, before: number): Promise<void> {
  for (const { hour } of await crowdedRuntimes(trx, before)) {
    const sums = await trx
      .selectFrom('batch_runtimes')
      .select((eb) => ['bucket', eb.fn.sum<number>('batches').as('batches')])
      .where('minute', '>=', hour)
      .where('minute', '<', hour + HOUR_MS)
      .groupBy('bucket')
      .execute()
    await trx
      .deleteFrom('batch_runtimes')
      .where('minute', '>=', hour)
      .where('minute', '<', hour + HOUR_MS)
      .execute()
    await trx
      .insertInto('batch_runtimes')
      .values(sums.map((row) => ({ minute: hour, worker_id: '' as const, ...row })))
      .execute()
  }
}
