// Creates and checks BullMQ's tables in PostgreSQL. They are in a schema of their own, which BullMQ migrates.
import {
  assertSchemaCompatibility,
  LATEST_SCHEMA_VERSION,
  runMigrations,
  SchemaMigrationRequiredError,
  SchemaVersionMismatchError,
} from 'bullmq'
import type pg from 'pg'
import { usageError } from '../../errors.js'
import type { PostgresAddress } from '../../servers/addresses.js'
import { explainError } from '../../servers/explain.js'
import { openQueuePool, readFacts, refuseUnfit, withinStartLimit } from '../../servers/postgres-pool.js'

/** Time limit for one migration, or for another process to apply them all. */
const MIGRATION_TIMEOUT_MS = 60_000

/** The migration state of a queue's tables. */
export interface QueueTables {
  /** `PostgreSQL at 127.0.0.1:5432/shop, schema bullmq` */
  readonly place: string
  /** Number of applied migrations; 0 if there are no tables yet. */
  readonly current: number
  /** Number of migrations in this release. A compatible newer release may have applied more. */
  readonly latest: number
}

/** Reads the state of the tables. Changes nothing. */
export function readTables(address: PostgresAddress, schema: string): Promise<QueueTables> {
  return withTables(address, schema, async (pool) => (await examine(pool, address, schema)).current)
}

/** Applies the migrations of this release. Returns the state of the tables before that. */
export function migrateTables(address: PostgresAddress, schema: string): Promise<QueueTables> {
  return withTables(address, schema, (pool) => createTables(pool, address, schema))
}

async function withTables(
  address: PostgresAddress,
  schema: string,
  use: (pool: pg.Pool) => Promise<number>,
): Promise<QueueTables> {
  const { pool, endPool } = openQueuePool(address, schema, 1)
  try {
    const current = await use(pool)
    return { place: `PostgreSQL at ${address.name}, schema ${schema}`, current, latest: LATEST_SCHEMA_VERSION }
  } finally {
    await endPool()
  }
}

/**
 * Creates the tables if they are missing. Safe to call from several processes at once.
 *
 * @returns the version that the tables had before
 * @throws UserError within five seconds if the server is unreachable (exit 4) or unsuitable (exit 2)
 */
export async function createTables(pool: pg.Pool, address: PostgresAddress, schema: string): Promise<number> {
  const { current, facts } = await examine(pool, address, schema)
  if (current >= LATEST_SCHEMA_VERSION) return current
  const patient = openQueuePool(address, schema, 1, MIGRATION_TIMEOUT_MS)
  try {
    const client = await patient.pool.connect()
    await runMigrations(client, schema, { skipVersionCheck: true }).finally(() => client.release())
  } catch (error) {
    const problem = explainError(error, address)
    if (problem?.code !== 'postgres_not_allowed') throw problem ?? error
    const { user, database } = facts
    throw usageError({
      code: problem.code,
      message: `The queue needs the schema ${schema} in PostgreSQL at ${address.name}, but the user ${user} is not allowed to create it.`,
      fix: `As the owner of the database, run: grant create on database "${database}" to "${user}"; then orderctl migrate. You can revoke the privilege afterwards.`,
    })
  } finally {
    await patient.endPool()
  }
  return current
}

async function examine(pool: pg.Pool, address: PostgresAddress, schema: string) {
  const check = async () => {
    const facts = await readFacts(pool)
    refuseUnfit(facts, address)
    const version = assertSchemaCompatibility(pool, schema, { skipVersionCheck: true })
    const current = await version.catch((error: unknown) => {
      if (error instanceof SchemaMigrationRequiredError) return 0
      throw error
    })
    return { facts, current }
  }
  try {
    return await withinStartLimit(address, check())
  } catch (error) {
    if (!(error instanceof SchemaVersionMismatchError)) throw explainError(error, address) ?? error
    throw usageError({
      code: 'queue_too_new',
      message: `A newer orderctl created the queue's tables in PostgreSQL at ${address.name}, schema ${schema}.`,
      fix: 'Update orderctl, or choose another schema with ORDERCTL_QUEUE_SCHEMA.',
    })
  }
}
