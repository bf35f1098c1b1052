// How the tables came to be: numbered steps, applied once each, in order. Never edit or reorder one that was released;
// add another.

import { type Kysely, sql } from 'kysely'
import { EXIT, UserError } from '../errors.js'
import { engineOf } from './engine.js'
import { firstRelease } from './migrations/001-first-release.js'
import type { Schema } from './schema.js'

interface Migration {
  readonly name: string
  up(db: Kysely<unknown>): Promise<void>
}

const MIGRATIONS: readonly Migration[] = [firstRelease]

const TABLE = 'orderctl_migrations'

interface MigrationsTable {
  number: number
  name: string
  applied_at: number
}

/** Marks a SQLite file as ours ("ordc"), so that another program's database is never taken for one. */
const APPLICATION_ID = 0x6f726463

export interface MigrationState {
  readonly number: number
  readonly name: string
  /** Epoch milliseconds; null while it waits. */
  readonly appliedAt: number | null
}

/**
 * Brings the database up to this release, one process at a time; others wait for it. On SQLite and PostgreSQL, all of it
 * or nothing; on MySQL, whose tables are made at once and for good, a first release that was cut short is begun anew.
 *
 * @param place of the database, fit to be shown
 * @returns the names of the migrations that were applied now
 * @throws UserError where the database belongs to another program or to a newer release
 */
export async function migrate(database: Kysely<Schema>, place: string): Promise<string[]> {
  const db = asMigrated(database)
  if ((await appliedCount(db, place)) === MIGRATIONS.length) return []
  return alone(db, place, async (held) => {
    const done = await appliedCount(held, place)
    if (done === 0) await begin(held, place)
    const waiting = MIGRATIONS.slice(done)
    for (const [index, migration] of waiting.entries()) {
      await migration.up(held as unknown as Kysely<unknown>)
      await held
        .insertInto(TABLE)
        .values({ number: done + index + 1, name: migration.name, applied_at: Date.now() })
        .execute()
    }
    return waiting.map((migration) => migration.name)
  })
}

/**
 * Whether every migration of this release was applied.
 *
 * @throws UserError where the database belongs to another program or to a newer release
 */
export async function isCurrent(database: Kysely<Schema>, place: string): Promise<boolean> {
  return (await appliedCount(asMigrated(database), place)) === MIGRATIONS.length
}

/** Whether it holds our tables. */
export async function isMigrated(database: Kysely<Schema>): Promise<boolean> {
  const db = asMigrated(database)
  return (await isOurs(db)) && (await latest(db)) > 0
}

/** Every migration of this release and when it was applied. */
export async function migrationStates(database: Kysely<Schema>): Promise<MigrationState[]> {
  const applied = await asMigrated(database).selectFrom(TABLE).selectAll().orderBy('number').execute()
  return MIGRATIONS.map(({ name }, index) => ({
    number: index + 1,
    name,
    appliedAt: applied[index]?.applied_at ?? null,
  }))
}

/** The names of the tables in the database, or in the schema of it that is used. */
export async function tableNames(db: Kysely<Schema>): Promise<string[]> {
  const tables = await db.introspection.getTables()
  if (engineOf(db) !== 'postgres') return tables.map((table) => table.name)
  const { rows } = await sql<{ current: string }>`select current_schema() as current`.execute(db)
  return tables.filter((table) => table.schema === rows[0]?.current).map((table) => table.name)
}

type Migrated = Kysely<{ [TABLE]: MigrationsTable }>

/** This table is no part of the schema that the rest of the program sees. */
function asMigrated(db: Kysely<Schema>): Migrated {
  return db as unknown as Migrated
}

function asDatabase(db: Migrated): Kysely<Schema> {
  return db as unknown as Kysely<Schema>
}

/** Names the lock on a server: the same for all who migrate one database. */
const LOCK = APPLICATION_ID
const LOCK_SECONDS = 60

function stillMigrating(place: string): UserError {
  return new UserError({
    code: 'database_locked',
    message: `Another process has been making the tables of ${place} for more than ${LOCK_SECONDS} seconds.`,
    fix: 'Run the command again. If it stays so, `show processlist` on the server finds the other one.',
    retryable: true,
  })
}

async function alone<Result>(db: Migrated, place: string, act: (held: Migrated) => Promise<Result>): Promise<Result> {
  const engine = engineOf(db)
  if (engine !== 'mysql') {
    return db.transaction().execute(async (trx) => {
      if (engine === 'postgres') await sql`select pg_advisory_xact_lock(${sql.lit(LOCK)})`.execute(trx)
      return act(trx)
    })
  }
  return db.connection().execute(async (connection) => {
    // The lock's name may have 64 letters, as many as the database's.
    const lock = sql`concat('orderctl ', sha1(database()))`
    const { rows } = await sql<{
      taken: number | null
    }>`select get_lock(${lock}, ${sql.lit(LOCK_SECONDS)}) as taken`.execute(connection)
    if (rows[0]?.taken !== 1) throw stillMigrating(place)
    try {
      return await act(connection)
    } finally {
      await sql`select release_lock(${lock})`.execute(connection)
    }
  })
}

async function appliedCount(db: Migrated, place: string): Promise<number> {
  if (!(await isOurs(db))) {
    const tables = await tableNames(asDatabase(db))
    if (tables.length === 0) return 0
    // Another process may have made the tables since the first look.
    if (await isOurs(db)) return appliedCount(db, place)
    throw new UserError({
      code: 'database_not_ours',
      message: `${place} is a database of another program: it has the tables ${tables.slice(0, 3).join(', ')} and was not made by orderctl.`,
      fix: 'Name another one in ORDERCTL_DATABASE_URL; orderctl makes its tables there.',
    })
  }
  const count = await latest(db)
  if (count > MIGRATIONS.length) {
    throw new UserError({
      code: 'database_newer',
      message: `${place} was written by a newer orderctl: it is at migration ${count}, this release knows ${MIGRATIONS.length}.`,
      fix: 'Update orderctl, or restore the backup from before the update.',
    })
  }
  return count
}

async function latest(db: Migrated): Promise<number> {
  const row = await db
    .selectFrom(TABLE)
    .select((eb) => eb.fn.max<number | null>('number').as('number'))
    .executeTakeFirst()
  return row?.number ?? 0
}

/** A file says so in its header; a server's database by having a table of this name. */
async function isOurs(db: Migrated): Promise<boolean> {
  if (engineOf(db) !== 'sqlite') return (await tableNames(asDatabase(db))).includes(TABLE)
  const { rows } = await sql<{ application_id: number }>`pragma application_id`.execute(db)
  return rows[0]?.application_id === APPLICATION_ID
}

async function begin(db: Migrated, place: string): Promise<void> {
  const engine = engineOf(db)
  if (engine === 'postgres') await refuseEncoding(db, place)
  if (engine === 'sqlite') await sql`pragma application_id = ${sql.lit(APPLICATION_ID)}`.execute(db)
  if (engine === 'mysql') await dropAll(db)
  await db.schema
    .createTable(TABLE)
    .addColumn('number', 'integer', (column) => column.primaryKey())
    .addColumn('name', 'varchar(100)', (column) => column.notNull())
    .addColumn('applied_at', 'bigint', (column) => column.notNull())
    .execute()
}

/** The encoding of a PostgreSQL database holds for all of its tables and cannot be changed later. */
async function refuseEncoding(db: Migrated, place: string): Promise<void> {
  const { rows } = await sql<{ encoding: string }>`select current_setting('server_encoding') as encoding`.execute(db)
  const encoding = rows[0]?.encoding ?? 'an unknown encoding'
  if (encoding === 'UTF8') return
  throw new UserError({
    code: 'database_encoding',
    message: `${place} stores text as ${encoding}, which cannot hold every order id and name.`,
    fix: 'Create a database on that server (create database NAME encoding UTF8 template template0) and name it in ORDERCTL_DATABASE_URL.',
    exit: EXIT.usage,
  })
}

/** What a first migration left behind that was cut short: nothing was ever stored in it. */
async function dropAll(db: Migrated): Promise<void> {
  for (const table of await tableNames(asDatabase(db))) await db.schema.dropTable(table).execute()
}
