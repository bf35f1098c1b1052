// A place for tests through the real binary, on any of the databases: what a test says is then said of all of them.
import { sql } from 'kysely'
import { expect, test as plainTest } from 'vitest'
import { type Database, openOrCreateDatabase } from '../../src/database/connection.js'
import type { Engine } from '../../src/database/engine.js'
import { readDatabaseAddress } from '../../src/servers/addresses.js'
import { describeOnServers, makeDatabase, type ServerEngine } from './database-servers.js'
import { describeUnless, type SuiteOptions } from './servers.js'
import { expectAuditClean, WorkFolder } from './workplace.js'

export class EnginePlace extends WorkFolder {
  readonly engine: Engine
  override readonly databaseUrl: string
  #db: Database | undefined

  private constructor(engine: Engine, url: string | undefined) {
    super()
    this.engine = engine
    this.databaseUrl = url ?? `sqlite:${this.folder}/orders.sqlite`
  }

  /** A place whose database has its tables, and no rows. */
  static async open(engine: Engine): Promise<EnginePlace> {
    const place = await EnginePlace.openEmpty(engine)
    await place.migrate()
    return place
  }

  /** A place with a database that nobody has used yet. */
  static async openEmpty(engine: Engine, nameSuffix = ''): Promise<EnginePlace> {
    if (engine === 'sqlite') return new EnginePlace(engine, undefined)
    return new EnginePlace(engine, await makeDatabase(engine, { suffix: nameSuffix }))
  }

  /** A place with a database that is there already; it gets its tables. */
  static async at(engine: ServerEngine, url: string): Promise<EnginePlace> {
    const place = new EnginePlace(engine, url)
    await place.migrate()
    return place
  }

  async migrate(): Promise<void> {
    this.#db = await openOrCreateDatabase(readDatabaseAddress(this.databaseUrl))
  }

  /** The database over connections of the test's own. */
  get db(): Database {
    if (!this.#db) throw new Error('the database has no tables yet')
    return this.#db
  }

  /** The statement must be one that all databases under test know. */
  async rows(statement: string): Promise<Record<string, unknown>[]> {
    const { rows } = await sql.raw<Record<string, unknown>>(statement).execute(this.db)
    return rows.map((row) => ({ ...row }))
  }

  /** The first column of the first row. */
  async value(query: string): Promise<unknown> {
    return Object.values((await this.rows(query))[0] ?? {})[0]
  }

  /** How many orders have each status. */
  async statuses(): Promise<Record<string, number>> {
    const counted = await this.rows('select status, count(*) as orders from orders group by status')
    return Object.fromEntries(counted.map(({ status, orders }) => [String(status), Number(orders)]))
  }

  /** Imports the text as a file. @throws where the exit code is not 0 */
  async importing(content: string, environment: Record<string, string> = {}, ...flags: string[]): Promise<void> {
    const { code, stderr } = await this.runWith(environment, 'import', this.file('orders.csv', content), ...flags)
    expect(code, stderr).toBe(0)
  }

  expectAuditClean(): Promise<void> {
    return expectAuditClean(this.db)
  }

  override async close(): Promise<void> {
    await this.#db?.destroy()
    super.close()
  }
}

function testOn(engine: Engine) {
  return plainTest.extend<{ place: EnginePlace; emptyPlace: EnginePlace }>({
    // biome-ignore lint/correctness/noEmptyPattern: Vitest reads from it that the fixture needs no other.
    place: async ({}, use) => {
      const place = await EnginePlace.open(engine)
      await use(place)
      await place.close()
    },
    // biome-ignore lint/correctness/noEmptyPattern: as above.
    emptyPlace: async ({}, use) => {
      const place = await EnginePlace.openEmpty(engine)
      await use(place)
      await place.close()
    },
  })
}

/** Tests with a place of their own on the engine. */
export type EngineTest = ReturnType<typeof testOn>

/** The same tests on a SQLite file, PostgreSQL, and MySQL or MariaDB. */
export function describeOnEngines(
  name: string,
  body: (test: EngineTest, engine: Engine) => void,
  options: SuiteOptions = {},
): void {
  describeUnless(undefined, `SQLite: ${name}`, () => body(testOn('sqlite'), 'sqlite'), options)
  describeOnServerEngines(name, body, options)
}

/** On the servers alone. */
export function describeOnServerEngines(
  name: string,
  body: (test: EngineTest, engine: ServerEngine) => void,
  options: SuiteOptions = {},
): void {
  describeOnServers(name, (engine) => body(testOn(engine), engine), options)
}
