// Runs once before all tests: finds a PostgreSQL server with a database in which they may make schemas.
import pg from 'pg'
import type { TestProject } from 'vitest/node'

declare module 'vitest' {
  interface ProvidedContext {
    /** Null where there is none. */
    postgresUrl: string | null
  }
}

/** At the standard port, as users who mostly need no password there. */
const STANDARD_URLS = ['postgres', 'root'].map((user) => `postgres://${user}@127.0.0.1:5432/test`)

export default async function findPostgres(project: TestProject): Promise<void> {
  const named = process.env['ORDERCTL_TEST_POSTGRES_URL']
  let postgresUrl = named || null
  for (const url of STANDARD_URLS) if (postgresUrl === null && (await isFit(url))) postgresUrl = url
  project.provide('postgresUrl', postgresUrl)
  if (postgresUrl === null) {
    console.warn('No PostgreSQL server lets us in at 127.0.0.1:5432, and ORDERCTL_TEST_POSTGRES_URL names none:')
    console.warn('tests on PostgreSQL are skipped.')
  }
}

async function isFit(connectionString: string): Promise<boolean> {
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: 1000 })
  client.on('error', () => undefined)
  try {
    await client.connect()
    const { rows } = await client.query("select has_database_privilege(current_database(), 'create') as fit")
    return rows[0]?.fit === true
  } catch {
    return false
  } finally {
    await client.end().catch(() => undefined)
  }
}
