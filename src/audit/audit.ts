// Checks the promises on a live database. Reads one consistent snapshot and does not block writers.
import { sql } from 'kysely'
import type { Database } from '../database/connection.js'
import type { Schema } from '../database/schema.js'
import { readSetting } from '../database/settings.js'
import { inSnapshot } from '../database/transaction.js'
import { FIGURE_PASSES, PASSES, type Pass } from './promises.js'

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
export async function countFigureDifferences(db: Database): Promise<number> {
  return sumOfDifferences(await inSnapshot(db, (snapshot) => checkPasses(snapshot, FIGURE_PASSES)))
}

/**
 * Checks every promise.
 *
 * @param timeZone the configured time zone, which business days should be in
 * @param copy checked after the database
 */
export async function auditDatabase(db: Database, timeZone: string, copy?: FiguresCopy): Promise<Audit> {
  const checks = await inSnapshot(db, async (snapshot) => [
    await checkTimeZone(snapshot, timeZone),
    ...(await checkPasses(snapshot, PASSES)),
  ])
  if (copy) checks.push(...(await copy.check()))
  return { checks, differences: sumOfDifferences(checks) }
}

function sumOfDifferences(checks: readonly Check[]): number {
  return checks.reduce((sum, check) => sum + check.differences, 0)
}

async function checkTimeZone(db: Database, timeZone: string): Promise<Check> {
  const stored = (await readSetting(db, 'time_zone')) ?? timeZone
  const ok = stored === timeZone
  const about = 'business days are in the configured time zone'
  return { name: 'time_zone', about, ok, expected: timeZone, actual: stored, differences: ok ? 0 : 1, examples: [] }
}

async function checkPasses(db: Database, passes: readonly Pass[]): Promise<Check[]> {
  const checks: Check[] = []
  for (const pass of passes) checks.push(...(await checkPass(db, pass)))
  return checks
}

async function checkPass(db: Database, pass: Pass): Promise<Check[]> {
  const sums = pass.promises.flatMap(({ name, holds, figures = [] }) => [
    sql`count(case when ${holds} then null else 1 end) as ${sql.ref(`${name}_differences`)}`,
    ...figures.map((column, at) => sql`sum(${sql.ref(column)}) as ${sql.ref(`${name}_${at}`)}`),
  ])
  const { rows } = await sql<Record<string, number | null>>`
    select count(*) as counted, ${sql.join(sums)} from (${pass.rows(db)}) as compared`.execute(db)
  const sumOf = (column: string) => rows[0]?.[column] ?? 0
  const checks: Check[] = []
  for (const promise of pass.promises) {
    const { name, about, figures } = promise
    const differences = sumOf(`${name}_differences`)
    const [expected, actual] = figures
      ? [sumOf(`${name}_0`), sumOf(`${name}_1`)]
      : [sumOf('counted'), sumOf('counted') - differences]
    const examples = differences > 0 ? await findExamples(db, pass, promise.holds) : []
    checks.push({ name, about, ok: differences === 0, expected, actual, differences, examples })
  }
  return checks
}

/** Subjects of promises: the table of each, and the column with the name that users know. */
const NAMES: Record<NonNullable<Pass['of']>, readonly [table: keyof Schema, column: string]> = {
  order: ['orders', 'reference'],
  product: ['products', 'sku'],
  customer: ['customers', 'customer_id'],
  import: ['imports', 'file'],
  archive: ['archives', 'file'],
}

/** Returns the names of some rows that differ, or the key for a missing row. */
async function findExamples(db: Database, pass: Pass, holds: Pass['promises'][number]['holds']): Promise<string[]> {
  if (pass.of === null) return []
  const [table, column] = NAMES[pass.of]
  const differing = sql`(select distinct id from (${pass.rows(db)}) as compared
    where case when ${holds} then 0 else 1 end = 1 order by id limit ${sql.lit(MAX_EXAMPLES)})`
  const { rows } = await sql<{ readonly id: number; readonly name: string | null }>`
    select differing.id, named.${sql.ref(column)} as name from ${differing} as differing
    left join ${sql.table(table)} as named on named.id = differing.id order by differing.id`.execute(db)
  return rows.map(({ id, name }) => name ?? `#${id}`)
}
