// A shop on any of the databases, so that one test covers them all.

import { sql } from 'kysely'
import { test as plainTest } from 'vitest'
import type { Engine } from '../../src/database/engine.js'
import { Cli, opened } from './cli.js'
import { describeOnServers, describeUnless, makeDatabase, type ServerEngine, type SuiteOptions } from './servers.js'

export class EngineShop extends Cli {
  readonly engine: Engine
  override readonly databaseUrl: string

  private constructor(engine: Engine, url?: string) {
    super()
    this.engine = engine
    this.databaseUrl = url ?? `sqlite:${this.folder}/orders.sqlite`
  }

  /** A shop whose database has its tables. */
  static async open(engine: Engine): Promise<EngineShop> {
    const shop = await EngineShop.openEmpty(engine)
    await shop.migrate()
    return shop
  }

  /** A shop whose database is empty. */
  static async openEmpty(engine: Engine, nameSuffix = ''): Promise<EngineShop> {
    if (engine === 'sqlite') return new EngineShop(engine)
    return new EngineShop(engine, await makeDatabase(engine, { suffix: nameSuffix }))
  }

  /** A shop on an existing database, which gets its tables. */
  static async at(engine: ServerEngine, url: string): Promise<EngineShop> {
    const shop = new EngineShop(engine, url)
    await shop.migrate()
    return shop
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

  async statuses(): Promise<Record<string, number>> {
    const counted = await this.rows('select status, count(*) as orders from orders group by status')
    return Object.fromEntries(counted.map(({ status, orders }) => [String(status), Number(orders)]))
  }
}

function testOn(engine: Engine) {
  return plainTest.extend<{ shop: EngineShop; newShop: EngineShop }>({
    shop: opened(() => EngineShop.open(engine)),
    newShop: opened(() => EngineShop.openEmpty(engine)),
  })
}

/** Tests with a shop of their own. */
type Body<E extends Engine> = (test: ReturnType<typeof testOn>, engine: E) => void

/** The same tests on a SQLite file, PostgreSQL, and MySQL or MariaDB. */
export function describeOnEngines(name: string, body: Body<Engine>, options?: SuiteOptions): void {
  describeUnless(undefined, `SQLite: ${name}`, () => body(testOn('sqlite'), 'sqlite'), options)
  describeOnServerEngines(name, body, options)
}

export function describeOnServerEngines(name: string, body: Body<ServerEngine>, options?: SuiteOptions): void {
  describeOnServers(name, (engine) => body(testOn(engine), engine), options)
}
