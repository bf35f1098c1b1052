// How the tables came to be: numbered steps, applied once each, in order. Never edit or reorder one that was released;
// add another.

import { UserError } from '../errors.js'
import { type Kysely, sql } from './kysely.js'
import { firstRelease } from './migrations/001-first-release.js'

export interface Migration {
  readonly name: string
  up(db: Kysely<unknown>): Promise<void>
}

const MIGRATIONS: readonly Migration[] = [firstRelease]

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
 * Brings the database up to this release, in one transaction that other processes wait for.
 *
 * @returns the names of the migrations that were applied now
 * @throws UserError where the file belongs to another program or to a newer release
 */
export async function migrate<Tables>(database: Kysely<Tables>, place: string): Promise<string[]> {
  const db = database as unknown as Kysely<{ migrations: MigrationsTable }>
  if ((await appliedCount(db, place)) === MIGRATIONS.length) return []
  return db.transaction().execute(async (trx) => {
    const done = await appliedCount(trx, place)
    if (done === 0) await markAsOurs(trx)
    const waiting = MIGRATIONS.slice(done)
    for (const [index, migration] of waiting.entries()) {
      await migration.up(trx as unknown as Kysely<unknown>)
      await trx
        .insertInto('migrations')
        .values({ number: done + index + 1, name: migration.name, applied_at: Date.now() })
        .execute()
    }
    return waiting.map((migration) => migration.name)
  })
}

/** Every migration of this release and when it was applied. */
export async function migrationStates<Tables>(database: Kysely<Tables>): Promise<MigrationState[]> {
  const db = database as unknown as Kysely<{ migrations: MigrationsTable }>
  const applied = await db.selectFrom('migrations').selectAll().orderBy('number').execute()
  return MIGRATIONS.map(({ name }, index) => ({
    number: index + 1,
    name,
    appliedAt: applied[index]?.applied_at ?? null,
  }))
}

async function appliedCount(db: Kysely<{ migrations: MigrationsTable }>, place: string): Promise<number> {
  if (!(await isOurs(db))) {
    const tables = await db.introspection.getTables()
    if (tables.length === 0) return 0
    // Another process may have made the tables since the first look.
    if (await isOurs(db)) return appliedCount(db, place)
    const names = tables.slice(0, 3).map((table) => table.name)
    throw new UserError({
      code: 'database_not_ours',
      message: `${place} is a database of another program: it has the tables ${names.join(', ')} and was not made by orderctl.`,
      fix: 'Name another file in ORDERCTL_DATABASE_URL (sqlite:PATH); orderctl creates it.',
    })
  }
  const latest = await db
    .selectFrom('migrations')
    .select((eb) => eb.fn.max<number | null>('number').as('number'))
    .executeTakeFirst()
  const count = latest?.number ?? 0
  if (count > MIGRATIONS.length) {
    throw new UserError({
      code: 'database_newer',
      message: `${place} was written by a newer orderctl: it is at migration ${count}, this release knows ${MIGRATIONS.length}.`,
      fix: 'Update orderctl, or restore the backup from before the update.',
    })
  }
  return count
}

async function isOurs(db: Kysely<{ migrations: MigrationsTable }>): Promise<boolean> {
  const { rows } = await sql<{ application_id: number }>`pragma application_id`.execute(db)
  return rows[0]?.application_id === APPLICATION_ID
}

async function markAsOurs(db: Kysely<{ migrations: MigrationsTable }>): Promise<void> {
  await sql`pragma application_id = ${sql.lit(APPLICATION_ID)}`.execute(db)
  await db.schema
    .createTable('migrations')
    .addColumn('number', 'integer', (column) => column.primaryKey())
    .addColumn('name', 'varchar(100)', (column) => column.notNull())
    .addColumn('applied_at', 'bigint', (column) => column.notNull())
    .execute()
}
