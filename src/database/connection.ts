// Opens the database that the configuration names, as Kysely.
import { existsSync, realpathSync } from 'node:fs'
import { Kysely } from 'kysely'
import { UserError } from '../errors.js'
import type { DatabaseAddress, SqliteAddress } from '../servers/addresses.js'
import { explainError } from '../servers/explain.js'
import { isMigrated, type MigrationState, migrate, migrationStates } from './migrations.js'
import type { Schema } from './schema.js'
import { Sessions } from './sessions.js'
import { createPrivateFile, refuseFolder, sqliteDialect, useWriteAheadLog } from './sqlite.js'
import { isDatabaseError, rememberingErrors } from './thrown.js'
import type { WriteTurn } from './write-turn.js'

export type Database = Kysely<Schema>

interface ConnectOptions {
  /** For a file: shared by the connections of a process, so that its writers wait for each other and not for SQLite. */
  readonly turn?: WriteTurn
  /** The most connections to a server; a file has one. By default enough for a command. */
  readonly connections?: number
}

/** Path of the file, or host and database, without secrets. */
export function placeOf(address: DatabaseAddress): string {
  return address.kind === 'sqlite' ? address.path : address.name
}

/** Files that hold the database, whether or not they exist; none for a server. */
export function filesOf(address: DatabaseAddress): string[] {
  if (address.kind !== 'sqlite') return []
  const file = existsSync(address.path) ? realpathSync(address.path) : address.path
  return [file, `${file}-wal`, `${file}-shm`, `${file}-journal`]
}

/** Whether the file exists, or the server has our tables. */
export async function databaseExists(address: DatabaseAddress): Promise<boolean> {
  if (address.kind === 'sqlite') return existsSync(address.path)
  return explained(address, async () => {
    const db = await connect(address, { connections: 1 })
    return isMigrated(db).finally(() => db.destroy())
  })
}

/** Opens the database, creates it if it is missing, and migrates it. */
export async function openOrCreateDatabase(address: DatabaseAddress): Promise<Database> {
  if (address.kind === 'sqlite' && !existsSync(address.path)) {
    await explained(address, async () => createPrivateFile(address))
  }
  return openAndMigrate(address)
}

/** Opens a database that must exist, and migrates it. */
export async function openDatabase(address: DatabaseAddress): Promise<Database> {
  if (!(await databaseExists(address))) throw missing(address)
  return openAndMigrate(address)
}

function missing(address: DatabaseAddress): UserError {
  return new UserError({
    code: 'database_missing',
    message:
      address.kind === 'sqlite'
        ? `There is no database at ${address.path} yet.`
        : `The database ${address.name} holds nothing of orderctl yet.`,
    fix: 'Import orders first (orderctl import FILE), which makes it, or name another one in ORDERCTL_DATABASE_URL.',
  })
}

/**
 * Which migrations are applied. Changes nothing: a missing database stays missing.
 *
 * @throws UserError if the database belongs to another program or to a newer release
 */
export async function readMigrations(address: DatabaseAddress): Promise<MigrationState[]> {
  const place = placeOf(address)
  if (!(await databaseExists(address))) return migrationStates(undefined, place)
  if (address.kind === 'sqlite') refuseFolder(address)
  return explained(address, async () => {
    const db = await connect(address, { connections: 1 })
    return migrationStates(db, place).finally(() => db.destroy())
  })
}

/** Opens a file without writing to it, not even migrations. */
export async function openReadOnly(address: SqliteAddress): Promise<Database> {
  const { path } = address
  return explained(address, async () => {
    if (!existsSync(path)) throw missing(address)
    refuseFolder(address)
    const db = new Kysely<Schema>({ dialect: rememberingErrors(sqliteDialect(address, { readOnly: true })) })
    return destroyedOnError(db, async () => {
      if ((await migrationStates(db, path)).every(({ appliedAt }) => appliedAt !== null)) return
      throw new UserError({
        code: 'database_outdated',
        message: `${path} is not at this release.`,
        fix: `Migrate it first: ORDERCTL_DATABASE_URL=sqlite:${path} orderctl migrate`,
      })
    })
  })
}

/** A private database on temporary storage, deleted when it is closed. */
export function openScratchDatabase(): Promise<Database> {
  return openAndMigrate({ kind: 'sqlite', path: '' })
}

/** Opens without checking migrations: for the threads of a process that has checked. */
export async function connect(
  address: DatabaseAddress,
  { turn, connections = 4 }: ConnectOptions = {},
): Promise<Database> {
  if (address.kind === 'sqlite')
    return new Kysely<Schema>({ dialect: rememberingErrors(sqliteDialect(address, { turn })) })
  const sessions = new Sessions()
  // Loading a server's client takes longer than most commands run.
  const dialect =
    address.kind === 'postgres'
      ? (await import('./postgres.js')).postgresDialect(address, connections, sessions)
      : (await import('./mysql.js')).mysqlDialect(address, connections, sessions)
  return new Kysely<Schema>({ dialect: rememberingErrors(dialect, (error) => sessions.failed(error)) })
}

async function openAndMigrate(address: DatabaseAddress): Promise<Database> {
  if (address.kind === 'sqlite') refuseFolder(address)
  return explained(address, async () => {
    const db = await connect(address)
    return destroyedOnError(db, async () => {
      // Checks first: a file of another program stays as it is, including its journal mode.
      await migrate(db, placeOf(address))
      if (address.kind === 'sqlite' && address.path !== '') await useWriteAheadLog(db)
    })
  })
}

async function destroyedOnError(db: Database, prepare: () => Promise<void>): Promise<Database> {
  try {
    await prepare()
    return db
  } catch (error) {
    await db.destroy()
    throw error
  }
}

function explained<Result>(address: DatabaseAddress, act: () => Promise<Result>): Promise<Result> {
  return act().catch((error: unknown) => {
    throw explainError(error, address) ?? error
  })
}

/**
 * For users; undefined for errors that they can do nothing about. A network error counts as the database's only if a
 * database connection threw it.
 */
export function explainDatabaseError(error: unknown, address: DatabaseAddress): UserError | undefined {
  const isOurs = error instanceof UserError || address.kind === 'sqlite' || isDatabaseError(error)
  return isOurs ? explainError(error, address) : undefined
}
