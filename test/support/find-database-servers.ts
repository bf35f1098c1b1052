// Runs once before all tests: finds the database servers for them, says which engines they run on, and at the end removes
// the databases that they made.
import SqliteDatabase from 'better-sqlite3'
import type { TestProject } from 'vitest/node'
import { askServer } from './ask-server.js'

/** A server on which tests may make databases. */
export interface FoundServer {
  /** Of a database that is there and stays empty. */
  readonly url: string
  /** `PostgreSQL 15.6`. */
  readonly product: string
}

declare module 'vitest' {
  interface ProvidedContext {
    /** Null where there is none. */
    databaseServers: { readonly postgres: FoundServer | null; readonly mysql: FoundServer | null }
    /** What the names of databases begin with that this run makes. */
    databasePrefix: string
  }
}

const STANDARD_URLS = {
  postgres: ['postgres://root@127.0.0.1:5432/test', 'postgres://postgres@127.0.0.1:5432/test'],
  mysql: ['mysql://root@127.0.0.1:3306/test'],
}

export default async function findDatabaseServers(project: TestProject): Promise<() => Promise<void>> {
  const [postgres, mysql] = await Promise.all([
    find('ORDERCTL_TEST_POSTGRES_URL', STANDARD_URLS.postgres),
    find('ORDERCTL_TEST_MYSQL_URL', STANDARD_URLS.mysql),
  ])
  const databasePrefix = `orderctl_test_${Date.now().toString(36)}_`
  project.provide('databaseServers', { postgres, mysql })
  project.provide('databasePrefix', databasePrefix)
  const { redisUrl, rabbitUrl } = project.getProvidedContext()
  const engines = [
    sqliteProduct(),
    postgres?.product ?? 'no PostgreSQL (ORDERCTL_TEST_POSTGRES_URL names one)',
    mysql?.product ?? 'no MySQL or MariaDB (ORDERCTL_TEST_MYSQL_URL names one)',
    redisUrl === null ? 'no Redis' : 'Redis',
    rabbitUrl === null ? 'no RabbitMQ' : 'RabbitMQ',
  ]
  console.log(`Tests run on: ${engines.join(', ')}.`)
  return async () => {
    for (const server of [postgres, mysql]) if (server) await removeDatabases(server.url, databasePrefix)
  }
}

async function find(environment: string, standard: readonly string[]): Promise<FoundServer | null> {
  const named = process.env[environment]
  // One that was asked for must be there.
  if (named) return { url: named, product: await productAt(named) }
  for (const url of standard) {
    const product = await productAt(url).catch(() => undefined)
    if (product !== undefined) return { url, product }
  }
  return null
}

/** `PostgreSQL 15.6 on x86_64 …` · `10.11.6-MariaDB-0+deb12u1` · `8.0.36` */
async function productAt(url: string): Promise<string> {
  const [row] = await askServer(url, 'select version() as version')
  const version = String(row?.['version'])
  if (version.startsWith('PostgreSQL')) return version.split(' ').slice(0, 2).join(' ')
  return `${version.includes('MariaDB') ? 'MariaDB' : 'MySQL'} ${version.split('-')[0]}`
}

function sqliteProduct(): string {
  const db = new SqliteDatabase(':memory:')
  const version = db.prepare('select sqlite_version()').pluck().get()
  db.close()
  return `SQLite ${version}`
}

async function removeDatabases(url: string, prefix: string): Promise<void> {
  const isPostgres = url.startsWith('postgres')
  const names = isPostgres
    ? 'select datname as name from pg_database'
    : 'select schema_name as name from information_schema.schemata'
  const ours = (await askServer(url, names)).map((row) => String(row['name'])).filter((name) => name.startsWith(prefix))
  // Side by side: PostgreSQL writes a checkpoint for each, and one for all that come at once.
  await Promise.all(ours.map((name) => askServer(url, `drop database ${name}${isPostgres ? ' with (force)' : ''}`)))
}
