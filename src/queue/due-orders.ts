// Which orders are due, in the database: what every queue delivers, and what the embedded one is.
import type { Database } from '../database/connection.js'
import { databaseTime } from '../database/engine.js'
import type { Kysely } from '../database/kysely.js'
import { Prepared } from '../database/prepared.js'
import { besideIds, idsIn, packedIdsIn } from '../database/row-source.js'
import type { Schema } from '../database/schema.js'
import type { OrderId } from '../domain/ids.js'
import type { QueueCounts } from './queue.js'

/** Pending orders that were held back, or taken from the queue, fall due now. Returns how many did. */
export async function makeDue(db: Database, ids: readonly OrderId[]): Promise<number> {
  const due = await db
    .updateTable('orders')
    .set({ due_at: await databaseTime(db) })
    .where('id', 'in', idsIn(db, ids))
    .where('status', '=', 'pending')
    .where(besideIds('due_at', -1), '=', -1)
    .executeTakeFirst()
  return Number(due.numUpdatedRows)
}

/** Pending orders that are due stay pending, and no worker finds them. Returns how many they were. */
export async function withdrawDue(db: Database): Promise<number> {
  const withdrawn = await db
    .updateTable('orders')
    .set({ due_at: null })
    .where('due_at', 'is not', null)
    .where('status', '=', 'pending')
    .executeTakeFirst()
  return Number(withdrawn.numUpdatedRows)
}

/**
 * Orders that have been due for longer than `sinceMs`, oldest first: new ones, those to be asked for again, and those of
 * workers that went silent.
 */
export async function findDue(db: Database, sinceMs: number, limit: number): Promise<OrderId[]> {
  const due = await db
    .selectFrom('orders')
    .select('id')
    .where('due_at', '<', (await databaseTime(db)) - sinceMs)
    .orderBy('due_at')
    .orderBy('id')
    .limit(limit)
    .execute()
  return due.map((order) => order.id)
}

/** Whether any order is due, in a worker's hand, or to be asked for again. */
export async function isWorkLeft(db: Database): Promise<boolean> {
  const left = await db.selectFrom('orders').select('id').where('due_at', 'is not', null).limit(1).execute()
  return left.length > 0
}

/** How many orders are due now; no more than `most` are counted. */
export async function countWaiting(db: Kysely<Schema>, most: number): Promise<number> {
  const now = await databaseTime(db)
  const { waiting } = await db
    .selectFrom(db.selectFrom('orders').select('id').where('due_at', '<=', now).limit(most).as('due'))
    .select((eb) => eb.fn.countAll<number>().as('waiting'))
    .executeTakeFirstOrThrow()
  return waiting
}

/**
 * In how many milliseconds the last of these orders falls due of those that are neither settled nor waiting for a person;
 * null for none.
 */
export async function lastDueIn(db: Kysely<Schema>, ids: readonly OrderId[]): Promise<number | null> {
  const [row] = await lastDue.all(db, { ids: JSON.stringify(ids) })
  if (!row || row.due_at === null) return null
  return Math.max(0, row.due_at - (await databaseTime(db)))
}

const lastDue = new Prepared<{ ids: string }, { due_at: number | null }>((db, value) =>
  db
    .selectFrom('orders')
    .where('id', 'in', packedIdsIn<OrderId>(db, value('ids')))
    .select((eb) => eb.fn.max('due_at').as('due_at')),
)

export async function countDue(db: Database): Promise<QueueCounts> {
  const now = await databaseTime(db)
  const open = await db
    .selectFrom('orders')
    .select((eb) => [
      eb.fn.countAll<number>().filterWhere('due_at', '<=', now).as('waiting'),
      eb.fn.countAll<number>().filterWhere('due_at', '>', now).filterWhere('lease_token', 'is not', null).as('active'),
      eb.fn.countAll<number>().filterWhere('due_at', '>', now).filterWhere('lease_token', 'is', null).as('delayed'),
      eb.fn.min<number | null>('due_at').as('oldest'),
    ])
    .where('due_at', 'is not', null)
    .executeTakeFirstOrThrow()
  return {
    unit: 'orders',
    waiting: open.waiting,
    active: open.active,
    delayed: open.delayed,
    oldestWaitingSeconds: open.oldest === null || open.oldest > now ? null : (now - open.oldest) / 1000,
  }
}

/** Batches that are in workers' hands by their leases, and how long the oldest order has been due; null for none. */
export async function readLeases(db: Database): Promise<{ batches: number; oldestWaitingSeconds: number | null }> {
  const now = await databaseTime(db)
  const leased = await db
    .selectFrom('orders')
    .select((eb) => eb.fn.count<number>('lease_token').distinct().as('batches'))
    .where('due_at', '>', now)
    .executeTakeFirstOrThrow()
  const due = await db
    .selectFrom('orders')
    .select((eb) => eb.fn.min<number | null>('due_at').as('oldest'))
    .where('due_at', '<=', now)
    .executeTakeFirstOrThrow()
  return { batches: leased.batches, oldestWaitingSeconds: due.oldest === null ? null : (now - due.oldest) / 1000 }
}
