// Databases of a test's own on the servers that others use, too, and all that they hold, read without the program.
import { randomBytes } from 'node:crypto'
import { createConnection } from 'mysql2/promise'
import pg from 'pg'
import { postgresUrl } from '../postgres.js'
import { describeUnless } from '../servers.js'
import type { Workplace } from '../workplace.js'

type ServerEngine = 'postgres' | 'mysql'

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
  drop(): Promise<void>
}

const mysqlUrl = process.env['ORDERCTL_TEST_MYSQL_URL'] || (await isThere('mysql://root@127.0.0.1:3306/test'))

async function isThere(url: string): Promise<string | undefined> {
  try {
    await askMysql(url, 'select 1')
    return url
  } catch {
    return undefined
  }
}

const SERVERS = {
  postgres: { url: postgresUrl, product: 'PostgreSQL' },
  mysql: { url: mysqlUrl, product: 'MySQL' },
} as const

/** Skipped where there is no server; in CI, that is a failure. */
export function describeOnServer(engine: ServerEngine, name: string, body: () => void): void {
  const { url, product } = SERVERS[engine]
  describeUnless(url === undefined ? `no ${product} server was found` : undefined, `${product}: ${name}`, body)
}

/** Once for each engine. */
export function describeOnServers(name: string, body: (engine: ServerEngine) => void): void {
  for (const engine of ['postgres', 'mysql'] as const) describeOnServer(engine, name, () => body(engine))
}

/** @param made how, in the server's words */
export async function newDatabase(engine: ServerEngine, made = ''): Promise<ServerDatabase> {
  const name = `orderctl_move_${randomBytes(6).toString('hex')}`
  const server = `${SERVERS[engine].url}`
  const url = Object.assign(new URL(server), { pathname: `/${name}` }).href
  const onServer = engine === 'postgres' ? askPostgres : askMysql
  await onServer(server, `create database ${name} ${made}`)
  const ask = (statement: string) => onServer(url, statement)
  return {
    engine,
    name,
    url,
    environment: { ORDERCTL_DATABASE_URL: url },
    ask,
    // Before the tables are there, there is nothing in them.
    count: async (table) => Number((await ask(`select count(*) as n from ${table}`).catch(() => []))[0]?.['n'] ?? 0),
    drop: async () => {
      await onServer(server, `drop database ${name}${engine === 'postgres' ? ' with (force)' : ''}`)
    },
  }
}

async function askPostgres(connectionString: string, statement: string): Promise<Row[]> {
  const client = new pg.Client({ connectionString })
  await client.connect()
  try {
    return (await client.query<Row>(statement)).rows
  } finally {
    await client.end()
  }
}

async function askMysql(url: string, statement: string): Promise<Row[]> {
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
