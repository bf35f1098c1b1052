// A queue on a server. A message is a batch of order ids and nothing else. If the server loses it, idle workers find
// the orders in the database.
import type { Database } from '../database/connection.js'
import { inBatches } from '../domain/batches.js'
import type { OrderId } from '../domain/ids.js'
import { EXIT, UserError } from '../errors.js'
import { withdrawDue } from './due-orders.js'
import type { ConsumeOptions, Consumer, DeliveryHandler, PauseSwitch, Queue, QueueCounts } from './queue.js'
import { ServerConsumer } from './server-consumer.js'
import type { Link, SendOptions, Transport } from './transport.js'

/** Number of batches that are sent to the server together. */
const BATCHES_AT_ONCE = 200

interface ServerQueueSettings {
  /** Maximum number of orders in a batch. */
  readonly batchSize: number
  readonly leaseMs: number
}

export class ServerQueue implements Queue {
  readonly #db: Database
  readonly #transport: Transport
  readonly #settings: ServerQueueSettings
  #link: Promise<Link> | undefined

  constructor(db: Database, transport: Transport, settings: ServerQueueSettings) {
    this.#db = db
    this.#transport = transport
    this.#settings = settings
  }

  get driver(): string {
    return this.#transport.driver
  }

  async connect(): Promise<void> {
    await this.#ask((link) => link.check())
  }

  publish(ids: readonly OrderId[], delayMs = 0): Promise<void> {
    return this.#send(ids, { delayMs, round: 0 })
  }

  /** A round lasts as long as a lease, so that the polls of idle workers store a batch once. */
  republish(ids: readonly OrderId[]): Promise<void> {
    return this.#send(ids, { delayMs: 0, round: Math.floor(Date.now() / this.#settings.leaseMs) })
  }

  async #send(ids: readonly OrderId[], options: SendOptions): Promise<void> {
    const batches = inBatches(ids, this.#settings.batchSize)
    try {
      for (const some of inBatches(batches, BATCHES_AT_ONCE)) await this.#ask((link) => link.send(some, options))
    } catch (error) {
      if (!(error instanceof UserError && error.exit === EXIT.unreachable)) throw error
      const problem = {
        code: 'not_published',
        message: `The orders are stored and due, but not published: ${error.message}`,
        fix: `No order is lost: idle workers find these orders in the database. To publish them at once when ${this.#transport.name} is back: orderctl rebuild queue`,
        retryable: true,
        exit: EXIT.unreachable,
      }
      throw new UserError(problem, { cause: error })
    }
  }

  consume(handler: DeliveryHandler, options: ConsumeOptions): Consumer {
    const { leaseMs } = this.#settings
    return new ServerConsumer({ queue: this, db: this.#db, transport: this.#transport, leaseMs }, handler, options)
  }

  pause(): Promise<void> {
    return this.#switch((pauseSwitch) => pauseSwitch.pause())
  }

  resume(): Promise<void> {
    return this.#switch((pauseSwitch) => pauseSwitch.resume())
  }

  isPaused(): Promise<boolean> {
    return this.#switch((pauseSwitch) => pauseSwitch.isPaused())
  }

  /** Removes the orders before the batches, so a batch that is left over finds no due order. */
  async clear(): Promise<number> {
    await this.connect()
    const cleared = await withdrawDue(this.#db)
    await this.#ask((link) => link.purge())
    return cleared
  }

  async counts(): Promise<QueueCounts> {
    return { unit: 'batches', ...(await this.#ask((link) => link.counts())) }
  }

  async close(): Promise<void> {
    const link = await this.#link?.catch(() => undefined)
    this.#link = undefined
    await link?.close()
  }

  #switch<Answer>(use: (pauseSwitch: PauseSwitch) => Promise<Answer>): Promise<Answer> {
    const { pauseSwitch } = this.#transport
    return pauseSwitch ? use(pauseSwitch) : this.#ask((link) => use(link.pauseSwitch))
  }

  /** Connects once, and again after the connection failed or was lost. */
  #connect(): Promise<Link> {
    if (this.#link) return this.#link
    const drop = () => {
      if (this.#link === link) this.#link = undefined
    }
    const link = this.#transport.connect(drop).catch((error: unknown) => {
      throw this.#explained(error)
    })
    link.catch(drop)
    this.#link = link
    return link
  }

  /** Sends a request. An idle link may be lost unnoticed, so a request whose link was lost is retried once. */
  async #ask<Answer>(request: (link: Link) => Promise<Answer>, isRetry = false): Promise<Answer> {
    const connected = this.#connect()
    const link = await connected
    try {
      return await request(link)
    } catch (error) {
      if (!isRetry && this.#link !== connected) return this.#ask(request, true)
      throw this.#explained(error)
    }
  }

  /** The server may go away at any request, also while a link is opened. */
  #explained(error: unknown): unknown {
    return this.#transport.explain?.(error) ?? error
  }
}
