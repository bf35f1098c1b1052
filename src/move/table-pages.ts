// Every table read a page at a time, in the order of its key: what a copy of a database is made of, and checked by.

import { sql } from 'kysely'
import type { Database } from '../database/connection.js'
import type { ColumnKind } from '../database/packed-rows.js'
import type { Schema } from '../database/schema.js'

/** All but the workers, which belong to processes, and the settings, which are copied last. With the key of each. */
const KEYS: Readonly<Record<Exclude<keyof Schema, 'workers' | 'settings'>, readonly string[]>> = {
  imports: ['id'],
  import_asides: ['import_id', 'line_number'],
  import_spoiled: ['import_id', 'reference'],
  customers: ['id'],
  products: ['id'],
  stock_adjustments: ['id'],
  orders: ['id'],
  due_orders: ['order_id'],
  order_lines: ['order_id', 'line_number'],
  stock_reservations: ['order_id', 'attempt', 'product_id'],
  payments: ['order_id', 'attempt'],
  sales_by_customer: ['day', 'currency', 'customer_id'],
  sales_by_product: ['day', 'currency', 'product_id'],
  schedule_runs: ['task', 'slot'],
  queue_snapshots: ['period_start'],
  alarms: ['name'],
}

export type CopiedTable = keyof typeof KEYS

export const COPIED_TABLES = Object.keys(KEYS) as CopiedTable[]

/** Rows that are read together. */
const PAGE = 5000

export type Row = Readonly<Record<string, unknown>>

/** Values of the key's columns. */
type Key = readonly unknown[]

/** Whether its key is a number that the database counts up by itself. */
export function isNumbered(table: CopiedTable): boolean {
  return KEYS[table][0] === 'id'
}

/** What each column of a file's table holds. */
export async function columnsOf(db: Database, table: CopiedTable): Promise<Record<string, ColumnKind>> {
  const tables = await db.introspection.getTables()
  const columns = tables.find(({ name }) => name === table)?.columns ?? []
  return Object.fromEntries(columns.map(({ name, dataType }) => [name, kindOf(dataType.toLowerCase())]))
}

function kindOf(dataType: string): ColumnKind {
  if (dataType.startsWith('double')) return 'real'
  if (dataType.includes('char')) return 'text'
  return dataType === 'text' ? 'long text' : 'integer'
}

/** Undefined where the table is empty. */
export async function lastKey(db: Database, table: CopiedTable): Promise<Key | undefined> {
  const key = KEYS[table].map((column) => sql.ref(column))
  const backwards = key.map((column) => sql`${column} desc`)
  const { rows } = await sql<Row>`
    select ${sql.join(key)} from ${sql.table(table)} order by ${sql.join(backwards)} limit 1`.execute(db)
  const [last] = rows
  return last && keyOf(table, last)
}

/** The rows behind the key, page by page, from the first one on where there is no key. */
export async function* pagesOf(db: Database, table: CopiedTable, behind?: Key): AsyncGenerator<readonly Row[]> {
  for (let after = behind; ; ) {
    const page = await readPage(db, table, after)
    const last = page.at(-1)
    if (!last) return
    yield page
    after = keyOf(table, last)
  }
}

async function readPage(db: Database, table: CopiedTable, after: Key | undefined): Promise<readonly Row[]> {
  const key = sql.join(KEYS[table].map((column) => sql.ref(column)))
  const beyond = after ? sql`where ${isBeyond(KEYS[table], after)}` : sql``
  const { rows } = await sql<Row>`
    select * from ${sql.table(table)} ${beyond} order by ${key} limit ${sql.lit(PAGE)}`.execute(db)
  return rows
}

/**
 * `(a, b) > (x, y)`, said in a way for which MySQL, too, goes into the index: for the short one it reads the table from its
 * beginning, at every page.
 */
function isBeyond([column, ...columns]: readonly string[], [value, ...values]: Key) {
  const name = sql.ref(`${column}`)
  if (columns.length === 0) return sql<boolean>`${name} > ${value}`
  const rest: ReturnType<typeof sql<boolean>> = isBeyond(columns, values)
  return sql<boolean>`${name} >= ${value} and (${name} > ${value} or (${rest}))`
}

function keyOf(table: CopiedTable, row: Row): Key {
  return KEYS[table].map((column) => row[column])
}
