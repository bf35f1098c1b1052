// The tables that BullMQ keeps in PostgreSQL, in a schema of their own, brought up to date by BullMQ's own migrations.

import {
  assertSchemaCompatibility,
  LATEST_SCHEMA_VERSION,
  runMigrations,
  SchemaMigrationRequiredError,
  SchemaVersionMismatchError,
} from 'bullmq'
import type pg from 'pg'
import type { PostgresAddress } from '../../servers/addresses.js'
import { explainPostgresError, mayNotCreate, refuseUnfit, tablesTooNew } from '../../servers/postgres-errors.js'
import { openPool, type PostgresFacts, readFacts, withinSeconds } from '../../servers/postgres-pool.js'

/** For one migration, or for another process to be done with all of them. */
const MIGRATION_TIMEOUT_MS = 60_000

/** How far the tables of a queue are. */
export interface QueueTables {
  /** `PostgreSQL at 127.0.0.1:5432/shop, schema bullmq` */
  readonly place: string
  /** Migrations that they have had; 0 where there are none yet. */
  readonly current: number
  /** What this release has. A newer release of the same kind may have brought them further. */
  readonly latest: number
}

/** Looks, and changes nothing. */
export function readTables(address: PostgresAddress, schema: string): Promise<QueueTables> {
  return withTables(address, schema, async (pool) => {
    const { current } = await withinSeconds(address, examine(pool, address, schema))
    return current
  })
}

/**
 * Brings the tables up to this release.
 *
 * @returns how they were before
 */
export function migrateTables(address: PostgresAddress, schema: string): Promise<QueueTables> {
  return withTables(address, schema, (pool) => makeTables(pool, address, schema))
}

async function withTables(
  address: PostgresAddress,
  schema: string,
  use: (pool: pg.Pool) => Promise<number>,
): Promise<QueueTables> {
  const { pool, letGo } = openPool(address, schema, 1)
  try {
    const current = await use(pool)
    return { place: `PostgreSQL at ${address.name}, schema ${schema}`, current, latest: LATEST_SCHEMA_VERSION }
  } finally {
    await letGo()
  }
}

/**
 * Makes sure that the tables are there, and makes them where they are not; of several processes, one does.
 *
 * @returns the version that they had before
 * @throws UserError within five seconds where the server is away (exit 4), or unfit, or not for us (exit 2)
 */
export async function makeTables(pool: pg.Pool, address: PostgresAddress, schema: string): Promise<number> {
  const { current, facts } = await withinSeconds(address, examine(pool, address, schema))
  if (current >= LATEST_SCHEMA_VERSION) return current
  const patient = openPool(address, schema, 1, MIGRATION_TIMEOUT_MS)
  try {
    const client = await patient.pool.connect()
    try {
      // The version of the server was looked at above, where it is said what to do.
      await runMigrations(client, schema, { skipVersionCheck: true })
    } finally {
      client.release()
    }
  } catch (error) {
    const problem = explainPostgresError(error, address)
    throw problem?.code === 'postgres_not_allowed' ? mayNotCreate(address, schema, facts) : (problem ?? error)
  } finally {
    await patient.letGo()
  }
  return current
}

async function examine(
  pool: pg.Pool,
  address: PostgresAddress,
  schema: string,
): Promise<{ current: number; facts: PostgresFacts }> {
  try {
    const facts = await readFacts(pool)
    refuseUnfit(facts, address)
    return { facts, current: await versionOf(pool, schema) }
  } catch (error) {
    if (error instanceof SchemaVersionMismatchError) throw tablesTooNew(address, schema, error)
    throw explainPostgresError(error, address) ?? error
  }
}

async function versionOf(pool: pg.Pool, schema: string): Promise<number> {
  try {
    return await assertSchemaCompatibility(pool, schema, { skipVersionCheck: true })
  } catch (error) {
    if (error instanceof SchemaMigrationRequiredError) return 0
    throw error
  }
}
