// A shop for cut-point tests. The command under test reaches one of its servers through a proxy.

import { expect } from 'vitest'
import { rebuild } from '../../src/audit/rebuild.js'
import { createQueue } from '../../src/queue/create-queue.js'
import type { Queue } from '../../src/queue/queue.js'
import { findOrders } from '../../src/reports/orders.js'
import { chooseFailures, retryFailures } from '../../src/workflow/failures.js'
import type { Outcome } from '../support/cli.js'
import { EngineShop } from '../support/engine-shop.js'
import type { Protocol } from '../support/framing.js'
import { csv, line } from '../support/lines.js'
import { newSchema, postgresUrl } from '../support/postgres.js'
import { type CutPoint, CutProxy } from '../support/proxy.js'
import { deleteQueues, makeQueues, rabbitUrl } from '../support/rabbitmq.js'
import { randomPrefix, redisUrl, removeKeys } from '../support/redis.js'

/** More than the sum of a command's time limits, on a busy machine. */
const LIMIT_MS = 90_000

type Environment = Record<string, string>

/** A server, and the settings that lead the command to it. */
interface Target {
  readonly shop: EngineShop
  readonly url: string
  readonly settings: (url: string) => Environment
  readonly drop?: () => Promise<unknown>
}

/** One server, by what it is used for. */
export interface Role {
  readonly name: string
  readonly protocol: Protocol
  /** Messages that open a connection, before the command's own. */
  readonly openingMessages: number
  /**
   * The last message of a connection to the database; undefined for a queue. Statements on the database have no time
   * limit, since a large one takes as long as it takes; all other requests have one.
   */
  readonly goodbye?: RegExp
  open(): Promise<Target>
}

function databaseRole(engine: 'postgres' | 'mysql', rest: Pick<Role, 'name' | 'openingMessages' | 'goodbye'>): Role {
  return {
    ...rest,
    protocol: engine,
    open: async () => {
      const shop = await EngineShop.open(engine)
      return { shop, url: shop.databaseUrl, settings: (url) => ({ ORDERCTL_DATABASE_URL: url }) }
    },
  }
}

/** A queue of a shop on SQLite. */
function queueRole(rest: Omit<Role, 'open'>, openQueue: () => Promise<Omit<Target, 'shop'>>): Role {
  return { ...rest, open: async () => ({ shop: await EngineShop.open('sqlite'), ...(await openQueue()) }) }
}

export const ROLES: readonly Role[] = [
  databaseRole('postgres', { name: 'PostgreSQL', openingMessages: 20, goodbye: /^X\0{3}.$/ }),
  databaseRole('mysql', { name: 'MySQL', openingMessages: 7, goodbye: /^.\0{3}.$/s }),
  queueRole({ name: 'Redis queue and reports', protocol: 'redis', openingMessages: 10 }, async () => {
    const prefix = randomPrefix()
    const settings = (at: string) => ({
      ORDERCTL_QUEUE_URL: at,
      ORDERCTL_REDIS_URL: at,
      ORDERCTL_REDIS_PREFIX: prefix,
    })
    return { url: `${redisUrl}`, settings, drop: () => removeKeys(`${redisUrl}`, prefix) }
  }),
  queueRole({ name: 'PostgreSQL queue', protocol: 'postgres', openingMessages: 25 }, async () => {
    const { schema, drop } = newSchema()
    const settings = (at: string) => ({ ORDERCTL_QUEUE_URL: at, ORDERCTL_QUEUE_SCHEMA: schema })
    return { url: `${postgresUrl}`, settings, drop }
  }),
  queueRole({ name: 'RabbitMQ queue', protocol: 'amqp', openingMessages: 17 }, async () => {
    const queues = await makeQueues()
    const settings = (at: string) => ({ ORDERCTL_QUEUE_URL: at, ORDERCTL_QUEUE_NAME: queues })
    return { url: rabbitUrl(), settings, drop: () => deleteQueues(queues) }
  }),
]

/** Charges are declined, so that the same orders can be retried again. */
const SETTINGS: Environment = { ORDERCTL_PAYMENT_SUCCESS_RATE: '0', ORDERCTL_LEASE_MS: '1000', CI: '1' }

export const ORDERS = ['A-1', 'A-2', 'A-3']

export class Site {
  readonly shop: EngineShop
  readonly queue: Queue
  readonly #role: Role
  readonly #target: Target
  #files = 0
  #importMessages: number | undefined

  private constructor(role: Role, target: Target, queue: Queue) {
    this.shop = target.shop
    this.queue = queue
    this.#role = role
    this.#target = target
  }

  static async open(role: Role): Promise<Site> {
    const target = await role.open()
    const environment = { ...SETTINGS, ...target.settings(target.url) }
    const { shop } = target
    const queue = await createQueue(shop.db, shop.config(environment))
    const site = new Site(role, target, queue)
    await shop.importing(csv(line({ order: 'S-1' }), line({ order: 'S-2' })), environment)
    const sold = await shop.runWith({ ...environment, ORDERCTL_PAYMENT_SUCCESS_RATE: '1' }, 'work', '--drain')
    if (sold.code !== 0) throw new Error(sold.stderr)
    await shop.importing(csv(...ORDERS.map((order) => line({ order }))), environment)
    return site
  }

  /** Runs the binary without the proxy. */
  run(...args: string[]): Promise<Outcome> {
    return this.shop.runWith({ ...SETTINGS, ...this.#target.settings(this.#target.url) }, ...args)
  }

  /** Runs the binary through the proxy, and kills it if it does not end. */
  async runCut(args: readonly string[], cut?: CutPoint) {
    const proxy = await CutProxy.cutting(this.#role.protocol, this.#target.url, cut)
    const running = this.shop.start({ ...SETTINGS, ...this.#target.settings(proxy.url) }, ...args)
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
    return file
  }

  async countOrders(file: string): Promise<number> {
    const [, number] = /orders-(\d+)/.exec(file) ?? []
    return Number(await this.shop.value(`select count(*) from orders where reference like 'F-${number}-%'`))
  }

  /** Settles every order, also those that are not in the queue. */
  async drain(): Promise<void> {
    await this.queue.resume()
    await rebuild(this.shop.db, this.queue, 'queue', 'UTC')
    expect(await this.run('work', '--drain')).toMatchObject({ code: 0 })
  }

  async retry(): Promise<void> {
    const orders = await findOrders(this.shop.db, ORDERS, 'default')
    const { ids } = await chooseFailures(this.shop.db, 'retry', { ids: orders.map(({ id }) => id) })
    await retryFailures(this.shop.db, this.queue, ids)
  }

  async close(): Promise<void> {
    await this.queue.close()
    await this.shop.close()
    await this.#target.drop?.()
  }
}
