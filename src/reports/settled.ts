// How many orders were settled in each minute: as it was written down, and behind that from the orders themselves.

import { sql } from 'kysely'
import type { Database } from '../database/connection.js'
import { UNSOLD_STATUSES } from '../domain/order.js'
import { MINUTE_MS } from '../domain/time.js'

export interface SettledMinute {
  /** When the minute began, or the hour where it was thinned. */
  readonly minute: number
  readonly completed: number
  /** Failed and rolled back. */
  readonly failed: number
}

/** Up to where settled orders are written down (epoch milliseconds); null where they never were. */
export async function readCountedUntil(db: Database): Promise<number | null> {
  const { last } = await db
    .selectFrom('settled_minutes')
    .select((eb) => eb.fn.max<number | null>('minute').as('last'))
    .executeTakeFirstOrThrow()
  return last === null ? null : last + MINUTE_MS
}

/** Counts the orders as they are now: one that was retried since is settled no more. Minutes without any are left out. */
export async function countSettled(db: Database, from: number, until: number): Promise<SettledMinute[]> {
  const minute = sql<number>`settled_at - settled_at % ${sql.lit(MINUTE_MS)}`
  return db
    .selectFrom('orders')
    .select((eb) => [
      minute.as('minute'),
      eb.fn.sum<number>(eb.case().when('status', '=', 'completed').then(1).else(0).end()).as('completed'),
      eb.fn.sum<number>(eb.case().when('status', 'in', UNSOLD_STATUSES).then(1).else(0).end()).as('failed'),
    ])
    .where('settled_at', '>=', from)
    .where('settled_at', '<', until)
    .groupBy(minute)
    .orderBy('minute')
    .execute()
}

/** Minutes may be left out in which nothing was settled. */
export async function readSettled(db: Database, from: number, until: number): Promise<SettledMinute[]> {
  const written = await db
    .selectFrom('settled_minutes')
    .select(['minute', 'completed', 'failed'])
    .where('minute', '>=', from)
    .where('minute', '<', until)
    .orderBy('minute')
    .execute()
  const countedUntil = (await readCountedUntil(db)) ?? from
  return [...written, ...(await countSettled(db, Math.max(from, countedUntil), until))]
}
