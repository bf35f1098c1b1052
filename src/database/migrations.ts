// Migrates the tables in numbered steps, each applied once and in order. Never edit or reorder a released one; add
// another.
import { type Kysely, sql } from 'kysely'
import { UserError, usageError } from '../errors.js'
import { engineOf } from './engine.js'
import { firstRelease } from './migrations/001-first-release.js'
import type { Schema } from './schema.js'

const MIGRATIONS = [firstRelease]

const TABLE = 'orderctl_migrations'

/** Marks a SQLite file as ours ("ordc"). On PostgreSQL, it is the key of the lock that a migrating process takes. */
export const APPLICATION_ID = 0x6f726463

export interface MigrationState {
  readonly number: number
  readonly name: string
  /** Epoch milliseconds; null if it is not applied. */
  readonly appliedAt: number | null
}

/**
 * Applies the missing migrations, in one process at a time. On SQLite and PostgreSQL, all are applied or none. MySQL
 * commits each table at once, so a first migration that was interrupted starts over.
 *
 * @param place the database as users know it, without secrets
 * @param onCreated fills new tables, before they count as complete
 * @throws UserError if the database belongs to another program or to a newer release
 */
export async function migrate(
  database: Kysely<Schema>,
  place: string,
  onCreated: (held: Kysely<Schema>) => Promise<void>,
): Promise<void> {
  const db = asMigrated(database)
  if ((await appliedCount(db, place)) === MIGRATIONS.length) return
  await withMigrationLock(db, place, async (held) => {
    const done = await appliedCount(held, place)
    if (done === 0) await initialize(held, place)
    for (const [index, migration] of MIGRATIONS.entries()) {
      if (index < done) continue
      await migration.up(held as unknown as Kysely<unknown>)
      if (index === 0) await onCreated(held as unknown as Kysely<Schema>)
      const row = { number: index + 1, name: migration.name, applied_at: Date.now() }
      await held.insertInto(TABLE).values(row).execute()
    }
  })
}

/** Whether the database has our tables. */
export async function isMigrated(database: Kysely<Schema>): Promise<boolean> {
  const db = asMigrated(database)
  return (await isOurs(db)) && (await latest(db)) > 0
}

/**
 * Returns every migration of this release and when it was applied. Changes nothing.
 *
 * @param database undefined if it does not exist yet
 * @throws UserError if the database belongs to another program or to a newer release
 */
export async function migrationStates(database: Kysely<Schema> | undefined, place: string): Promise<MigrationState[]> {
  const db = database && asMigrated(database)
  const hasTables = db && (await appliedCount(db, place)) > 0
  const applied = hasTables ? await db.selectFrom(TABLE).selectAll().orderBy('number').execute() : []
  return MIGRATIONS.map(({ name }, at) => ({ number: at + 1, name, appliedAt: applied[at]?.applied_at ?? null }))
}

/** The schema with the table of migrations, which the rest of the program does not see. */
type Migrated = Kysely<{ [TABLE]: { number: number; name: string; applied_at: number } }>

function asMigrated(db: Kysely<Schema>): Migrated {
  return db as unknown as Migrated
}

/** Returns the tables in the database; on PostgreSQL, in its current schema. */
async function tableNames(db: Migrated): Promise<string[]> {
  const tables = await db.introspection.getTables()
  if (engineOf(db) !== 'postgres') return tables.map((table) => table.name)
  const { rows } = await sql<{ current: string }>`select current_schema() as current`.execute(db)
  return tables.filter((table) => table.schema === rows[0]?.current).map((table) => table.name)
}

const LOCK_SECONDS = 60

async function withMigrationLock(db: Migrated, place: string, act: (held: Migrated) => Promise<void>): Promise<void> {
  const engine = engineOf(db)
  if (engine !== 'mysql') {
    return db.transaction().execute(async (trx) => {
      if (engine === 'postgres') await sql`select pg_advisory_xact_lock(${sql.lit(APPLICATION_ID)})`.execute(trx)
      await act(trx)
    })
  }
  return db.connection().execute(async (connection) => {
    // A lock's name has at most 64 characters, which the database's name alone may have, so the name is hashed.
    const lock = sql`concat('orderctl ', sha1(database()))`
    const taking = sql<{ taken: number | null }>`select get_lock(${lock}, ${sql.lit(LOCK_SECONDS)}) as taken`
    const { rows } = await taking.execute(connection)
    if (rows[0]?.taken !== 1) {
      throw new UserError({
        code: 'database_locked',
        message: `Another process has been creating the tables of ${place} for more than ${LOCK_SECONDS} seconds.`,
        fix: 'Run the command again. If it happens again, find the other process with `show processlist` on the server.',
        retryable: true,
      })
    }
    await act(connection).finally(() => sql`select release_lock(${lock})`.execute(connection))
  })
}

async function appliedCount(db: Migrated, place: string): Promise<number> {
  if (!(await isOurs(db))) {
    const tables = await tableNames(db)
    if (tables.length === 0) return 0
    // Another process may have created the tables since the first check.
    if (await isOurs(db)) return appliedCount(db, place)
    throw new UserError({
      code: 'database_not_ours',
      message: `${place} belongs to another program: it has the tables ${tables.slice(0, 3).join(', ')} and was not created by orderctl.`,
      fix: 'Name another database in ORDERCTL_DATABASE_URL; orderctl creates its tables there.',
    })
  }
  const count = await latest(db)
  if (count <= MIGRATIONS.length) return count
  throw new UserError({
    code: 'database_newer',
    message: `${place} was written by a newer orderctl: it is at migration ${count}, and this release supports up to ${MIGRATIONS.length}.`,
    fix: 'Update orderctl, or restore the backup from before the update.',
  })
}

async function latest(db: Migrated): Promise<number> {
  const { max } = db.fn
  const row = await db.selectFrom(TABLE).select(max<number | null>('number').as('number')).executeTakeFirst()
  return row?.number ?? 0
}

/** A file of ours has our id in its header; a server's database has our table. */
async function isOurs(db: Migrated): Promise<boolean> {
  if (engineOf(db) !== 'sqlite') return (await tableNames(db)).includes(TABLE)
  const { rows } = await sql<{ application_id: number }>`pragma application_id`.execute(db)
  return rows[0]?.application_id === APPLICATION_ID
}

async function initialize(db: Migrated, place: string): Promise<void> {
  const engine = engineOf(db)
  if (engine === 'postgres') await refuseEncoding(db, place)
  if (engine === 'sqlite') await sql`pragma application_id = ${sql.lit(APPLICATION_ID)}`.execute(db)
  if (engine === 'mysql') {
    // An interrupted first migration left these tables; nothing was ever stored in them.
    for (const table of await tableNames(db)) await db.schema.dropTable(table).execute()
  }
  await db.schema
    .createTable(TABLE)
    .addColumn('number', 'integer', (column) => column.primaryKey())
    .addColumn('name', 'varchar(100)', (column) => column.notNull())
    .addColumn('applied_at', 'bigint', (column) => column.notNull())
    .execute()
}

/** PostgreSQL has one encoding for all tables of a database, which cannot be changed. */
async function refuseEncoding(db: Migrated, place: string): Promise<void> {
  const { rows } = await sql<{ encoding: string }>`select current_setting('server_encoding') as encoding`.execute(db)
  const encoding = rows[0]?.encoding ?? 'an unknown encoding'
  if (encoding === 'UTF8') return
  throw usageError({
    code: 'database_encoding',
    message: `${place} stores text as ${encoding}, which cannot hold every order id and name.`,
    fix: 'Create a database on that server (create database NAME encoding UTF8 template template0) and name it in ORDERCTL_DATABASE_URL.',
  })
}
