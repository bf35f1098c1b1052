// Databases that a shop is moved to, and all that they hold, read without the program.
import { createConnection } from 'mysql2/promise'
import { makeDatabase, type ServerEngine } from './database-servers.js'
import { askPostgres } from './postgres.js'
import type { Workplace } from './workplace.js'

type Row = Record<string, unknown>

/** A row as text, value by value: numbers are what their digits say, whatever a driver makes of them. */
type RowText = readonly (string | null)[]

export interface ServerDatabase {
  readonly engine: ServerEngine
  readonly name: string
  readonly url: string
  readonly environment: { readonly ORDERCTL_DATABASE_URL: string }
  ask(statement: string): Promise<Row[]>
  count(table: string): Promise<number>
}

export async function newDatabase(engine: ServerEngine): Promise<ServerDatabase> {
  const url = await makeDatabase(engine)
  const ask = (statement: string) => (engine === 'postgres' ? askPostgres(statement, url) : askMysql(statement, url))
  return {
    engine,
    name: new URL(url).pathname.slice(1),
    url,
    environment: { ORDERCTL_DATABASE_URL: url },
    ask,
    // Before the tables are there, there is nothing in them.
    count: async (table) => Number((await ask(`select count(*) as n from ${table}`).catch(() => []))[0]?.['n'] ?? 0),
  }
}

async function askMysql(statement: string, url: string): Promise<Row[]> {
  const connection = await createConnection({ uri: url, charset: 'utf8mb4_bin' })
  try {
    const [rows] = await connection.query(statement)
    return Array.isArray(rows) ? (rows as Row[]) : []
  } finally {
    await connection.end()
  }
}

/** What belongs to processes, to the making of the tables, or to the copy itself. */
const NOT_COPIED = ['workers', 'settings', 'orderctl_migrations']

/** Names of the file's tables that a copy is to hold, with the columns of each. */
function tablesOf({ db }: Workplace): [table: string, columns: string[]][] {
  const tables = db.prepare("select name from sqlite_master where type = 'table' and name not like 'sqlite_%'").pluck()
  return tables
    .all()
    .map(String)
    .filter((table) => !NOT_COPIED.includes(table))
    .map((table) => [table, db.prepare(`select name from pragma_table_info('${table}')`).pluck().all().map(String)])
}

/** Every row of every table, sorted. */
export function rowsInFile(place: Workplace): Record<string, RowText[]> {
  return Object.fromEntries(
    tablesOf(place).map(([table, columns]) => [table, sorted(place.rows(`select * from ${table}`) as Row[], columns)]),
  )
}

export async function rowsOnServer(place: Workplace, database: ServerDatabase): Promise<Record<string, RowText[]>> {
  const rows: Record<string, RowText[]> = {}
  for (const [table, columns] of tablesOf(place)) {
    rows[table] = sorted(
      await database.ask(`select ${columns.map((name) => `${table}.${name}`)} from ${table}`),
      columns,
    )
  }
  return rows
}

function sorted(rows: readonly Row[], columns: readonly string[]): RowText[] {
  const texts = rows.map((row) => columns.map((column) => (row[column] === null ? null : String(row[column]))))
  const keyed = texts.map((text) => [JSON.stringify(text), text] as const)
  return keyed.sort(([one], [other]) => (one < other ? -1 : Number(one > other))).map(([, text]) => text)
}
