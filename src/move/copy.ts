// Copies all that a database holds into another one, a page of a table at a time, in the order of its key. Where a copy
// was cut short, the last key of each table that arrived says where to go on; so there is nothing to keep account of. What
// changed meanwhile in rows that had arrived is found by comparing all of them in the end.

import { sql } from 'kysely'
import type { Database } from '../database/connection.js'
import { engineOf, refreshStatistics } from '../database/engine.js'
import type { ColumnKind } from '../database/packed-rows.js'
import { rowSource } from '../database/row-source.js'
import { COPIED_TABLES, type CopiedTable, columnsOf, isNumbered, lastKey, pagesOf, type Row } from './table-pages.js'

export interface CopyProgress {
  readonly doing: 'Copying' | 'Comparing'
  readonly table: string
  /** Rows that were copied or compared in this run, of all tables. */
  readonly rows: number
}

/** Told after each page; what it throws ends the copy there. */
type OnPage = (progress: CopyProgress) => void

/** Copies what is missing in `to`. Returns how many rows went over in this run. */
export async function copyTables(from: Database, to: Database, onPage: OnPage): Promise<number> {
  let rows = 0
  for (const table of COPIED_TABLES) {
    const columns = await columnsOf(from, table)
    for await (const page of pagesOf(from, table, await lastKey(to, table))) {
      await writePage(to, table, columns, page)
      rows += page.length
      onPage({ doing: 'Copying', table, rows })
    }
  }
  await continueNumbering(to)
  await refreshStatistics(to, ...COPIED_TABLES)
  return rows
}

/** The first table whose rows are not the same in both, value by value; undefined where all are. */
export async function findDifference(from: Database, to: Database, onPage: OnPage): Promise<CopiedTable | undefined> {
  let rows = 0
  for (const table of COPIED_TABLES) {
    const names = Object.keys(await columnsOf(from, table))
    const others = pagesOf(to, table)
    for await (const page of pagesOf(from, table)) {
      const { value: other = [] } = await others.next()
      if (asText(page, names) !== asText(other, names)) return table
      rows += page.length
      onPage({ doing: 'Comparing', table, rows })
    }
    if (!(await others.next()).done) return table
  }
  return undefined
}

/** The first table that holds anything. */
export async function findRows(db: Database): Promise<CopiedTable | undefined> {
  for (const table of COPIED_TABLES) if ((await lastKey(db, table)) !== undefined) return table
  return undefined
}

function asText(page: readonly Row[], names: readonly string[]): string {
  return JSON.stringify(page.map((row) => names.map((name) => row[name])))
}

/** MariaDB takes no statement beyond 16 MiB unless it is told to. A letter has up to four bytes. */
const MOST_LETTERS = 2_000_000

async function writePage(
  db: Database,
  table: CopiedTable,
  columns: Record<string, ColumnKind>,
  page: readonly Row[],
): Promise<void> {
  const names = Object.keys(columns)
  const json = asText(page, names)
  if (json.length > MOST_LETTERS && page.length > 1) {
    const half = Math.ceil(page.length / 2)
    await writePage(db, table, columns, page.slice(0, half))
    await writePage(db, table, columns, page.slice(half))
    return
  }
  const listed = sql.join(names.map((name) => sql.ref(name)))
  const rows = rowSource<Row, 'page'>(db, 'page', { columns, json })
  await sql`insert into ${sql.table(table)} (${listed}) select ${listed} from ${rows}`.execute(db)
}

/** Keys came with the rows, so PostgreSQL does not know how far they have got. */
async function continueNumbering(db: Database): Promise<void> {
  if (engineOf(db) !== 'postgres') return
  for (const table of COPIED_TABLES.filter(isNumbered)) {
    const next = sql`(select coalesce(max(id), 0) + 1 from ${sql.table(table)})`
    await sql`select setval(pg_get_serial_sequence(${table}, 'id'), ${next}, false)`.execute(db)
  }
}
