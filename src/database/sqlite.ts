// The database in one file: SQLite, with the pragmas that our promises rest on.
import { closeSync, existsSync, mkdirSync, openSync, realpathSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { errorCode, UserError } from '../errors.js'
import type { SqliteAddress } from '../servers/addresses.js'
import {
  CompiledQuery,
  type DatabaseConnection,
  type Driver,
  type Kysely,
  type SqliteDatabase as KyselySqlite,
  SqliteDialect,
  type SqliteDialectConfig,
  SqliteDriver,
  type SqliteStatement,
  type TransactionSettings,
} from './kysely.js'
import { OpenedFile } from './opened-file.js'
import type { Schema } from './schema.js'
import type { WriteTurn } from './write-turn.js'

/** How long a writer waits for another one before it gives up, in milliseconds. */
const BUSY_TIMEOUT_MS = 10_000

export function fileExists({ path }: SqliteAddress): boolean {
  return existsSync(path)
}

/** The file and those that SQLite keeps beside it. */
export function sqliteFiles({ path }: SqliteAddress): string[] {
  const file = existsSync(path) ? realpathSync(path) : path
  return [file, `${file}-wal`, `${file}-shm`, `${file}-journal`]
}

interface SqliteOptions {
  /** Shared by the connections of a process, so that its writers wait for each other and not for SQLite. */
  readonly turn?: WriteTurn | undefined
  readonly readOnly?: boolean
}

export function sqliteDialect({ path }: SqliteAddress, { turn, readOnly = false }: SqliteOptions = {}): SqliteDialect {
  const file = new OpenedFile(path, { timeout: BUSY_TIMEOUT_MS, readonly: readOnly })
  const { sqlite } = file
  // FULL: what was committed survives a power cut, so no payment intent is forgotten after the gateway was asked.
  sqlite.pragma('synchronous = FULL')
  sqlite.pragma('foreign_keys = ON')
  // Copying the log back into the file is dear; doing it for 16 MiB at a time spares pages that change again and again.
  sqlite.pragma('wal_autocheckpoint = 4096')
  sqlite.pragma('cache_size = -32768')
  sqlite.pragma('temp_store = FILE')
  return new ImmediateSqliteDialect({ database: cachingStatements(file) }, file, turn)
}

/** @throws UserError where the path is a folder */
export function refuseFolder({ path }: SqliteAddress): void {
  if (path === '' || !statSync(path).isDirectory()) return
  throw new UserError({
    code: 'database_is_folder',
    message: `${path} is a folder, not a database.`,
    fix: 'Name a file in ORDERCTL_DATABASE_URL: sqlite:/path/to/orders.sqlite.',
  })
}

/** Readers then never wait for a writer. The switch needs the file alone for a moment and does not heed busy_timeout. */
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

/** Customers and amounts are nobody else's business: mode 0600, which SQLite's -wal and -shm files take over. */
export function createPrivateFile({ path }: SqliteAddress): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  closeSync(openSync(path, 'a', 0o600))
}

/** Prepares each text once: the driver below would prepare it for every execution. */
function cachingStatements(file: OpenedFile): KyselySqlite {
  const statements = new Map<string, SqliteStatement>()
  return {
    close: () => file.close(),
    prepare(text) {
      let statement = statements.get(text)
      if (!statement) {
        statement = file.sqlite.prepare(text) as unknown as SqliteStatement
        statements.set(text, statement)
      }
      return statement
    },
  }
}

class ImmediateSqliteDialect extends SqliteDialect {
  readonly #config: SqliteDialectConfig
  readonly #file: OpenedFile
  readonly #turn: WriteTurn | undefined

  constructor(config: SqliteDialectConfig, file: OpenedFile, turn: WriteTurn | undefined) {
    super(config)
    this.#config = config
    this.#file = file
    this.#turn = turn
  }

  override createDriver(): Driver {
    return new ImmediateSqliteDriver(this.#config, this.#file, this.#turn)
  }
}

/**
 * Writers take the lock at once. With a plain `begin`, a transaction that reads before it writes fails with SQLITE_BUSY
 * when another one wrote in between, however long the busy timeout is.
 */
class ImmediateSqliteDriver extends SqliteDriver {
  readonly #file: OpenedFile
  readonly #turn: WriteTurn | undefined
  #holdsTurn = false

  constructor(config: SqliteDialectConfig, file: OpenedFile, turn: WriteTurn | undefined) {
    super(config)
    this.#file = file
    this.#turn = turn
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
