// A shop with its provider, its receiver and its queue, which can go back to an earlier state, also of another lane.
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { sql } from 'kysely'
import { connect } from '../../src/database/connection.js'
import type { Engine } from '../../src/database/engine.js'
import { isMigrated } from '../../src/database/migrations.js'
import { readDatabaseAddress } from '../../src/servers/addresses.js'
import { Cli, type Outcome } from '../support/cli.js'
import { type LedgerEntry, Provider } from '../support/provider.js'
import { Receiver } from '../support/receiver.js'
import type { Rows } from './books.js'
import { type KeptDatabase, keptDatabase } from './kept-database.js'
import { FILES, type Step } from './scenario.js'

/** What happens to one call of a command: preloaded/failpoints.js. */
export interface Failpoint {
  readonly at: number
  readonly fault: string
}

/** A queue, and how its server forgets everything. */
export interface Queue {
  readonly environment: Readonly<Record<string, string>>
  forget(): Promise<unknown>
  close(): Promise<unknown>
}

export interface State {
  /** Copy of the folder, and the folder itself, which imports name. */
  readonly copy: string
  readonly folder: string
  readonly database: string
  readonly ledger: string
}

/** A run that takes longer has hung. */
const LIMIT_MS = 240_000

const FAILPOINTS = pathToFileURL(join(import.meta.dirname, '../support/preloaded/failpoints.js'))

/** Ends every lease and every pause, as time would. */
const TIME_PASSES = [
  'update due_orders set due_at = 0',
  'update refunds set due_at = 0 where due_at is not null',
  "update events set next_at = 0 where state = 'waiting'",
  'update imports set lease_until = 0 where ended_at is null',
  'update schedule_runs set lease_until = 0 where ended_at is null',
]

const IN_PROGRESS = `select (select count(*) from due_orders) + (select count(*) from refunds where due_at is not null)
  + (select count(*) from events where state = 'waiting') as total`

export class Lane extends Cli {
  readonly receiver: Receiver
  readonly #provider: Provider
  readonly #queue: Queue
  readonly #kept = `${this.folder}-kept`
  #database: KeptDatabase = { url: '', keep: async () => '', restore: async () => undefined }
  #options = ''
  #step: Step = { name: '', args: [] }

  private constructor(provider: Provider, receiver: Receiver, queue: Queue) {
    super()
    this.#provider = provider
    this.receiver = receiver
    this.#queue = queue
    mkdirSync(this.#kept)
  }

  static async open(engine: Engine, openQueue: () => Promise<Queue>): Promise<Lane> {
    const lane = new Lane(await Provider.reserve(), await Receiver.open(), await openQueue())
    lane.#database = await keptDatabase(engine, join(lane.folder, 'orders.sqlite'))
    for (const [name, content] of Object.entries(FILES)) lane.file(name, content)
    return lane
  }

  get databaseUrl(): string {
    return this.#database.url
  }

  override get environment(): Record<string, string> {
    const servers = { ...this.#provider.environment, ...this.receiver.environment, ...this.#queue.environment }
    const limits = { ORDERCTL_BATCH_SIZE: '4', ORDERCTL_ATTEMPTS: '2' }
    return { ...super.environment, ...servers, ...limits, ...this.#step.environment }
  }

  /** The provider's ledger. */
  get entries(): readonly LedgerEntry[] {
    return this.#provider.entries
  }

  /** Prepares the next run. The provider behaves as the step says, and has the ledger. */
  async begin(step: Step, ledger = this.#ledger): Promise<void> {
    this.#step = step
    const options = step.provider ?? ['--decline', '0.3']
    if (this.#options === options.join(' ') && this.#ledger === ledger) return
    await this.#provider.stop()
    mkdirSync(join(this.#provider.ledger, '..'), { recursive: true })
    writeFileSync(this.#provider.ledger, ledger)
    await this.#provider.restart(...options)
    this.#options = options.join(' ')
  }

  /** Runs the step in a process of its own. @returns its end, and the lines that its calls logged */
  async runStep(failpoint?: Failpoint): Promise<Outcome & { readonly calls: string[] }> {
    const { args, endless = [] } = this.#step
    const log = join(this.#kept, 'calls')
    rmSync(log, { force: true })
    const failpoints = JSON.stringify({ log, ...failpoint })
    const options = { NODE_OPTIONS: `--import ${FAILPOINTS}`, TEST_FAILPOINTS: failpoints }
    const running = this.start(options, ...args, ...(failpoint?.fault === 'errors' ? endless : []))
    const limit = setTimeout(() => running.child.kill('SIGABRT'), LIMIT_MS)
    const outcome = await running.ended
    clearTimeout(limit)
    return { ...outcome, calls: readFileSync(log, 'utf8').split('\n').slice(0, -1) }
  }

  letTimePass(): Promise<void> {
    return this.change(TIME_PASSES)
  }

  async change(statements: readonly string[]): Promise<void> {
    await this.ask(async (rows) => {
      for (const statement of statements) await rows(statement)
    }, undefined)
  }

  /** Works until nothing is in progress, or until nothing more can be done about it. */
  async recover(): Promise<void> {
    for (let tries = 0; tries < 2; tries++) {
      await this.letTimePass()
      if ((await this.count(IN_PROGRESS)) === 0) return
      await this.runWith({}, 'work', '--drain', '--concurrency', '1')
    }
  }

  async count(query: string): Promise<number> {
    const [row = {}] = await this.ask((rows) => rows(query), [])
    return Number(Object.values(row)[0] ?? 0)
  }

  async keep(name: string): Promise<State> {
    const copy = join(this.#kept, name)
    rmSync(copy, { recursive: true, force: true })
    cpSync(this.folder, copy, { recursive: true })
    return { copy, folder: this.folder, database: await this.#database.keep(name), ledger: this.#ledger }
  }

  async restore({ copy, folder, database }: State): Promise<void> {
    for (const name of readdirSync(this.folder)) rmSync(join(this.folder, name), { recursive: true })
    cpSync(copy, this.folder, { recursive: true })
    await this.#database.restore(database)
    await this.#queue.forget()
    if (folder === this.folder) return
    const moved = ['file', 'rejects_file'].map(
      (column) => `${column} = replace(${column}, '${folder}', '${this.folder}')`,
    )
    await this.ask((rows) => rows(`update imports set ${moved.join(', ')}`), [])
  }

  /** @param otherwise the answer without tables */
  async ask<Answer>(question: (rows: Rows) => Promise<Answer>, otherwise: Answer): Promise<Answer> {
    const address = readDatabaseAddress(this.databaseUrl)
    if (address.kind === 'sqlite' && !existsSync(address.path)) return otherwise
    const db = await connect(address, { connections: 1 })
    try {
      if (!(await isMigrated(db))) return otherwise
      return await question(async (statement) => (await sql.raw<Record<string, unknown>>(statement).execute(db)).rows)
    } finally {
      await db.destroy()
    }
  }

  get #ledger(): string {
    return existsSync(this.#provider.ledger) ? readFileSync(this.#provider.ledger, 'utf8') : ''
  }

  override async close(): Promise<void> {
    await this.#provider.close()
    await this.receiver.close()
    await this.#queue.close()
    rmSync(this.#kept, { recursive: true, force: true })
    await super.close()
  }
}
