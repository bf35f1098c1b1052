// What the database has that its copy in Redis has not.

import { randomUUID } from 'node:crypto'
import type { Database } from '../database/connection.js'
import { writesAlone } from '../database/engine.js'
import { readSetting } from '../database/settings.js'
import { atOneMoment, inTransaction } from '../database/transaction.js'
import type { Day } from '../domain/business-day.js'
import { BOARD_KINDS, type BoardKind, type Mark } from './redis-store.js'
import { salesSince, type Total, totalsOf } from './redis-totals.js'

/**
 * An order says when it was settled a moment before others can see it: on a server, before its transaction has waited for
 * the locks of others. So each look counts again the orders of so long before the last one's end, and reads them again
 * where there are more now: what came late, or by a clock put back.
 */
const SAFETY_MARGIN_MS = 3000
const SAFETY_MARGIN_ON_SERVER_MS = 35_000

function safetyMargin(db: Database): number {
  return writesAlone(db) ? SAFETY_MARGIN_MS : SAFETY_MARGIN_ON_SERVER_MS
}

/** With more orders settled since the last look, building everything anew is the smaller work. */
const MOST_CHANGES = 200_000

/** How far the orders are settled. */
type Progress = Pick<Mark, 'settledAt' | 'recent' | 'latestSale'>

export interface Changes {
  readonly progress: Progress
  /** Absolute figures of all that was sold since, or may have been. */
  readonly totals: readonly (readonly [BoardKind, readonly Total[]])[]
  /** Days with sales that were settled since. */
  readonly days: readonly Day[]
}

/**
 * All from one snapshot of the database.
 *
 * @returns `everything` where the copy is one of other figures, or too old to go on from
 */
export function readChanges(db: Database, mark: Mark): Promise<Changes | 'nothing' | 'everything'> {
  return atOneMoment(db, async (snapshot) => {
    if ((await readSetting(snapshot, 'sales_id')) !== mark.salesId) return 'everything'
    const late = (await countSettled(snapshot, mark.settledAt - safetyMargin(snapshot), mark.settledAt)) !== mark.recent
    const latest = await latestSettled(snapshot)
    if (!late && latest <= mark.settledAt) return 'nothing'
    const since = late ? mark.settledAt - safetyMargin(snapshot) : mark.settledAt + 1
    const settled = await countSettled(snapshot, since, latest)
    if (settled > MOST_CHANGES || !(await isSale(snapshot, mark.latestSale))) return 'everything'
    return {
      progress: await readProgress(snapshot, mark),
      totals: await Promise.all(
        BOARD_KINDS.map(async (kind) => [kind, await totalsOf(snapshot, kind, { settledSince: since })] as const),
      ),
      days: await daysSoldSince(snapshot, since),
    }
  })
}

/** @param before what was known of it: progress does not go backwards, also where a failed order is tried again */
export async function readProgress(db: Database, before: Progress = NO_PROGRESS): Promise<Progress> {
  const settledAt = Math.max(before.settledAt, await latestSettled(db))
  const latestSale = await salesSince(db, before.settledAt - safetyMargin(db))
    .select('settled_at')
    .orderBy('settled_at', 'desc')
    .limit(1)
    .executeTakeFirst()
  return {
    settledAt,
    recent: await countSettled(db, settledAt - safetyMargin(db), settledAt),
    latestSale: latestSale?.settled_at ?? before.latestSale,
  }
}

const NO_PROGRESS: Progress = { settledAt: 0, recent: 0, latestSale: 0 }

/** The name of the sales figures as they are; they get one where they have none. */
export async function nameOfSales(db: Database): Promise<string> {
  const known = await readSetting(db, 'sales_id')
  if (known !== undefined) return known
  return inTransaction(db, async (trx) => {
    const named = await readSetting(trx, 'sales_id')
    if (named !== undefined) return named
    const value = randomUUID()
    await trx.insertInto('settings').values({ name: 'sales_id', value }).execute()
    return value
  })
}

async function latestSettled(db: Database): Promise<number> {
  const { latest } = await db
    .selectFrom('orders')
    .select((eb) => eb.fn.max<number | null>('settled_at').as('latest'))
    .where('settled_at', 'is not', null)
    .executeTakeFirstOrThrow()
  return latest ?? 0
}

async function countSettled(db: Database, from: number, upTo: number): Promise<number> {
  const { orders } = await db
    .selectFrom('orders')
    .select((eb) => eb.fn.countAll<number>().as('orders'))
    .where('settled_at', '>=', from)
    .where('settled_at', '<=', upTo)
    .executeTakeFirstOrThrow()
  return orders
}

/** A completed order stays one. If it is gone, the database was put back to an earlier state. */
async function isSale(db: Database, settledAt: number): Promise<boolean> {
  if (settledAt === 0) return true
  const sale = await salesSince(db, settledAt).select('id').where('settled_at', '=', settledAt).executeTakeFirst()
  return sale !== undefined
}

async function daysSoldSince(db: Database, since: number): Promise<Day[]> {
  const days = await salesSince(db, since).select('business_day as day').distinct().execute()
  return days.map(({ day }) => day)
}
