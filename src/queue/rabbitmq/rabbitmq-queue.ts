// The queue on RabbitMQ: a message is a batch of order ids and nothing else. Whatever happens to a message (lost before it
// was published, purged, delivered twice), the orders are in the database, and a worker with nothing to do finds them there.

import type { ConfirmChannel } from 'amqplib'
import type { Database } from '../../database/connection.js'
import { inBatches } from '../../domain/batches.js'
import type { OrderId } from '../../domain/ids.js'
import { EXIT, UserError } from '../../errors.js'
import type { RabbitAddress } from '../../servers/addresses.js'
import { asAway } from '../../servers/rabbitmq.js'
import { readLeases, withdrawDue } from '../due-orders.js'
import { notPublished } from '../not-published.js'
import { isPaused, setPaused } from '../pause.js'
import type { ConsumeOptions, Consumer, DeliveryHandler, Queue, QueueCounts } from '../queue.js'
import { RabbitConnection } from './connection.js'
import { RabbitConsumer } from './consumer.js'
import { declareQueues, queuesNamed, type RabbitQueues, toMessage } from './messages.js'

/** Messages that are sent before the server has to confirm them all. */
const MESSAGES_AT_ONCE = 200

export interface RabbitSettings {
  /** Of the queue. */
  readonly name: string
  /** Orders in a message. */
  readonly batchSize: number
  /** A worker that was silent for so long is dead, and its orders are taken over. */
  readonly leaseMs: number
}

interface Connected {
  readonly connection: RabbitConnection
  readonly channel: ConfirmChannel
}

export class RabbitMqQueue implements Queue {
  readonly driver = 'rabbitmq'
  readonly #db: Database
  readonly #address: RabbitAddress
  readonly #settings: RabbitSettings
  readonly #queues: RabbitQueues
  #connected: Promise<Connected> | undefined
  /** Whether the server has let us in before: then its refusals come from its starting or stopping. */
  #isKnown = false

  constructor(db: Database, address: RabbitAddress, settings: RabbitSettings) {
    this.#db = db
    this.#address = address
    this.#settings = settings
    this.#queues = queuesNamed(settings.name)
  }

  async connect(): Promise<void> {
    const { connection } = await this.#connect()
    connection.refuseBlocked()
  }

  async publish(ids: readonly OrderId[], delayMs = 0): Promise<void> {
    const queue = delayMs > 0 ? this.#queues.later : this.#queues.orders
    const expiration = delayMs > 0 ? { expiration: String(Math.ceil(delayMs)) } : {}
    const messages = inBatches(ids, this.#settings.batchSize).map(toMessage)
    try {
      for (const some of inBatches(messages, MESSAGES_AT_ONCE)) {
        await this.#ask(({ channel }) => Promise.all(some.map((content) => send(channel, queue, content, expiration))))
      }
    } catch (error) {
      throw error instanceof UserError && error.exit === EXIT.unreachable ? notPublished(error, 'RabbitMQ') : error
    }
  }

  consume(handler: DeliveryHandler, options: ConsumeOptions): Consumer {
    const here = {
      queue: this,
      db: this.#db,
      address: this.#address,
      leaseMs: this.#settings.leaseMs,
      queues: this.#queues,
      // One of its own: a server that is short of memory stops listening to those who publish.
      open: () => this.#open(),
    }
    return new RabbitConsumer(here, handler, options)
  }

  pause(): Promise<void> {
    return setPaused(this.#db, true)
  }

  resume(): Promise<void> {
    return setPaused(this.#db, false)
  }

  isPaused(): Promise<boolean> {
    return isPaused(this.#db)
  }

  /** First the orders, then the messages: one that is left over finds no order that is due. */
  async clear(): Promise<number> {
    await this.connect()
    const cleared = await withdrawDue(this.#db)
    const { orders, later } = this.#queues
    await this.#ask(({ channel }) => Promise.all([channel.purgeQueue(orders), channel.purgeQueue(later)]))
    return cleared
  }

  /** What waits RabbitMQ tells; what is in hand, and since when something waits, the database. */
  async counts(): Promise<QueueCounts> {
    // Also makes them anew, where somebody has deleted them.
    const { waiting, later } = await this.#ask(({ channel }) => declareQueues(channel, this.#queues))
    const { batches, oldestWaitingSeconds } = await readLeases(this.#db)
    return {
      unit: 'batches',
      waiting,
      active: batches,
      delayed: later,
      oldestWaitingSeconds,
    }
  }

  async close(): Promise<void> {
    const connected = await this.#connected?.catch(() => undefined)
    this.#connected = undefined
    await connected?.connection.close()
  }

  /** Made once; after a failure or a loss, the next one who asks tries again. */
  #connect(): Promise<Connected> {
    if (this.#connected) return this.#connected
    const opened = this.#openToPublish()
    const forget = () => {
      if (this.#connected === opened) this.#connected = undefined
    }
    opened.then(({ connection }) => connection.lost.then(forget), forget)
    this.#connected = opened
    return opened
  }

  async #openToPublish(): Promise<Connected> {
    const connection = await this.#open()
    const channel = await connection.confirmChannel()
    // A new connection brings the queues with it.
    channel.on('return', () => connection.drop(new Error('its queues are gone')))
    return { connection, channel }
  }

  async #open(): Promise<RabbitConnection> {
    try {
      const connection = await RabbitConnection.open(this.#address)
      const channel = await connection.channel()
      await connection.ask(declareQueues(channel, this.#queues))
      this.#isKnown = true
      return connection
    } catch (error) {
      throw this.#isKnown ? asAway(this.#address, error) : error
    }
  }

  /** A connection that stood may be lost by now, so a question is asked twice, unless the server leaves it unanswered. */
  async #ask<Answer>(question: (connected: Connected) => Promise<Answer>): Promise<Answer> {
    for (let isAgain = false; ; isAgain = true) {
      const connected = await this.#connect()
      const { connection } = connected
      connection.refuseBlocked()
      try {
        return await connection.ask(question(connected))
      } catch (error) {
        if (isAgain || !connection.isBroken) throw error
      }
    }
  }
}

function send(channel: ConfirmChannel, queue: string, content: Buffer, more: { expiration?: string }): Promise<void> {
  return new Promise((taken, refused) => {
    const options = { persistent: true, mandatory: true, contentType: 'application/json', ...more }
    channel.sendToQueue(queue, content, options, (error: unknown) => (error ? refused(error) : taken()))
  })
}
