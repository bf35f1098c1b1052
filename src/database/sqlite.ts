// Opens a database in a SQLite file, with the pragmas that our guarantees depend on.
import { closeSync, constants, mkdirSync, openSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Database, Statement } from 'better-sqlite3'
import {
  CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Kysely,
  type SqliteDatabase as KyselySqlite,
  SqliteDialect,
  SqliteDriver,
  type SqliteStatement,
  type TransactionSettings,
} from 'kysely'
import { errorCode, UserError } from '../errors.js'
import type { SqliteAddress } from '../servers/addresses.js'
import { keep } from './kept.js'
import { OpenedFile } from './opened-file.js'
import { rowOf } from './packed-rows.js'
import type { Schema } from './schema.js'
import type { WriteMutex } from './write-mutex.js'

export function sqliteDialect(
  { path }: SqliteAddress,
  { mutex, readOnly = false }: { readonly mutex?: WriteMutex | undefined; readonly readOnly?: boolean },
): Dialect {
  // How long a writer waits for another one. The text of `file_locked` in servers/causes.ts names this timeout.
  const file = new OpenedFile(path, { timeout: 10_000, readonly: readOnly })
  try {
    setUp(file.sqlite)
  } catch (error) {
    // SQLite removes the log at the path when it closes the file. After a restore, that log would be another one's.
    file.close()
    throw error
  }
  const database = cachingStatements(file)
  return Object.assign(new SqliteDialect({ database }), {
    createDriver: () => new ImmediateSqliteDriver(database, file, mutex),
  })
}

function setUp(sqlite: Database): void {
  // FULL: commits survive a power cut, so a payment intent is never lost after the gateway was asked.
  sqlite.exec('pragma synchronous = FULL; pragma foreign_keys = ON')
  // Checkpoints are expensive; 16 MiB at a time keeps hot pages from being rewritten.
  sqlite.exec('pragma wal_autocheckpoint = 4096; pragma cache_size = -32768; pragma temp_store = FILE')
}

/** @throws UserError if the path is a folder */
export function refuseFolder({ path }: SqliteAddress): void {
  if (path === '' || !statSync(path).isDirectory()) return
  throw new UserError({
    code: 'database_is_folder',
    message: `${path} is a folder, not a database.`,
    fix: 'Name a file in ORDERCTL_DATABASE_URL: sqlite:/path/to/orders.sqlite.',
  })
}

/** Makes readers never wait for a writer. The switch needs exclusive access and ignores the busy timeout. */
export async function useWriteAheadLog(db: Kysely<Schema>): Promise<void> {
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

/**
 * Creates the file for its owner only, since its data is private. SQLite copies the mode 0600 to its -wal and -shm
 * files. Does not follow a symbolic link to a missing file, which would create that one.
 */
export function createPrivateFile({ path }: SqliteAddress): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  closeSync(openSync(path, constants.O_RDWR | constants.O_CREAT | (constants.O_NOFOLLOW ?? 0), 0o600))
}

/** Prepares each statement once; Kysely's driver would prepare it for every execution. */
function cachingStatements(file: OpenedFile): KyselySqlite {
  const statements = new Map<string, SqliteStatement>()
  return {
    close: () => file.close(),
    prepare(text) {
      let statement = statements.get(text)
      if (!statement) {
        const prepared = keep(file.sqlite.prepare<unknown[]>(text))
        statement = prepared.reader ? readingPlainObjects(prepared) : (prepared as unknown as SqliteStatement)
        statements.set(text, statement)
      }
      return statement
    },
  }
}

/** Makes rows of arrays. The objects of better-sqlite3 take twice as long to make, and are slow to read. */
function readingPlainObjects(statement: Statement<unknown[]>): SqliteStatement {
  const names = statement.columns().map(({ name }) => name)
  const raw = statement.raw() as Statement<unknown[], unknown[]>
  return {
    reader: true,
    all: (parameters) => raw.all(...parameters).map((values) => rowOf(names, values)),
    run: (parameters) => raw.run(...parameters),
    *iterate(parameters) {
      for (const values of keep(raw.iterate(...parameters))) yield rowOf(names, values)
    },
  }
}

/**
 * Makes writers take the lock at once. With a plain `begin`, a transaction that reads before it writes fails with
 * SQLITE_BUSY if another one wrote in between, however long the busy timeout is.
 */
class ImmediateSqliteDriver extends SqliteDriver {
  readonly #file: OpenedFile
  readonly #mutex: WriteMutex | undefined
  #holdsMutex = false

  constructor(database: KyselySqlite, file: OpenedFile, mutex: WriteMutex | undefined) {
    super({ database })
    this.#file = file
    this.#mutex = mutex
  }

  override async acquireConnection(): Promise<DatabaseConnection> {
    const connection = await super.acquireConnection()
    try {
      this.#file.check()
      return connection
    } catch (error) {
      await this.releaseConnection()
      throw error
    }
  }

  override async beginTransaction(connection: DatabaseConnection, settings?: TransactionSettings): Promise<void> {
    const isReading = settings?.accessMode === 'read only'
    if (!isReading) {
      this.#mutex?.lock()
      this.#holdsMutex = true
    }
    try {
      await connection.executeQuery(CompiledQuery.raw(isReading ? 'begin' : 'begin immediate'))
    } catch (error) {
      this.#releaseMutex()
      throw error
    }
  }

  override async commitTransaction(connection: DatabaseConnection): Promise<void> {
    // A rollback, which releases the mutex, follows a failed commit.
    await super.commitTransaction(connection)
    this.#releaseMutex()
  }

  override async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    try {
      await super.rollbackTransaction(connection)
    } catch (error) {
      // If the disk was full, SQLite has rolled back already, and the error of the full disk is the one to report.
      if (!(error instanceof Error && error.message.includes('no transaction is active'))) throw error
    } finally {
      this.#releaseMutex()
    }
  }

  #releaseMutex(): void {
    if (this.#holdsMutex) this.#mutex?.unlock()
    this.#holdsMutex = false
  }
}
