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
import { rememberingErrors } from '../../src/database/thrown.js'
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

export class Store {
  /** The simulation's own connection: its statements are no steps. */
  readonly sqlite: SqliteDatabase.Database
  /** While the disk is full, every write fails. */
  isFull = false
  readonly #path: string
  readonly #world: World
  #writer: object | undefined
  readonly #opened: Database[] = []

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
    const dialect: Dialect = sqliteDialect({ kind: 'sqlite', path: this.#path }, {})
    const createDriver = dialect.createDriver.bind(dialect)
    dialect.createDriver = () => {
      const driver = createDriver()
      const acquire = driver.acquireConnection.bind(driver)
      let stepping: DatabaseConnection | undefined
      driver.acquireConnection = async () => {
        const connection = await acquire()
        if (stepping !== connection) this.#makeSteps(connection, actor)
        stepping = connection
        return connection
      }
      return driver
    }
    const db = new Kysely<Schema>({ dialect: rememberingErrors(dialect) })
    actor.onCrash.push(() => ignore(db.destroy()))
    this.#opened.push(db)
    return db
  }

  async close(): Promise<void> {
    for (const db of this.#opened) await db.destroy().catch(() => undefined)
    this.sqlite.close()
  }

  #makeSteps(connection: DatabaseConnection, actor: Actor): void {
    const execute = connection.executeQuery.bind(connection)
    let isOpen = false
    actor.onCrash.unshift(() => {
      if (isOpen) ignore(execute(CompiledQuery.raw('rollback')))
      this.#release(connection)
    })
    connection.executeQuery = async (query) => {
      const text = query.sql
      const isEnd = text === 'commit' || text === 'rollback'
      const isBegin = text.startsWith('begin')
      const writes = !isOpen && !/^(select|begin$|pragma|commit|rollback)/i.test(text)
      await this.#world.step(actor, text.slice(0, 60))
      if (writes) await this.#waitForWriter(connection, actor)
      if (this.isFull && text !== 'rollback' && !/^(select|begin|pragma)/i.test(text)) {
        if (!isOpen) this.#release(connection)
        throw new SqliteDatabase.SqliteError('database or disk is full', 'SQLITE_FULL')
      }
      try {
        const result = await execute<never>(query)
        if (isBegin) isOpen = true
        if (isEnd) isOpen = false
        return result
      } finally {
        if (!isOpen) this.#release(connection)
      }
    }
  }

  /** Asks again and again, as SQLite does. Takes the place of the writer. */
  async #waitForWriter(connection: object, actor: Actor): Promise<void> {
    const since = this.#world.now
    while (this.#writer !== undefined && this.#writer !== connection) {
      if (this.#world.now - since > BUSY_MS) throw new SqliteDatabase.SqliteError('database is locked', 'SQLITE_BUSY')
      await new Promise<void>((again) => {
        this.#world.schedule(actor, this.#world.dice.between(1, 100), 'busy', again)
      })
    }
    this.#writer = connection
  }

  #release(connection: object): void {
    if (this.#writer === connection) this.#writer = undefined
  }
}

/** For what a crashed process leaves behind. */
function ignore(work: Promise<unknown>): void {
  work.catch(() => undefined)
}
