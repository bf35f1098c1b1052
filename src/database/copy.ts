// Copies all that a database holds into another one, a page of a table at a time, in the order of its key. Where a copy
// was cut short, the last key of each table that arrived says where to go on; so there is nothing to keep account of.
import type { Database } from './connection.js'
import { engineOf, refreshStatistics } from './engine.js'
import { sql } from './kysely.js'
import type { ColumnKind } from './packed-rows.js'
import { rowSource } from './row-source.js'
import type { Schema } from './schema.js'

/** All but the workers, which belong to processes, and the settings, which are copied last. With the key of each. */
const KEYS: Readonly<Record<Exclude<keyof Schema, 'workers' | 'settings'>, readonly string[]>> = {
  imports: ['id'],
  import_asides: ['import_id', 'line_number'],
  import_spoiled: ['import_id', 'reference'],
  customers: ['id'],
  products: ['id'],
  stock_adjustments: ['id'],
  orders: ['id'],
  order_lines: ['order_id', 'line_number'],
  stock_reservations: ['order_id', 'attempt', 'product_id'],
  payments: ['order_id', 'attempt'],
  sales_by_customer: ['day', 'currency', 'customer_id'],
  sales_by_product: ['day', 'currency', 'product_id'],
  schedule_runs: ['task', 'slot'],
  queue_snapshots: ['taken_at'],
  settled_minutes: ['minute'],
  batch_runtimes: ['minute', 'worker_id', 'bucket'],
  alarms: ['name'],
}

type Copied = keyof typeof KEYS

/** Rows that go over together. */
const PAGE = 5000

export interface CopyProgress {
  readonly table: string
  /** Rows that were copied in this run, of all tables. */
  readonly rows: number
}

/** Copies what is missing in `to`. Returns how many rows went over in this run. */
export async function copyTables(
  from: Database,
  to: Database,
  onProgress: (progress: CopyProgress) => void,
): Promise<number> {
  let rows = 0
  for (const table of Object.keys(KEYS) as Copied[]) {
    const columns = await columnsOf(from, table)
    for (let after = await lastKey(to, table); ; ) {
      const page = await readPage(from, table, after)
      const last = page.at(-1)
      if (!last) break
      await writePage(to, table, columns, page)
      after = KEYS[table].map((column) => last[column])
      rows += page.length
      onProgress({ table, rows })
    }
  }
  await continueNumbering(to)
  await refreshStatistics(to, ...(Object.keys(KEYS) as Copied[]))
  return rows
}

type Row = Readonly<Record<string, unknown>>

async function columnsOf(db: Database, table: string): Promise<Record<string, ColumnKind>> {
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
async function lastKey(db: Database, table: Copied): Promise<unknown[] | undefined> {
  const key = KEYS[table].map((column) => sql.ref(column))
  const backwards = key.map((column) => sql`${column} desc`)
  const { rows } = await sql<Row>`
    select ${sql.join(key)} from ${sql.table(table)} order by ${sql.join(backwards)} limit 1`.execute(db)
  const [last] = rows
  return last && KEYS[table].map((column) => last[column])
}

async function readPage(db: Database, table: Copied, after: readonly unknown[] | undefined): Promise<readonly Row[]> {
  const key = sql.join(KEYS[table].map((column) => sql.ref(column)))
  const beyond = after ? sql`where (${key}) > (${sql.join(after.map((value) => sql`${value}`))})` : sql``
  const { rows } = await sql<Row>`
    select * from ${sql.table(table)} ${beyond} order by ${key} limit ${sql.lit(PAGE)}`.execute(db)
  return rows
}

async function writePage(
  db: Database,
  table: Copied,
  columns: Record<string, ColumnKind>,
  page: readonly Row[],
): Promise<void> {
  const names = Object.keys(columns)
  const json = JSON.stringify(page.map((row) => names.map((name) => row[name])))
  const listed = sql.join(names.map((name) => sql.ref(name)))
  await sql`insert into ${sql.table(table)} (${listed}) select ${listed} from ${rowSource<Row, 'page'>(db, 'page', { columns, json })}`.execute(
    db,
  )
}

/** Keys came with the rows, so PostgreSQL does not know how far they have got. */
async function continueNumbering(db: Database): Promise<void> {
  if (engineOf(db) !== 'postgres') return
  for (const [table, [key]] of Object.entries(KEYS)) {
    if (key !== 'id') continue
    const next = sql`(select coalesce(max(id), 0) + 1 from ${sql.table(table)})`
    await sql`select setval(pg_get_serial_sequence(${table}, 'id'), ${next}, false)`.execute(db)
  }
}
