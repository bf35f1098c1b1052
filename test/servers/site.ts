// A shop for cut-point tests. The command under test reaches one of its servers through a proxy.

import { expect } from 'vitest'
import type { Engine } from '../../src/database/engine.js'
import type { Outcome } from '../support/cli.js'
import { EngineShop } from '../support/engine-shop.js'
import type { Protocol } from '../support/framing.js'
import { csv, line } from '../support/lines.js'
import { type CutPoint, CutProxy } from '../support/proxy.js'
import { onPostgres, onRabbitMq, onRedis } from '../support/queue-drivers.js'
import type { Driver } from '../support/queue-scene.js'
import { serverUrl } from '../support/servers.js'

/** More than the sum of a command's time limits, on a busy machine. */
const LIMIT_MS = 90_000

type Environment = Record<string, string>

/** One server, by what it is used for. */
export interface Role {
  readonly name: string
  /** The shop's database. */
  readonly engine: Engine
  readonly protocol: Protocol
  /** Messages that open a connection, before the command's own. */
  readonly openingMessages: number
  /**
   * The last message of a connection to the database; undefined for a queue. Statements on the database have no time
   * limit, since a large one takes as long as it takes; all other requests have one.
   */
  readonly goodbye?: RegExp
  /** Makes a queue on the server. */
  start?(): Promise<Queued>
}

type Queued = Pick<Driver, 'environment' | 'close'>

async function queueAndReports(): Promise<Queued> {
  const { environment, close } = await onRedis()
  return { environment: { ...environment, ORDERCTL_REDIS_URL: serverUrl('redis') }, close }
}

const queue = { engine: 'sqlite' } as const

export const ROLES: readonly Role[] = [
  { name: 'PostgreSQL', engine: 'postgres', protocol: 'postgres', openingMessages: 20, goodbye: /^X\0{3}.$/ },
  { name: 'MySQL', engine: 'mysql', protocol: 'mysql', openingMessages: 7, goodbye: /^.\0{3}.$/s },
  { name: 'Redis queue and reports', ...queue, protocol: 'redis', openingMessages: 10, start: queueAndReports },
  { name: 'PostgreSQL queue', ...queue, protocol: 'postgres', openingMessages: 25, start: () => onPostgres() },
  { name: 'RabbitMQ queue', ...queue, protocol: 'amqp', openingMessages: 17, start: () => onRabbitMq() },
]

/** Charges are declined, so that the same orders can be retried again. */
const SETTINGS: Environment = { ORDERCTL_PAYMENT_SUCCESS_RATE: '0', ORDERCTL_LEASE_MS: '1000', CI: '1' }

export const ORDERS = ['A-1', 'A-2', 'A-3']

export class Site {
  readonly shop: EngineShop
  readonly #protocol: Protocol
  /** The settings that lead a command to the server. */
  readonly #environment: Environment
  readonly #closeQueue: Queued['close'] | undefined
  #files = 0
  #importMessages: number | undefined

  private constructor(role: Role, shop: EngineShop, environment: Environment, queued?: Queued) {
    this.shop = shop
    this.#protocol = role.protocol
    this.#environment = environment
    this.#closeQueue = queued?.close
  }

  static async open(role: Role): Promise<Site> {
    const shop = await EngineShop.open(role.engine)
    const queued = await role.start?.()
    const environment = { ...SETTINGS, ...(queued?.environment ?? { ORDERCTL_DATABASE_URL: shop.databaseUrl }) }
    const site = new Site(role, shop, environment, queued)
    await shop.importing(csv(line({ order: 'S-1' }), line({ order: 'S-2' })), environment)
    const sold = await shop.runWith({ ...environment, ORDERCTL_PAYMENT_SUCCESS_RATE: '1' }, 'work', '--drain')
    if (sold.code !== 0) throw new Error(sold.stderr)
    await shop.importing(csv(...ORDERS.map((order) => line({ order }))), environment)
    return site
  }

  /** Runs the binary without the proxy. */
  run(...args: string[]): Promise<Outcome> {
    return this.shop.runWith(this.#environment, ...args)
  }

  /** Runs the binary through the proxy, and kills it if it does not end. */
  async runCut(args: readonly string[], cut?: CutPoint) {
    const urls = Object.entries(this.#environment).filter(([name]) => name.endsWith('_URL'))
    const proxy = await new CutProxy(this.#protocol, `${urls[0]?.[1]}`, cut).listen()
    const cutting = Object.fromEntries(urls.map(([name]) => [name, proxy.url]))
    const running = this.shop.start({ ...this.#environment, ...cutting }, ...args)
    let hung = false
    const limit = setTimeout(() => {
      hung = true
      running.child.kill('SIGKILL')
    }, LIMIT_MS)
    const outcome = await running.ended
    clearTimeout(limit)
    proxy.close()
    return { ...outcome, hung, messages: proxy.messages }
  }

  /** A file of two new orders. */
  newFile(): string {
    this.#files += 1
    const orders = [1, 2].map((number) => line({ order: `F-${this.#files}-${number}` }))
    return this.shop.file(`orders-${this.#files}.csv`, csv(...orders))
  }

  /** A file whose import lost its connection after it had stored a part. */
  async unfinishedImport(): Promise<string> {
    this.#importMessages ??= (await this.runCut(['import', this.newFile()])).messages.length
    const file = this.newFile()
    const at = Math.floor(this.#importMessages * 0.7)
    await this.runCut(['import', file], { at, when: 'after', loss: 'reset' })
    await this.shop.endLeases()
    return file
  }

  async countOrders(file: string): Promise<number> {
    const [, number] = /orders-(\d+)/.exec(file) ?? []
    return Number(await this.shop.value(`select count(*) from orders where reference like 'F-${number}-%'`))
  }

  /** Settles every order, also those that are not in the queue. */
  async drain(): Promise<void> {
    for (const command of ['queue resume', 'rebuild queue', 'work --drain'])
      expect(await this.run(...command.split(' ')), command).toMatchObject({ code: 0 })
  }

  async close(): Promise<void> {
    await this.shop.close()
    await this.#closeQueue?.()
  }
}
