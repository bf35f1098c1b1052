// The tables that BullMQ keeps in PostgreSQL, in a schema of their own, by BullMQ's own migrations.

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

/** For one migration, or for another process to apply them all. */
const MIGRATION_TIMEOUT_MS = 60_000

/** How far the tables of a queue are migrated. */
export interface QueueTables {
  /** `PostgreSQL at 127.0.0.1:5432/shop, schema bullmq` */
  readonly place: string
  /** Migrations applied; 0 if there are no tables yet. */
  readonly current: number
  /** Migrations in this release. A newer release of the same kind may have applied more. */
  readonly latest: number
}

/** Changes nothing. */
export function readTables(address: PostgresAddress, schema: string): Promise<QueueTables> {
  return withTables(address, schema, async (pool) => {
    const { current } = await withinSeconds(address, examine(pool, address, schema))
    return current
  })
}

/** Applies the migrations of this release. Returns how the tables were before. */
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
 * Creates missing tables; of several processes, one does. Returns the migrations that were applied before.
 *
 * @throws UserError within five seconds if the server is away (exit 4), unfit, or not for us (exit 2)
 */
export async function makeTables(pool: pg.Pool, address: PostgresAddress, schema: string): Promise<number> {
  const { current, facts } = await withinSeconds(address, examine(pool, address, schema))
  if (current >= LATEST_SCHEMA_VERSION) return current
  const patient = openPool(address, schema, 1, MIGRATION_TIMEOUT_MS)
  try {
    const client = await patient.pool.connect()
    // `examine` has refused servers that are too old.
    await runMigrations(client, schema, { skipVersionCheck: true }).finally(() => client.release())
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
    const current = assertSchemaCompatibility(pool, schema, { skipVersionCheck: true })
    return { facts, current: await current.catch(noTablesYet) }
  } catch (error) {
    if (error instanceof SchemaVersionMismatchError) throw tablesTooNew(address, schema, error)
    throw explainPostgresError(error, address) ?? error
  }
}

function noTablesYet(error: unknown): number {
  if (error instanceof SchemaMigrationRequiredError) return 0
  throw error
}
