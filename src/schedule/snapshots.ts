// The queue's history: how much waited, and what was settled from one snapshot to the next.

import type { Database } from '../database/connection.js'
import { databaseTime } from '../database/engine.js'
import { type Kysely, sql } from '../database/kysely.js'
import type { Schema } from '../database/schema.js'
import { inTransaction } from '../database/transaction.js'
import { UNSOLD_STATUSES } from '../domain/order.js'
import { countDue } from '../queue/due-orders.js'
import type { QueueCounts } from '../queue/queue.js'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

/** Every snapshot is kept for so long, ... */
const KEEP_ALL_MS = 7 * DAY_MS
/** ... and after that one an hour for a year. */
const KEEP_MS = 365 * DAY_MS

/** Adds a snapshot, and thins those that have grown old. Settled orders are in one snapshot each: the next one taken. */
export async function takeSnapshot(db: Database): Promise<QueueCounts> {
  return inTransaction(db, async (trx) => {
    // Orders settle in writing transactions, too: what counts as settled before this moment is there to be counted.
    const now = await databaseTime(trx)
    const { unit, oldestWaitingSeconds, ...counts } = await countDue(trx)
    await trx
      .insertInto('queue_snapshots')
      .values({
        taken_at: now,
        ...counts,
        oldest_waiting_seconds: oldestWaitingSeconds,
        ...(await countSettled(trx, now)),
      })
      .execute()
    await thin(trx, now)
    return { unit, oldestWaitingSeconds, ...counts }
  })
}

/** Before the first snapshot there is nothing to count from. */
async function countSettled(db: Kysely<Schema>, now: number): Promise<{ completed: number; failed: number }> {
  const { before } = await db
    .selectFrom('queue_snapshots')
    .select((eb) => eb.fn.max<number | null>('taken_at').as('before'))
    .executeTakeFirstOrThrow()
  return db
    .selectFrom('orders')
    .select((eb) => [
      eb.fn.countAll<number>().filterWhere('status', '=', 'completed').as('completed'),
      eb.fn.countAll<number>().filterWhere('status', 'in', UNSOLD_STATUSES).as('failed'),
    ])
    .where('settled_at', '>=', before ?? now)
    .where('settled_at', '<', now)
    .executeTakeFirstOrThrow()
}

/** The last snapshot of an hour stays and takes over what the others counted, so that none of it is lost. */
async function thin(db: Kysely<Schema>, now: number): Promise<void> {
  const hour = sql<number>`taken_at - taken_at % ${sql.lit(HOUR_MS)}`
  const oldEnough = now - KEEP_ALL_MS
  const crowded = await db
    .selectFrom('queue_snapshots')
    .select((eb) => [
      eb.fn.min('taken_at').as('first'),
      eb.fn.max('taken_at').as('last'),
      eb.fn.sum<number>('completed').as('completed'),
      eb.fn.sum<number>('failed').as('failed'),
    ])
    .where('taken_at', '<', oldEnough - (oldEnough % HOUR_MS))
    .groupBy(hour)
    .having((eb) => eb.fn.countAll<number>(), '>', 1)
    .execute()
  for (const { first, last, ...sums } of crowded) {
    await db.updateTable('queue_snapshots').set(sums).where('taken_at', '=', last).execute()
    await db.deleteFrom('queue_snapshots').where('taken_at', '>=', first).where('taken_at', '<', last).execute()
  }
  await db
    .deleteFrom('queue_snapshots')
    .where('taken_at', '<', now - KEEP_MS)
    .execute()
}
