// Counts the orders that were settled within a time, such as the last minute.
import type { Database } from '../database/connection.js'
import { countRows } from '../database/count-rows.js'
import { HOUR_MS, MINUTE_MS } from '../domain/time.js'
import { tenths } from '../terminal/text.js'
import { PERIOD_MS, periodOf } from '../workflow/order-counts.js'

/** Counts orders settled at or after `from` and before `until` (epoch milliseconds). Reads a range of an index. */
export function countSettled(db: Database, from: number, until: number): Promise<number> {
  return countRows(db.selectFrom('orders').where('settled_at', '>=', from).where('settled_at', '<', until))
}

/** Orders settled per minute: in the last minute, and averaged over five minutes and one hour. */
export async function measureThroughput(db: Database, now: number) {
  const settledWithin = (ms: number) => countSettledBetween(db, now - ms + 1, now)
  return {
    orders_per_minute: await settledWithin(MINUTE_MS),
    orders_per_minute_5m: tenths((await settledWithin(5 * MINUTE_MS)) / 5),
    orders_per_minute_1h: tenths((await settledWithin(HOUR_MS)) / 60),
  }
}

/** Counts the rest of the first period in an index. The others, until the one of `now`, are counted already. */
async function countSettledBetween(db: Database, from: number, now: number): Promise<number> {
  const next = periodOf(from) + PERIOD_MS
  const rest = await countRest(db, from, Math.min(next, now + 1))
  return rest + (await sumPeriods(db, next, now))
}

/** Sums up the counts of the periods that start within these times. */
async function sumPeriods(db: Database, from: number, to: number): Promise<number> {
  const { orders } = await db
    .selectFrom('order_counts')
    .select((eb) => eb.fn.coalesce(eb.fn.sum<number>('orders'), eb.lit(0)).as('orders'))
    .where('period', '>=', from)
    .where('period', '<=', to)
    .executeTakeFirstOrThrow()
  return orders
}

/** More orders than this are not counted one by one. */
const MOST_COUNTED = 50_000

/**
 * Like `countSettled` until the end of a period or now. Of a period with many orders, it counts those before `from`
 * instead. If these are many as well, it assumes that all were settled at the rate of the latest.
 */
async function countRest(db: Database, from: number, until: number): Promise<number> {
  const latest = await readLatest(db, from, until)
  if (latest.orders < MOST_COUNTED) return latest.orders
  const period = periodOf(from)
  const before = await readLatest(db, period, from)
  const most = (await sumPeriods(db, period, period)) - before.orders
  if (before.orders < MOST_COUNTED) return Math.max(most, latest.orders)
  const assumed = Math.round((latest.orders * (latest.last - from)) / (latest.last - latest.first))
  return Math.max(Math.min(assumed, most), latest.orders)
}

/** Like `countSettled`, but only the latest if there are many. Also reads the first and last time of settlement. */
async function readLatest(db: Database, from: number, until: number) {
  const latest = db
    .selectFrom('orders')
    .select('settled_at')
    .where('settled_at', '>=', from)
    .where('settled_at', '<', until)
    .orderBy('settled_at', 'desc')
    .limit(MOST_COUNTED)
  return db
    .selectFrom(latest.as('latest'))
    .select((eb) => [
      eb.fn.countAll<number>().as('orders'),
      eb.fn.coalesce(eb.fn.min('settled_at'), eb.lit(0)).as('first'),
      eb.fn.coalesce(eb.fn.max('settled_at'), eb.lit(0)).as('last'),
    ])
    .executeTakeFirstOrThrow()
}
