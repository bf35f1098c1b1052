// Orders settled in each step of time (a second, say): what a moving chart is drawn from.
import type { Database } from '../database/connection.js'
import { startOf } from '../domain/time.js'

/** So that a chart is not empty at first. */
const STEPS_AT_FIRST = 120

/** More than any screen has columns. */
const STEPS_KEPT = 500

/** The instant of settling is taken before the commit: orders may show up in a step that was counted already. */
const LATE_MS = 3000

/**
 * A reader that counts each step by a range of the index on settled_at, and again only while late orders may show up in
 * it. Counting all steps with one `group by` costs thirty times as much: it sorts what the index has in order.
 *
 * @returns the orders of each step that is over, the latest last
 */
export function settledStepReader(stepMs: number): (db: Database, now: number) => Promise<readonly number[]> {
  const counts = new Map<number, number>()
  let final: number | undefined
  return async (db, now) => {
    const end = startOf(now, stepMs)
    const oldest = end - STEPS_KEPT * stepMs
    const from = Math.max(final ?? end - STEPS_AT_FIRST * stepMs, oldest)
    for (let step = from; step < end; step += stepMs) counts.set(step, await countSettled(db, step, step + stepMs))
    final = Math.max(from, startOf(now - LATE_MS, stepMs))
    for (const step of counts.keys()) if (step < oldest || step >= end) counts.delete(step)
    return [...counts].sort(([a], [b]) => a - b).map(([, count]) => count)
  }
}

async function countSettled(db: Database, from: number, until: number): Promise<number> {
  const { orders } = await db
    .selectFrom('orders')
    .select((eb) => eb.fn.countAll<number>().as('orders'))
    .where('settled_at', '>=', from)
    .where('settled_at', '<', until)
    .executeTakeFirstOrThrow()
  return orders
}
