// The database of a simulated shop: a SQLite file in memory, with a connection for each process and thread. Every
// statement is a step. Writers wait for each other as in SQLite, but in the time of the world.
import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import SqliteDatabase from 'better-sqlite3'
import { CompiledQuery, type DatabaseConnection, type Dialect, Kysely } from 'kysely'
import { type Database, openOrCreateDatabase } from '../../src/database/connection.js'
import type { Schema } from '../../src/database/schema.js'
import { sqliteDialect } from '../../src/database/sqlite.js'
import { watchingConnections } from '../../src/database/watched.js'
import type { Actor, World } from './world.js'

/** How long SQLite waits for another writer; see sqlite.ts. */
const BUSY_MS = 10_000

/** A file system in memory, if there is one. */
const MEMORY = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()

/** Folder of the databases of this thread, with an empty one to copy. */
export class Shelf {
  readonly #folder = mkdtempSync(join(MEMORY, 'orderctl-simulation-'))

  /** Call before the platform is replaced: it migrates with the real clock. */
  async prepare(): Promise<void> {
    const db = await openOrCreateDatabase({ kind: 'sqlite', path: this.#empty })
    // Part of every idempotency key, so it must not be random.
    await db.updateTable('settings').set({ value: 'simulated000' }).where('name', '=', 'shop').execute()
    await db.destroy()
  }

  /** An empty database in place of the last one. */
  newFile(): string {
    const path = join(this.#folder, 'shop.sqlite')
    for (const suffix of ['', '-wal', '-shm']) rmSync(`${path}${suffix}`, { force: true })
    copyFileSync(this.#empty, path)
    return path
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true })
  }

  get #empty(): string {
    return join(this.#folder, 'empty.sqlite')
  }
}

/** Statements that take no lock outside a transaction. */
const READS = /^(select|begin$|commit|rollback|pragma)/

const NEEDS_NO_SPACE = /^(select|begin|rollback|pragma)/

/** A connection, and what it is doing. */
interface Session {
  readonly db: Database
  /** Undefined while nobody uses it. */
  actor: Actor | undefined
  /** Whether a transaction is open. */
  isOpen: boolean
  connection: DatabaseConnection | undefined
  rollBack: () => void
}

export class Store {
  /** The simulation's own connection: its statements are no steps. */
  readonly sqlite: SqliteDatabase.Database
  /** While the disk is full, every write fails. */
  isFull = false
  readonly #path: string
  readonly #world: World
  #writer: Session | undefined
  readonly #sessions: Session[] = []
  readonly #idle: Session[] = []

  constructor(path: string, world: World) {
    this.#path = path
    this.#world = world
    this.sqlite = new SqliteDatabase(path)
  }

  rows<Row>(query: string, ...values: unknown[]): Row[] {
    return this.sqlite.prepare<unknown[], Row>(query).all(...values)
  }

  /** Opens a connection for the process or thread, which closes if it crashes. */
  connect(actor: Actor): Database {
    const session = this.#idle.pop() ?? this.#open(actor)
    session.actor = actor
    actor.onCrash.push(() => this.#abandon(session))
    return session.db
  }

  /** Keeps the connections of a process that has ended for later ones: opening one takes longer than its use. */
  disconnect(actor: Actor): void {
    for (const session of this.#sessions) {
      if (session.actor !== actor || session.isOpen) continue
      session.actor = undefined
      this.#idle.push(session)
    }
  }

  #open(actor: Actor): Session {
    const dialect: Dialect = sqliteDialect({ kind: 'sqlite', path: this.#path }, {})
    const createDriver = dialect.createDriver.bind(dialect)
    dialect.createDriver = () => {
      const driver = createDriver()
      const acquire = driver.acquireConnection.bind(driver)
      driver.acquireConnection = async () => {
        const connection = await acquire()
        if (session.connection !== connection) this.#makeSteps(session, connection)
        return connection
      }
      return driver
    }
    const db = new Kysely<Schema>({ dialect: watchingConnections(dialect) })
    const session: Session = { db, actor, isOpen: false, connection: undefined, rollBack: () => undefined }
    this.#sessions.push(session)
    return session
  }

  #abandon(session: Session): void {
    if (!session.actor) return
    if (session.isOpen) session.rollBack()
    this.#release(session)
    ignore(session.db.destroy())
  }

  async close(): Promise<void> {
    for (const { db } of this.#sessions) await db.destroy().catch(() => undefined)
    this.sqlite.close()
  }

  #makeSteps(session: Session, connection: DatabaseConnection): void {
    const execute = connection.executeQuery.bind(connection)
    session.connection = connection
    session.rollBack = () => ignore(execute(CompiledQuery.raw('rollback')))
    connection.executeQuery = async (query) => {
      const text = query.sql
      const { actor = this.#world.outside } = session
      await this.#world.step(actor, text.slice(0, 60))
      if (!session.isOpen && !READS.test(text)) await this.#waitForWriter(session, actor)
      try {
        if (this.isFull && !NEEDS_NO_SPACE.test(text)) {
          throw new SqliteDatabase.SqliteError('database or disk is full', 'SQLITE_FULL')
        }
        const result = await execute<never>(query)
        if (text.startsWith('begin')) session.isOpen = true
        if (text === 'commit' || text === 'rollback') session.isOpen = false
        return result
      } finally {
        if (!session.isOpen) this.#release(session)
      }
    }
  }

  /** Asks again and again, as SQLite does. Takes the place of the writer. */
  async #waitForWriter(session: Session, actor: Actor): Promise<void> {
    const since = this.#world.now
    while (this.#writer !== undefined && this.#writer !== session) {
      if (this.#world.now - since > BUSY_MS) throw new SqliteDatabase.SqliteError('database is locked', 'SQLITE_BUSY')
      await new Promise<void>((again) => {
        this.#world.schedule(actor, this.#world.dice.between(1, 100), 'busy', again)
      })
    }
    this.#writer = session
  }

  #release(session: Session): void {
    if (this.#writer === session) this.#writer = undefined
  }
}

/** For what a crashed process leaves behind. */
function ignore(work: Promise<unknown>): void {
  work.catch(() => undefined)
}
