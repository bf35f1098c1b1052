// Proves on a live database what must always hold. Reads one consistent snapshot and blocks no writer.

import { sql } from 'kysely'
import type { Database } from '../database/connection.js'
import type { Schema } from '../database/schema.js'
import { readSetting } from '../database/settings.js'
import { atOneMoment } from '../database/transaction.js'
import type { Currency } from '../domain/money.js'
import { ORDER_PROMISES } from './promises/orders.js'
import type { DataPromise } from './promises/promise.js'
import { SALES_PROMISES } from './promises/sales.js'
import { STOCK_PROMISES } from './promises/stock.js'

interface Check {
  /** Stable, for scripts. */
  readonly name: string
  readonly about: string
  readonly ok: boolean
  /** The figure over all rows; the time zone's name for the check of that. */
  readonly expected: number | string
  readonly actual: number | string
  /** Rows that differ; the figures over all rows may still agree. */
  readonly differences: number
  /** Some of what differs, by the names that people use. */
  readonly examples: readonly string[]
}

export interface Audit {
  readonly checks: readonly Check[]
  readonly differences: number
}

/** Figures that are also published elsewhere. */
export interface FiguresCopy {
  /** Publishes all of them again. */
  rebuild(): Promise<void>
  /** Compares them with the database, and changes nothing. */
  check(): Promise<readonly Check[]>
}

const MOST_EXAMPLES = 5

/** Counts rows of the sales figures that differ from the completed orders. */
export function countSalesDifferences(db: Database): Promise<number> {
  return atOneMoment(db, async (snapshot) => {
    let differences = 0
    for (const promise of SALES_PROMISES) differences += (await checkPromise(snapshot, promise, [])).differences
    return differences
  })
}

/**
 * @param timeZone the one that the database's days should be in
 * @param copy checked after the database
 */
export async function auditDatabase(db: Database, timeZone: string, copy?: FiguresCopy): Promise<Audit> {
  const checks = [...(await checkDatabase(db, timeZone)), ...((await copy?.check()) ?? [])]
  return { checks, differences: checks.reduce((sum, check) => sum + check.differences, 0) }
}

function checkDatabase(db: Database, timeZone: string): Promise<Check[]> {
  return atOneMoment(db, async (snapshot) => {
    const checks = [await checkTimeZone(snapshot, timeZone)]
    const currencies = await currenciesOfOrders(snapshot)
    for (const promise of [...ORDER_PROMISES, ...STOCK_PROMISES, ...SALES_PROMISES]) {
      checks.push(await checkPromise(snapshot, promise, currencies))
    }
    return checks
  })
}

async function checkTimeZone(db: Database, timeZone: string): Promise<Check> {
  const stored = (await readSetting(db, 'time_zone')) ?? timeZone
  const ok = stored === timeZone
  const about = 'the days are days of the configured time zone'
  return { name: 'time_zone', about, ok, expected: timeZone, actual: stored, differences: ok ? 0 : 1, examples: [] }
}

async function checkPromise(db: Database, promise: DataPromise, currencies: readonly Currency[]): Promise<Check> {
  const { name, about } = promise
  const sums = await db
    .selectFrom(promise.compare(db, currencies))
    .select((eb) => [
      eb.fn.sum<number | null>('expected').as('expected'),
      eb.fn.sum<number | null>('actual').as('actual'),
      eb.fn.sum<number | null>('differs').as('differences'),
    ])
    .executeTakeFirstOrThrow()
  const { expected, actual, differences } = sums
  const examples = differences ? await findExamples(db, promise, currencies) : []
  return {
    name,
    about,
    ok: !differences,
    expected: expected ?? 0,
    actual: actual ?? 0,
    differences: differences ?? 0,
    examples,
  }
}

/** Tables of the things that promises are about, and the columns that name them for people. */
const NAMES: Record<DataPromise['of'], readonly [table: keyof Schema, column: string]> = {
  order: ['orders', 'reference'],
  product: ['products', 'sku'],
  customer: ['customers', 'customer_id'],
  import: ['imports', 'file'],
}

/** What is not there is known by its key alone. */
async function findExamples(db: Database, promise: DataPromise, currencies: readonly Currency[]): Promise<string[]> {
  const differing = db
    .selectFrom(promise.compare(db, currencies))
    .select('id')
    .distinct()
    .where('differs', '=', 1)
    .orderBy('id')
    .limit(MOST_EXAMPLES)
  const [table, column] = NAMES[promise.of]
  const { rows } = await sql<{ readonly id: number; readonly name: string | null }>`
    select differing.id, named.${sql.ref(column)} as name from ${differing} as differing
    left join ${sql.table(table)} as named on named.id = differing.id order by differing.id`.execute(db)
  return rows.map(({ id, name }) => name ?? `#${id}`)
}

async function currenciesOfOrders(db: Database): Promise<Currency[]> {
  const rows = await db.selectFrom('orders').select('currency').distinct().execute()
  return rows.map((row) => row.currency)
}
