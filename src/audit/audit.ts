// Proves on a live database what must always hold. Reads one consistent snapshot and stops nobody from working.

import type { SelectQueryBuilder } from 'kysely'
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
  /** Rows that differ: the figures over all may agree although rows differ. */
  readonly differences: number
  /** Some of what differs, by the name that people know it by. */
  readonly examples: readonly string[]
}

export interface Audit {
  readonly checks: readonly Check[]
  readonly differences: number
}

/** Figures that are published elsewhere, too. */
export interface FiguresCopy {
  /** Publishes all of them again. */
  rebuild(): Promise<void>
  /** Compares them with the database, and changes nothing. */
  check(): Promise<readonly Check[]>
}

const MOST_EXAMPLES = 5

/** Rows of the sales figures that are not those of the completed orders. */
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
  const differences = sums.differences ?? 0
  const examples = differences === 0 ? [] : await findExamples(db, promise, currencies)
  return {
    name,
    about,
    ok: differences === 0,
    expected: sums.expected ?? 0,
    actual: sums.actual ?? 0,
    differences,
    examples,
  }
}

async function findExamples(db: Database, promise: DataPromise, currencies: readonly Currency[]): Promise<string[]> {
  const differing = db
    .selectFrom(promise.compare(db, currencies))
    .select('id')
    .distinct()
    .where('differs', '=', 1)
    .orderBy('id')
    .limit(MOST_EXAMPLES)
  const rows = await namesOf(db.selectFrom(differing.as('differing')).orderBy('differing.id'), promise.of)
  return rows.map(({ name }) => name)
}

type Differing = SelectQueryBuilder<Schema & { differing: { id: number } }, 'differing', object>

function namesOf(differing: Differing, kind: DataPromise['of']): Promise<{ name: string }[]> {
  switch (kind) {
    case 'order':
      return namesOfOrders(differing)
    case 'product':
      return differing.innerJoin('products', 'products.id', 'differing.id').select('products.sku as name').execute()
    case 'customer':
      return differing
        .innerJoin('customers', 'customers.id', 'differing.id')
        .select('customers.customer_id as name')
        .execute()
    case 'import':
      return differing.innerJoin('imports', 'imports.id', 'differing.id').select('imports.file as name').execute()
  }
}

/** One that is not there is known by its key alone. */
async function namesOfOrders(differing: Differing): Promise<{ name: string }[]> {
  const rows = await differing
    .leftJoin('orders', 'orders.id', 'differing.id')
    .select(['differing.id', 'orders.reference'])
    .execute()
  return rows.map(({ id, reference }) => ({ name: reference ?? `#${id}` }))
}

async function currenciesOfOrders(db: Database): Promise<Currency[]> {
  const rows = await db.selectFrom('orders').select('currency').distinct().execute()
  return rows.map((row) => row.currency)
}
