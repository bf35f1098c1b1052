// Opens the configured database as a Kysely instance.
import { existsSync, realpathSync } from 'node:fs'
import { Kysely } from 'kysely'
import type { ShopId } from '../domain/ids.js'
import { UserError } from '../errors.js'
import type { DatabaseAddress, SqliteAddress } from '../servers/addresses.js'
import { explainError } from '../servers/explain.js'
import { isMigrated, type MigrationState, migrate, migrationStates } from './migrations.js'
import { isReadOnly } from './opened-file.js'
import type { Schema } from './schema.js'
import { Sessions } from './sessions.js'
import { createShop, readShop } from './shop.js'
import { createPrivateFile, refuseFolder, sqliteDialect, useWriteAheadLog } from './sqlite.js'
import { isDatabaseError, watchingConnections } from './watched.js'
import type { WriteMutex } from './write-mutex.js'

export type Database = Kysely<Schema>

export interface ConnectOptions {
  /** For a file: the mutex of the process's writers, so that they wait for each other, not for SQLite. */
  readonly mutex?: WriteMutex
  /** Maximum number of connections to a server; a file has one. The default is enough for a command. */
  readonly connections?: number
  /** Time limit in milliseconds for a server's answer to a statement. None by default: some statements take long. */
  readonly answerTimeoutMs?: number | undefined
}

/** The path of the file, or the host and database without secrets. */
export function placeOf(address: DatabaseAddress): string {
  return address.kind === 'sqlite' ? address.path : address.name
}

/** The files of the database, whether or not they exist; none for a server. */
export function filesOf(address: DatabaseAddress): string[] {
  if (address.kind !== 'sqlite') return []
  const file = existsSync(address.path) ? realpathSync(address.path) : address.path
  return [file, `${file}-wal`, `${file}-shm`, `${file}-journal`]
}

/** Whether the file exists, or the server has our tables. */
export async function databaseExists(address: DatabaseAddress): Promise<boolean> {
  if (address.kind === 'sqlite') return existsSync(address.path)
  return withConnection(address, isMigrated)
}

/** Opens the database, creates it if it is missing, and migrates it. */
export async function openOrCreateDatabase(address: DatabaseAddress, options?: ConnectOptions): Promise<Database> {
  if (address.kind === 'sqlite' && !existsSync(address.path)) {
    await explained(address, async () => createPrivateFile(address))
  }
  return openAndMigrate(address, options)
}

/** Opens a database that must exist, and migrates it. */
export async function openDatabase(address: DatabaseAddress, options?: ConnectOptions): Promise<Database> {
  if (!(await databaseExists(address))) throw missingDatabase(address)
  return openAndMigrate(address, options)
}

function missingDatabase(address: DatabaseAddress): UserError {
  return new UserError({
    code: 'database_missing',
    message:
      address.kind === 'sqlite'
        ? `No database exists at ${address.path} yet.`
        : `The database ${address.name} has no orderctl tables yet.`,
    fix: 'Import orders to create it (orderctl import FILE), or name another database in ORDERCTL_DATABASE_URL.',
  })
}

/**
 * Reads which migrations are applied. Changes nothing: a missing database stays missing.
 *
 * @throws UserError if the database belongs to another program or to a newer release
 */
export async function readMigrations(address: DatabaseAddress): Promise<MigrationState[]> {
  const place = placeOf(address)
  if (!(await databaseExists(address))) return migrationStates(undefined, place)
  if (address.kind === 'sqlite') refuseFolder(address)
  return withConnection(address, (db) => migrationStates(db, place))
}

/** Reads the identity of the database. Changes nothing. @returns undefined if the database does not exist yet */
export async function readShopAt(address: DatabaseAddress): Promise<ShopId | undefined> {
  const isMigrated = (await readMigrations(address)).every(({ appliedAt }) => appliedAt !== null)
  if (!isMigrated) return undefined
  return withConnection(address, readShop)
}

/** Opens a file without writing to it, not even migrations. */
export async function openReadOnly(address: SqliteAddress): Promise<Database> {
  const { path } = address
  return explained(address, async () => {
    if (!existsSync(path)) throw missingDatabase(address)
    refuseFolder(address)
    const db = new Kysely<Schema>({ dialect: watchingConnections(sqliteDialect(address, { readOnly: true })) })
    return destroyedOnError(db, async () => {
      if ((await migrationStates(db, path)).every(({ appliedAt }) => appliedAt !== null)) return
      throw new UserError({
        code: 'database_outdated',
        message: `${path} has not been migrated to this release.`,
        fix: `Migrate it first: ORDERCTL_DATABASE_URL=sqlite:${path} orderctl migrate`,
      })
    })
  })
}

/** Opens a private database on temporary storage, which is deleted when it is closed. */
export function openScratchDatabase(): Promise<Database> {
  return openAndMigrate({ kind: 'sqlite', path: '' })
}

/** Opens without checking migrations, for the threads of a process that has checked them. */
export async function connect(
  address: DatabaseAddress,
  { mutex, connections = 4, answerTimeoutMs }: ConnectOptions = {},
): Promise<Database> {
  if (address.kind === 'sqlite')
    return new Kysely<Schema>({ dialect: watchingConnections(sqliteDialect(address, { mutex })) })
  const sessions = new Sessions()
  // Loading a server's client takes longer than most commands take.
  const dialect =
    address.kind === 'postgres'
      ? (await import('./postgres.js')).postgresDialect(address, connections, sessions)
      : (await import('./mysql.js')).mysqlDialect(address, connections, sessions)
  const onError = (error: unknown) => sessions.failed(error)
  return new Kysely<Schema>({ dialect: watchingConnections(dialect, { onError, answerTimeoutMs }) })
}

async function openAndMigrate(address: DatabaseAddress, options?: ConnectOptions): Promise<Database> {
  if (address.kind === 'sqlite') refuseFolder(address)
  return explained(address, async () => {
    const db = await connect(address, options)
    return destroyedOnError(db, async () => {
      // Migrates first, which checks the file: a file of another program keeps its journal mode.
      await migrate(db, placeOf(address), (held) => createShop(held, address))
      if (address.kind === 'sqlite' && address.path !== '' && !isReadOnly(address.path)) await useWriteAheadLog(db)
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

/** Passes a connection to `use`, and closes it. */
function withConnection<Result>(address: DatabaseAddress, use: (db: Database) => Promise<Result>): Promise<Result> {
  return explained(address, async () => {
    const db = await connect(address, { connections: 1 })
    return use(db).finally(() => db.destroy())
  })
}

function explained<Result>(address: DatabaseAddress, act: () => Promise<Result>): Promise<Result> {
  return act().catch((error: unknown) => {
    throw explainError(error, address) ?? error
  })
}

/**
 * Explains the error to users; undefined if they can do nothing about it. A network error counts as the database's only
 * if a database connection threw it.
 */
export function explainDatabaseError(error: unknown, address: DatabaseAddress): UserError | undefined {
  const isOurs = error instanceof UserError || address.kind === 'sqlite' || isDatabaseError(error)
  return isOurs ? explainError(error, address) : undefined
}
