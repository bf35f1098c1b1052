// A shop for cut-point tests: one server of it is reached through a proxy by the command under test, and directly by the test.

import { rebuild } from '../../src/audit/rebuild.js'
import { createGateway } from '../../src/payments/create-gateway.js'
import { createQueue } from '../../src/queue/create-queue.js'
import type { Queue } from '../../src/queue/queue.js'
import { findOrders } from '../../src/reports/orders.js'
import { processBatch } from '../../src/workflow/batch.js'
import { chooseFailures, retryFailures } from '../../src/workflow/failures.js'
import { type CutPoint, CutProxy } from '../support/cut-proxy.js'
import { EnginePlace } from '../support/engine-place.js'
import type { Protocol } from '../support/framing.js'
import { newSchema, postgresUrl } from '../support/postgres.js'
import { deleteQueues, makeQueues, rabbitUrl } from '../support/rabbitmq.js'
import { randomPrefix, redisUrl, removeKeys } from '../support/redis.js'
import { csv, line, type Outcome } from '../support/workplace.js'

/** What a command may take that has lost its server: more than the sum of its time limits on a busy machine. */
const LIMIT_MS = 90_000

type Environment = Record<string, string>

/** One server, by what it is there for. */
export interface Role {
  readonly name: string
  readonly protocol: Protocol
  /** Messages in which a connection is made and prepared, before the command's own begin. */
  readonly openingMessages: number
  /**
   * The message that a connection to the database ends with; undefined for a queue. A statement on the database has no time
   * limit, since a large one takes as long as it takes; every other answer has one.
   */
  readonly goodbye?: RegExp
  /** The shop, what names the server, and what removes it. */
  open(): Promise<{
    place: EnginePlace
    url: string
    named: (url: string) => Environment
    drop?: () => Promise<unknown>
  }>
}

export const ROLES: readonly Role[] = [
  {
    name: 'PostgreSQL',
    protocol: 'postgres',
    openingMessages: 20,
    goodbye: /^X\0{3}.$/,
    open: () => onDatabase('postgres'),
  },
  {
    name: 'MySQL',
    protocol: 'mysql',
    openingMessages: 7,
    goodbye: /^.\0{3}.$/s,
    open: () => onDatabase('mysql'),
  },
  {
    name: 'Redis queue and reports',
    protocol: 'redis',
    openingMessages: 10,
    open: async () => {
      const prefix = randomPrefix()
      const named = (url: string) => ({
        ORDERCTL_QUEUE_URL: url,
        ORDERCTL_REDIS_URL: url,
        ORDERCTL_REDIS_PREFIX: prefix,
      })
      const url = `${redisUrl}`
      return { place: await EnginePlace.open('sqlite'), url, named, drop: () => removeKeys(url, prefix) }
    },
  },
  {
    name: 'PostgreSQL queue',
    protocol: 'postgres',
    openingMessages: 25,
    open: async () => {
      const { schema, drop } = newSchema()
      const named = (url: string) => ({ ORDERCTL_QUEUE_URL: url, ORDERCTL_QUEUE_SCHEMA: schema })
      return { place: await EnginePlace.open('sqlite'), url: `${postgresUrl}`, named, drop }
    },
  },
  {
    name: 'RabbitMQ queue',
    protocol: 'amqp',
    openingMessages: 17,
    open: async () => {
      const queues = await makeQueues()
      const named = (url: string) => ({ ORDERCTL_QUEUE_URL: url, ORDERCTL_QUEUE_NAME: queues })
      return { place: await EnginePlace.open('sqlite'), url: rabbitUrl(), named, drop: () => deleteQueues(queues) }
    },
  },
]

async function onDatabase(engine: 'postgres' | 'mysql') {
  const place = await EnginePlace.open(engine)
  return { place, url: place.databaseUrl, named: (url: string) => ({ ORDERCTL_DATABASE_URL: url }) }
}

/** A gateway that declines, so that the same orders can be retried and processed again and again. Leases of the dead end soon. */
const SETTINGS: Environment = { ORDERCTL_PAYMENT_SUCCESS_RATE: '0', ORDERCTL_LEASE_MS: '1000', CI: '1' }

/** Orders that are in the shop from the beginning, and that preparations put into another state. */
export const ORDERS = ['A-1', 'A-2', 'A-3']

const STANDARD_PORTS = { postgres: 5432, mysql: 3306, redis: 6379, amqp: 5672 }

export class Site {
  readonly role: Role
  readonly place: EnginePlace
  readonly queue: Queue
  readonly #opened: Awaited<ReturnType<Role['open']>>
  #files = 0
  #importMessages: number | undefined

  private constructor(role: Role, opened: Awaited<ReturnType<Role['open']>>, queue: Queue) {
    this.role = role
    this.place = opened.place
    this.queue = queue
    this.#opened = opened
  }

  static async open(role: Role): Promise<Site> {
    const opened = await role.open()
    const environment = { ...SETTINGS, ...opened.named(opened.url) }
    const { place } = opened
    const queue = await createQueue(place.db, place.config(environment))
    const site = new Site(role, opened, queue)
    await place.importing(csv(line({ order: 'S-1' }), line({ order: 'S-2' })), environment)
    const sold = await place.runWith({ ...environment, ORDERCTL_PAYMENT_SUCCESS_RATE: '1' }, 'work', '--drain')
    if (sold.code !== 0) throw new Error(sold.stderr)
    await place.importing(csv(...ORDERS.map((order) => line({ order }))), environment)
    return site
  }

  /** Runs the binary with nothing in its way. */
  run(...args: string[]): Promise<Outcome> {
    return this.place.runWith({ ...SETTINGS, ...this.#opened.named(this.#opened.url) }, ...args)
  }

  /** Runs the binary through a proxy, and kills it where it does not end. */
  async runCut(args: readonly string[], cut?: CutPoint) {
    const server = new URL(this.#opened.url)
    const { protocol } = this.role
    const target = { protocol, host: server.hostname, port: Number(server.port || STANDARD_PORTS[protocol]) }
    const proxy = await CutProxy.open(target, cut)
    const through = Object.assign(new URL(server), { hostname: '127.0.0.1', port: String(proxy.port) }).href
    const began = performance.now()
    const running = this.place.start({ ...SETTINGS, ...this.#opened.named(through) }, ...args)
    let hung = false
    const limit = setTimeout(() => {
      hung = true
      running.child.kill('SIGKILL')
    }, LIMIT_MS)
    const outcome = await running.ended
    clearTimeout(limit)
    proxy.close()
    return { ...outcome, hung, ms: performance.now() - began, wasCut: proxy.hasCut, messages: proxy.messages }
  }

  /** A file of two new orders. */
  newFile(): string {
    this.#files += 1
    const orders = [1, 2].map((number) => line({ order: `F-${this.#files}-${number}` }))
    return this.place.file(`orders-${this.#files}.csv`, csv(...orders))
  }

  /** A file whose import lost its connection when some of it was stored. */
  async unfinishedImport(): Promise<string> {
    this.#importMessages ??= (await this.runCut(['import', this.newFile()])).messages.length
    const file = this.newFile()
    const at = Math.floor(this.#importMessages * 0.7)
    await this.runCut(['import', file], { at, when: 'after', loss: 'reset' })
    return file
  }

  /** Of a file that newFile() made. */
  async countOrders(file: string): Promise<number> {
    const [, number] = /orders-(\d+)/.exec(file) ?? []
    return Number(await this.place.value(`select count(*) from orders where reference like 'F-${number}-%'`))
  }

  /** Works in this process, also on what `queue clear` took out of the queue, until nothing is left: every order of the shop is then sold, or declined and free to be retried. */
  async drain(): Promise<void> {
    await rebuild(this.place.db, this.queue, 'queue', 'UTC')
    const config = this.place.config(SETTINGS)
    const gateway = createGateway(config)
    const consumer = this.queue.consume(
      async (ids) => {
        const { claimed } = await processBatch(this.place.db, gateway, ids, {
          claim: { leaseMs: config['workflow.leaseMs'], reservationTtlMs: 900_000 },
          charge: { inFlight: 5, timeoutMs: 10_000 },
          settle: { attempts: 3 },
        })
        return claimed
      },
      { concurrency: 2, batchSize: 100, signal: new AbortController().signal, drain: true, onNotice: () => undefined },
    )
    await consumer.ended
  }

  /** The orders wait in the queue again. */
  async retry(): Promise<void> {
    const orders = await findOrders(this.place.db, ORDERS, 'default')
    const { ids } = await chooseFailures(this.place.db, 'retry', { ids: orders.map(({ id }) => id) })
    await retryFailures(this.place.db, this.queue, ids)
  }

  async close(): Promise<void> {
    await this.queue.close()
    await this.place.close()
    await this.#opened.drop?.()
  }
}
