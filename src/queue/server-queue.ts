// A queue on a server. A message is a batch of order ids and nothing else: whatever the server does to it (loses it, delivers
// it twice), the orders are in the database, and a worker with nothing to do finds them there.
import type { Database } from '../database/connection.js'
import { inBatches } from '../domain/batches.js'
import type { OrderId } from '../domain/ids.js'
import { EXIT, UserError } from '../errors.js'
import { withdrawDue } from './due-orders.js'
import type { ConsumeOptions, Consumer, DeliveryHandler, PauseSwitch, Queue, QueueCounts } from './queue.js'
import { ServerConsumer } from './server-consumer.js'
import type { Link, Transport } from './transport.js'

/** Batches that are sent to the server together. */
const BATCHES_AT_ONCE = 200

export interface ServerQueueSettings {
  /** Orders in a batch. */
  readonly batchSize: number
  /** A worker that was silent for so long is dead, and its orders are claimed by others. */
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

  async publish(ids: readonly OrderId[], delayMs = 0): Promise<void> {
    const batches = inBatches(ids, this.#settings.batchSize)
    try {
      for (const some of inBatches(batches, BATCHES_AT_ONCE)) await this.#ask((link) => link.send(some, delayMs))
    } catch (error) {
      throw error instanceof UserError && error.exit === EXIT.unreachable
        ? notPublished(error, this.#transport.name)
        : error
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

  /** First the orders, then the batches: a batch that is left over finds no order that is due. */
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

  /** Connects once. After a failure or a loss, the next question connects again. */
  #connect(): Promise<Link> {
    if (this.#link) return this.#link
    const forget = () => {
      if (this.#link === link) this.#link = undefined
    }
    const link = this.#transport.connect(forget)
    link.catch(forget)
    this.#link = link
    return link
  }

  /** A link that was idle may be lost, so its question is asked again, once, over a new link. */
  async #ask<Answer>(question: (link: Link) => Promise<Answer>): Promise<Answer> {
    for (let isAgain = false; ; isAgain = true) {
      const connected = this.#connect()
      const link = await connected
      try {
        return await question(link)
      } catch (error) {
        if (isAgain || this.#link === connected) throw this.#transport.explain?.(error) ?? error
      }
    }
  }
}

function notPublished(cause: UserError, server: string): UserError {
  return new UserError(
    {
      code: 'not_published',
      message: `The orders are stored and due, but workers could not be told: ${cause.message}`,
      fix: `Nothing is lost: workers look for such orders when they have nothing else to do. To tell them at once when ${server} is back: orderctl rebuild queue`,
      retryable: true,
      exit: EXIT.unreachable,
    },
    { cause },
  )
}
