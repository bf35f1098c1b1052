// Reads and writes the tables of a shop in pages.
import { createHash } from 'node:crypto'
import { sql } from 'kysely'
import type { Database } from '../database/connection.js'
import { engineOf } from '../database/engine.js'
import type { ColumnKind } from '../database/packed-rows.js'
import { rowSource } from '../database/row-source.js'

export interface Table {
  readonly name: string
  readonly columns: Readonly<Record<string, ColumnKind>>
  /** Columns of the primary key. */
  readonly key: readonly string[]
}

/** Rows, each as an array of values in column order. */
type Page = readonly (readonly unknown[])[]

/** Rows per page. */
const PAGE = 1000

/** Length of the JSON in one statement. By default, MariaDB accepts statements of up to 16 MiB. */
const STATEMENT_CHARACTERS = 2_000_000

/** Lists the tables in a file, except `workers`, which belong to processes, and `settings`. */
export async function tablesOf(file: Database): Promise<Table[]> {
  const { rows } = await sql<{ name: string; columns: string; key: string }>`
    select tables.name,
      json_group_array(columns.name order by columns.pk) filter (where columns.pk > 0) as key,
      json_group_object(columns.name, case when columns.type like 'double%' then 'real'
        when columns.type like '%char%' then 'text' when columns.type like 'text' then 'long text'
        else 'integer' end) as columns
    from sqlite_master as tables join pragma_table_info(tables.name) as columns
    where tables.type = 'table' and tables.name not like 'sqlite_%'
      and tables.name not in ('workers', 'settings', 'orderctl_migrations')
    group by tables.name order by tables.name`.execute(file)
  return rows.map(({ name, columns, key }) => ({ name, columns: JSON.parse(columns), key: JSON.parse(key) }))
}

/** Passes every row to `use`, in key order. Returns the number of rows and the SHA-256 of all values. */
export async function readTable(db: Database, { name, columns, key }: Table, use: (page: Page) => unknown) {
  const hash = createHash('sha256')
  const names = sql.join(key.map((column) => sql.ref(column)))
  let rows = 0
  for (let last: unknown[] | undefined; ; ) {
    // The first condition is for MySQL, which uses no index to compare several columns at once.
    const after = last ? sql`where ${sql.ref(`${key[0]}`)} >= ${last[0]} and (${names}) > (${sql.join(last)})` : sql``
    const found = await sql<Record<string, unknown>>`
      select * from ${sql.table(name)} ${after} order by ${names} limit ${sql.lit(PAGE)}`.execute(db)
    const end = found.rows.at(-1)
    if (!end) return { rows, checksum: hash.digest('hex') }
    const page = found.rows.map((row) => Object.keys(columns).map((column) => row[column]))
    hash.update(JSON.stringify(page))
    await use(page)
    rows += page.length
    last = key.map((column) => end[column])
  }
}

export async function writePage(db: Database, table: Table, page: Page): Promise<void> {
  const json = JSON.stringify(page)
  if (json.length > STATEMENT_CHARACTERS && page.length > 1) {
    const half = Math.ceil(page.length / 2)
    for (const part of [page.slice(0, half), page.slice(half)]) await writePage(db, table, part)
    return
  }
  const { name, columns } = table
  const names = sql.join(Object.keys(columns).map((column) => sql.ref(column)))
  const rows = rowSource(db, 'page', { columns, json })
  await sql`insert into ${sql.table(name)} (${names}) select ${names} from ${rows}`.execute(db)
}

/** Updates statistics and the next id on PostgreSQL. Other servers need neither. */
export async function finishTable(db: Database, { name, key, columns }: Table): Promise<void> {
  if (engineOf(db) !== 'postgres') return
  await sql`analyze ${sql.table(name)}`.execute(db)
  if (key.join() !== 'id' || columns['id'] !== 'integer') return
  const next = sql`(select coalesce(max(id), 0) + 1 from ${sql.table(name)})`
  await sql`select setval(pg_get_serial_sequence(${name}, 'id'), ${next}, false)`.execute(db)
}
