// Opens the database that the configuration names, as Kysely.

import { Kysely } from 'kysely'
import { UserError } from '../errors.js'
import type { DatabaseAddress, ServerAddress, SqliteAddress } from '../servers/addresses.js'
import { explainError } from '../servers/explain.js'
import { isCurrent, isMigrated, migrate } from './migrations.js'
import type { Schema } from './schema.js'
import { Sessions } from './sessions.js'
import { createPrivateFile, fileExists, refuseFolder, sqliteDialect, sqliteFiles, useWriteAheadLog } from './sqlite.js'
import { isDatabaseError, rememberingErrors } from './thrown.js'
import type { WriteTurn } from './write-turn.js'

export type Database = Kysely<Schema>

export interface ConnectOptions {
  /** For a file: shared by the connections of a process, so that its writers wait for each other and not for SQLite. */
  readonly turn?: WriteTurn
  /** The most connections to a server; a file has one. */
  readonly connections?: number
}

/** Enough for a command, which runs at most a few statements at once. */
const CONNECTIONS = 4

/** Path of the file, or host and database, without secrets. */
export function placeOf(address: DatabaseAddress): string {
  return address.kind === 'sqlite' ? address.path : address.name
}

/** Files that hold the database, whether or not they exist; none for a server. */
export function filesOf(address: DatabaseAddress): string[] {
  return address.kind === 'sqlite' ? sqliteFiles(address) : []
}

/** Whether the file exists, or the server has our tables. */
export async function databaseExists(address: DatabaseAddress): Promise<boolean> {
  if (address.kind === 'sqlite') return fileExists(address)
  return explained(address, async () => {
    const db = await connect(address, { connections: 1 })
    return isMigrated(db).finally(() => db.destroy())
  })
}

/** Opens the database, creates it if it is missing, and migrates it. */
export async function openOrCreateDatabase(address: DatabaseAddress): Promise<Database> {
  if (address.kind === 'sqlite' && !fileExists(address)) {
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

/** Opens a file without writing to it, not even migrations. */
export async function openReadOnly(address: SqliteAddress): Promise<Database> {
  return explained(address, async () => {
    if (!fileExists(address)) throw missing(address)
    refuseFolder(address)
    const db = new Kysely<Schema>({ dialect: rememberingErrors(sqliteDialect(address, { readOnly: true })) })
    return destroyedOnError(db, async () => {
      if (await isCurrent(db, address.path)) return
      throw new UserError({
        code: 'database_outdated',
        message: `${address.path} is not at this release.`,
        fix: `Migrate it first: ORDERCTL_DATABASE_URL=sqlite:${address.path} orderctl migrate`,
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
  { turn, connections = CONNECTIONS }: ConnectOptions = {},
): Promise<Database> {
  if (address.kind === 'sqlite')
    return new Kysely<Schema>({ dialect: rememberingErrors(sqliteDialect(address, { turn })) })
  const sessions = new Sessions()
  const dialect = await dialectOf(address, connections, sessions)
  return new Kysely<Schema>({ dialect: rememberingErrors(dialect, (error) => sessions.failed(error)) })
}

/** The client of a server takes longer to load than most commands run, so it is loaded only when used. */
async function dialectOf(address: ServerAddress, connections: number, sessions: Sessions) {
  return address.kind === 'postgres'
    ? (await import('./postgres.js')).postgresDialect(address, connections, sessions)
    : (await import('./mysql.js')).mysqlDialect(address, connections, sessions)
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

async function explained<Result>(address: DatabaseAddress, act: () => Promise<Result>): Promise<Result> {
  try {
    return await act()
  } catch (error) {
    throw explainError(error, address) ?? error
  }
}

/**
 * For users; undefined for errors that they can do nothing about. A network error counts as the database's only if a
 * database connection threw it.
 */
export function explainDatabaseError(error: unknown, address: DatabaseAddress): UserError | undefined {
  if (error instanceof UserError || address.kind === 'sqlite' || isDatabaseError(error))
    return explainError(error, address)
  return undefined
}
