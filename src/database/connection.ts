// Opens the database that the configuration names, as Kysely, with the pragmas that our promises rest on.
import { closeSync, existsSync, mkdirSync, openSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import SqliteDatabase from 'better-sqlite3'
import { errorCode, UserError } from '../errors.js'
import {
  CompiledQuery,
  type DatabaseConnection,
  type Driver,
  Kysely,
  type SqliteDatabase as KyselySqlite,
  SqliteDialect,
  type SqliteDialectConfig,
  SqliteDriver,
  type SqliteStatement,
  type TransactionSettings,
} from './kysely.js'
import { migrate } from './migrations.js'
import type { Schema } from './schema.js'
import type { WriteTurn } from './write-turn.js'

export type Database = Kysely<Schema>

/** How long a writer waits for another one before it gives up, in milliseconds. */
const BUSY_TIMEOUT_MS = 10_000

export interface DatabaseAddress {
  readonly kind: 'sqlite'
  /** Absolute path of the file; empty for a private one that goes away when it is closed. */
  readonly path: string
}

export function databaseExists(address: DatabaseAddress): boolean {
  return existsSync(address.path)
}

/** Opens the database, makes it where there is none, and brings it up to this release. */
export async function openOrCreateDatabase(address: DatabaseAddress): Promise<Database> {
  if (!databaseExists(address)) createPrivateFile(address.path)
  return openAndMigrate(address)
}

/** Opens a database that must be there already. */
export async function openDatabase(address: DatabaseAddress): Promise<Database> {
  if (!databaseExists(address)) {
    throw new UserError({
      code: 'database_missing',
      message: `There is no database at ${address.path} yet.`,
      fix: 'Import orders first (orderctl import FILE), which makes it, or name another one in ORDERCTL_DATABASE_URL.',
    })
  }
  return openAndMigrate(address)
}

/** A database of its own on temporary storage, gone when it is closed. */
export function openScratchDatabase(): Promise<Database> {
  return openAndMigrate({ kind: 'sqlite', path: '' })
}

/**
 * Opens without looking at migrations: for the threads of a process that has already looked.
 *
 * @param turn shared by the connections of a process, so that its writers wait for each other and not for SQLite
 */
export function connect({ path }: DatabaseAddress, turn?: WriteTurn): Database {
  const sqlite = new SqliteDatabase(path, { timeout: BUSY_TIMEOUT_MS })
  // FULL: what was committed survives a power cut, so no payment intent is forgotten after the gateway was asked.
  sqlite.pragma('synchronous = FULL')
  sqlite.pragma('foreign_keys = ON')
  // Copying the log back into the file is dear; doing it for 16 MiB at a time spares pages that change again and again.
  sqlite.pragma('wal_autocheckpoint = 4096')
  sqlite.pragma('cache_size = -32768')
  sqlite.pragma('temp_store = FILE')
  return new Kysely<Schema>({ dialect: new ImmediateSqliteDialect({ database: cachingStatements(sqlite) }, turn) })
}

async function openAndMigrate(address: DatabaseAddress): Promise<Database> {
  if (address.path !== '' && statSync(address.path).isDirectory()) {
    throw new UserError({
      code: 'database_is_folder',
      message: `${address.path} is a folder, not a database.`,
      fix: 'Name a file in ORDERCTL_DATABASE_URL: sqlite:/path/to/orders.sqlite.',
    })
  }
  let db: Database | undefined
  try {
    db = connect(address)
    // First the look, then the change: a file of another program stays as it is, also its journal mode.
    await migrate(db, address.path)
    if (address.path !== '') await useWriteAheadLog(db)
    return db
  } catch (error) {
    await db?.destroy()
    throw explainDatabaseError(error, address) ?? error
  }
}

/** Readers then never wait for a writer. The switch needs the file alone for a moment and does not heed busy_timeout. */
async function useWriteAheadLog(db: Database): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      await db.executeQuery(CompiledQuery.raw('pragma journal_mode = WAL'))
      return
    } catch (error) {
      if (errorCode(error) !== 'SQLITE_BUSY' || tries === 100) throw error
      await sleep(20 + Math.random() * 30)
    }
  }
}

/** Customers and amounts are nobody else's business: mode 0600, which SQLite's -wal and -shm files take over. */
function createPrivateFile(path: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    closeSync(openSync(path, 'a', 0o600))
  } catch (error) {
    throw explainDatabaseError(error, { kind: 'sqlite', path }) ?? error
  }
}

/** Prepares each text once: the driver below would prepare it for every execution. */
function cachingStatements(sqlite: SqliteDatabase.Database): KyselySqlite {
  const statements = new Map<string, SqliteStatement>()
  return {
    close: () => sqlite.close(),
    prepare(text) {
      let statement = statements.get(text)
      if (!statement) {
        statement = sqlite.prepare(text) as unknown as SqliteStatement
        statements.set(text, statement)
      }
      return statement
    },
  }
}

class ImmediateSqliteDialect extends SqliteDialect {
  readonly #config: SqliteDialectConfig
  readonly #turn: WriteTurn | undefined

  constructor(config: SqliteDialectConfig, turn: WriteTurn | undefined) {
    super(config)
    this.#config = config
    this.#turn = turn
  }

  override createDriver(): Driver {
    return new ImmediateSqliteDriver(this.#config, this.#turn)
  }
}

/**
 * Writers take the lock at once. With a plain `begin`, a transaction that reads before it writes fails with SQLITE_BUSY
 * when another one wrote in between, however long the busy timeout is.
 */
class ImmediateSqliteDriver extends SqliteDriver {
  readonly #turn: WriteTurn | undefined
  #holdsTurn = false

  constructor(config: SqliteDialectConfig, turn: WriteTurn | undefined) {
    super(config)
    this.#turn = turn
  }

  override async beginTransaction(connection: DatabaseConnection, settings?: TransactionSettings): Promise<void> {
    if (settings?.accessMode === 'read only') {
      await connection.executeQuery(CompiledQuery.raw('begin'))
      return
    }
    this.#turn?.take()
    this.#holdsTurn = true
    try {
      await connection.executeQuery(CompiledQuery.raw('begin immediate'))
    } catch (error) {
      this.#giveTurn()
      throw error
    }
  }

  override async commitTransaction(connection: DatabaseConnection): Promise<void> {
    // A commit that fails is followed by a rollback, which gives the turn on.
    await super.commitTransaction(connection)
    this.#giveTurn()
  }

  override async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    try {
      await super.rollbackTransaction(connection)
    } catch (error) {
      // After a full disk SQLite has rolled back by itself; that error counts, and not that there is nothing left to do.
      if (!(error instanceof Error && error.message.includes('no transaction is active'))) throw error
    } finally {
      this.#giveTurn()
    }
  }

  #giveTurn(): void {
    if (this.#holdsTurn) this.#turn?.give()
    this.#holdsTurn = false
  }
}

/** What the user can do about an error of SQLite or of the file system under it; undefined for all others. */
export function explainDatabaseError(error: unknown, { path }: DatabaseAddress): UserError | undefined {
  const problem = databaseProblem(errorCode(error) ?? '', path)
  return problem && new UserError(problem, { cause: error })
}

function databaseProblem(code: string, path: string) {
  if (code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED')) {
    return {
      code: 'database_locked',
      message: `Another process has held ${path} locked for more than ${BUSY_TIMEOUT_MS / 1000} seconds.`,
      fix: `Run the command again. If it stays so, find the process with: fuser ${path}`,
      retryable: true,
    }
  }
  if (code === 'SQLITE_FULL' || code === 'ENOSPC' || code === 'EDQUOT' || code.startsWith('SQLITE_IOERR')) {
    return {
      code: 'disk_full',
      message: `${path} could not be written (${code}): the disk is full or failing. All that was committed before is safe.`,
      fix: 'Free space on that disk, then run the command again (an import goes on with --resume).',
      retryable: true,
    }
  }
  if (code === 'SQLITE_NOTADB' || code.startsWith('SQLITE_CORRUPT')) {
    return {
      code: 'database_unreadable',
      message: `${path} is no SQLite database, or it is damaged (${code}).`,
      fix: 'Name another file in ORDERCTL_DATABASE_URL, or restore this one from a backup.',
    }
  }
  if (code.startsWith('SQLITE_CANTOPEN') || code.startsWith('SQLITE_READONLY') || FILE_ERRORS.has(code)) {
    return {
      code: 'database_unwritable',
      message: `${path} cannot be opened for writing (${code}).`,
      fix: 'Check the permissions of the file and of its folder, or name another file in ORDERCTL_DATABASE_URL.',
    }
  }
  return undefined
}

const FILE_ERRORS = new Set(['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EISDIR', 'EEXIST'])
