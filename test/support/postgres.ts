// Tests on the PostgreSQL that find-servers.ts has found, which they share: each has a schema of its own.
import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { inject } from 'vitest'
import { type PostgresAddress, readQueueAddress } from '../../src/servers/addresses.js'
import { describeUnless, type SuiteOptions } from './servers.js'

export const postgresUrl: string | undefined = inject('databaseServers').postgres?.url

export function describeWithPostgres(name: string, body: () => void, options?: SuiteOptions): void {
  describeUnless(postgresUrl === undefined ? 'no PostgreSQL server was found' : undefined, name, body, options)
}

/** A schema for the queue. */
export interface TestSchema {
  readonly schema: string
  readonly address: PostgresAddress
  /** Makes a process use it. */
  readonly environment: { readonly ORDERCTL_QUEUE_URL: string; readonly ORDERCTL_QUEUE_SCHEMA: string }
  /** Runs a statement in the schema. */
  ask(query: string): Promise<Record<string, unknown>[]>
  drop(): Promise<void>
}

/** Chooses a name. The queue creates the schema. */
export function newSchema(url = `${postgresUrl}`): TestSchema {
  const schema = randomName()
  return {
    schema,
    address: addressOf(url),
    environment: { ORDERCTL_QUEUE_URL: url, ORDERCTL_QUEUE_SCHEMA: schema },
    ask: (query) => askPostgres(`set search_path to ${schema}; ${query}`),
    drop: async () => {
      await askPostgres(`set client_min_messages to warning; drop schema if exists ${schema} cascade`)
    },
  }
}

export function randomName(): string {
  return `orderctl_test_${randomBytes(6).toString('hex')}`
}

export function addressOf(url: string): PostgresAddress {
  const address = readQueueAddress(url)
  if (address.kind !== 'postgres') throw new Error(`${url} names no database on PostgreSQL`)
  return address
}

/** @returns the rows of the last statement */
export async function askPostgres(query: string, url = `${postgresUrl}`): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const answers: unknown = await client.query<Record<string, unknown>>(query)
    const last = Array.isArray(answers) ? answers.at(-1) : answers
    return (last as pg.QueryResult<Record<string, unknown>>).rows
  } finally {
    await client.end()
  }
}
