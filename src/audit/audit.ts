// Checks the promises on a live database. Reads one consistent snapshot and does not block writers.
import { sql } from 'kysely'
import type { Database } from '../database/connection.js'
import type { Schema } from '../database/schema.js'
import { readSetting } from '../database/settings.js'
import { inSnapshot } from '../database/transaction.js'
import { type Comparison, type DataPromise, FIGURE_PROMISES, PROMISES } from './promises.js'

interface Check {
  /** Stable, for scripts. */
  readonly name: string
  readonly about: string
  readonly ok: boolean
  /** The figure over all rows. For the time zone, its name. */
  readonly expected: number | string
  readonly actual: number | string
  /** Number of rows that differ, even if the figures over all rows agree. */
  readonly differences: number
  /** Names of some rows that differ. */
  readonly examples: readonly string[]
}

export interface Audit {
  readonly checks: readonly Check[]
  readonly differences: number
}

/** A published copy of the figures. `rebuild` publishes all of them again; `check` compares them with the database. */
export interface FiguresCopy {
  rebuild(): Promise<void>
  check(): Promise<readonly Check[]>
}

const MAX_EXAMPLES = 5

/** Counts the rows of figures for reports that differ from the orders. */
export function countFigureDifferences(db: Database): Promise<number> {
  return inSnapshot(db, async (snapshot) => {
    let differences = 0
    for (const promise of FIGURE_PROMISES) differences += (await checkPromise(snapshot, promise)).differences
    return differences
  })
}

/**
 * Checks every promise.
 *
 * @param timeZone the configured time zone, which business days should be in
 * @param copy checked after the database
 */
export async function auditDatabase(db: Database, timeZone: string, copy?: FiguresCopy): Promise<Audit> {
  const checks = await inSnapshot(db, async (snapshot) => {
    const done = [await checkTimeZone(snapshot, timeZone)]
    for (const promise of PROMISES) done.push(await checkPromise(snapshot, promise))
    return done
  })
  if (copy) checks.push(...(await copy.check()))
  return { checks, differences: checks.reduce((sum, check) => sum + check.differences, 0) }
}

async function checkTimeZone(db: Database, timeZone: string): Promise<Check> {
  const stored = (await readSetting(db, 'time_zone')) ?? timeZone
  const ok = stored === timeZone
  const about = 'business days are in the configured time zone'
  return { name: 'time_zone', about, ok, expected: timeZone, actual: stored, differences: ok ? 0 : 1, examples: [] }
}

async function checkPromise(db: Database, promise: DataPromise): Promise<Check> {
  const { name, about } = promise
  const sums = await db
    .selectFrom(sql<Comparison>`(${promise.compare(db)})`.as('compared'))
    .select((eb) => [
      eb.fn.sum<number | null>('expected').as('expected'),
      eb.fn.sum<number | null>('actual').as('actual'),
      eb.fn.sum<number | null>('differs').as('differences'),
    ])
    .executeTakeFirstOrThrow()
  const differences = sums.differences ?? 0
  const examples = differences > 0 ? await findExamples(db, promise) : []
  const figures = { expected: sums.expected ?? 0, actual: sums.actual ?? 0 }
  return { name, about, ok: differences === 0, ...figures, differences, examples }
}

/** Subjects of promises: the table of each, and the column with the name that users know. */
const NAMES: Record<NonNullable<DataPromise['of']>, readonly [table: keyof Schema, column: string]> = {
  order: ['orders', 'reference'],
  product: ['products', 'sku'],
  customer: ['customers', 'customer_id'],
  import: ['imports', 'file'],
  archive: ['archives', 'file'],
}

/** Returns the names of some rows that differ, or the key for a missing row. */
async function findExamples(db: Database, promise: DataPromise): Promise<string[]> {
  if (promise.of === null) return []
  const [table, column] = NAMES[promise.of]
  const differing = sql`(select distinct id from (${promise.compare(db)}) as compared
    where differs = 1 order by id limit ${sql.lit(MAX_EXAMPLES)})`
  const { rows } = await sql<{ readonly id: number; readonly name: string | null }>`
    select differing.id, named.${sql.ref(column)} as name from ${differing} as differing
    left join ${sql.table(table)} as named on named.id = differing.id order by differing.id`.execute(db)
  return rows.map(({ id, name }) => name ?? `#${id}`)
}
