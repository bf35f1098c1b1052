// RabbitMQ. A worker has two connections: a server that is short of memory or disk stops reading from one that publishes,
// and acknowledgements must get through.
import { setImmediate as nextTurn } from 'node:timers/promises'
import { type AsyncMessage, type Channel, type Connection, type Consumer, ConsumerStatus } from 'rabbitmq-client'
import type { Database } from '../../database/connection.js'
import type { UserError } from '../../errors.js'
import type { RabbitAddress } from '../../servers/addresses.js'
import { readLeases } from '../due-orders.js'
import { pauseInDatabase } from '../pause.js'
import type { PauseSwitch } from '../queue.js'
import type { Batch, Deliver, Link, Transport, TransportWorker } from '../transport.js'
import { answered, closeRabbit, openRabbit } from './connection.js'
import { asAway, blocked, explain } from './errors.js'
import { declareQueues, ordersQueue, queuesNamed, type RabbitQueues, readMessage } from './queues.js'

interface Surroundings {
  readonly db: Database
  readonly address: RabbitAddress
  readonly queues: RabbitQueues
  readonly pauseSwitch: PauseSwitch
}

export function onRabbitMq(db: Database, address: RabbitAddress, name: string): Transport {
  const here: Surroundings = { db, address, queues: queuesNamed(name), pauseSwitch: pauseInDatabase(db) }
  /** Whether the server has let us in before: then it refuses us because it starts or stops. */
  let isKnown = false
  const open = async (): Promise<Connection> => {
    try {
      const rabbit = await openRabbit(address)
      isKnown = true
      return rabbit
    } catch (error) {
      throw isKnown ? asAway(address, error) : error
    }
  }
  return {
    driver: 'rabbitmq',
    product: 'RabbitMQ',
    name: `RabbitMQ at ${address.name}`,
    pauseSwitch: here.pauseSwitch,
    connect: async (onLost) => {
      const rabbit = await open()
      try {
        return await RabbitLink.open(here, rabbit, onLost)
      } catch (error) {
        rabbit.unsafeDestroy()
        throw explain(address, error)
      }
    },
    startWorker: async (deliver, { concurrency, onAway }) => {
      const rabbit = await open()
      rabbit.on('error', (error) => onAway(asAway(address, error)))
      const worker = new RabbitWorker(here, rabbit, deliver)
      worker.resize(concurrency)
      return worker
    },
    // A link does it, since the database is asked as well.
    explain: () => undefined,
  }
}

class RabbitLink implements Link {
  readonly pauseSwitch: PauseSwitch
  readonly #here: Surroundings
  readonly #rabbit: Connection
  readonly #channel: Channel
  /** Why the server takes no messages at the moment: it then reads nothing from this connection. */
  #blocked: UserError | undefined
  #areQueuesGone = false

  private constructor(here: Surroundings, rabbit: Connection, channel: Channel, onLost: () => void) {
    this.#here = here
    this.#rabbit = rabbit
    this.#channel = channel
    this.pauseSwitch = here.pauseSwitch
    channel.on('close', () => {
      rabbit.unsafeDestroy()
      onLost()
    })
    channel.on('basic.return', () => {
      this.#areQueuesGone = true
    })
    rabbit.on('connection.blocked', (reason) => {
      this.#blocked = blocked(here.address, reason)
    })
    rabbit.on('connection.unblocked', () => {
      this.#blocked = undefined
    })
  }

  static async open(here: Surroundings, rabbit: Connection, onLost: () => void): Promise<RabbitLink> {
    const channel = await answered(here.address, rabbit.acquire())
    await answered(here.address, Promise.all([declareQueues(channel, here.queues), channel.confirmSelect()]))
    return new RabbitLink(here, rabbit, channel, onLost)
  }

  async check(): Promise<void> {
    if (this.#blocked) throw this.#blocked
  }

  /** Each message is confirmed. One that found no queue comes back before that. */
  async send(batches: readonly Batch[], delayMs: number): Promise<void> {
    const { orders, later } = this.#here.queues
    const envelope = { routingKey: delayMs > 0 ? later : orders, durable: true, mandatory: true }
    const expiration = delayMs > 0 ? { expiration: String(Math.ceil(delayMs)) } : {}
    const publish = (ids: Batch) => this.#channel.basicPublish({ ...envelope, ...expiration }, { ids })
    await this.#ask(() => Promise.all(batches.map(publish)))
    await nextTurn()
    if (!this.#areQueuesGone) return
    // The next link creates them.
    await this.#channel.close()
    throw explain(this.#here.address, new Error('its queues are gone'))
  }

  async purge(): Promise<void> {
    const { orders, later } = this.#here.queues
    await this.#ask(() => Promise.all([this.#channel.queuePurge(orders), this.#channel.queuePurge(later)]))
  }

  /** RabbitMQ tells what waits. The database tells what is in progress, and since when something waits. */
  async counts() {
    // Creates the queues again if somebody has deleted them.
    const counted = await this.#ask(() => declareQueues(this.#channel, this.#here.queues))
    const { batches, oldestWaitingSeconds } = await readLeases(this.#here.db)
    return { ...counted, active: batches, oldestWaitingSeconds }
  }

  close(): Promise<void> {
    return closeRabbit(this.#rabbit, () => this.#channel.close())
  }

  /** Gives the connection up if it leaves a question unanswered, unless it is blocked: the server tells when it goes on. */
  async #ask<Answer>(question: () => Promise<Answer>): Promise<Answer> {
    await this.check()
    const answer = question()
    try {
      return await answered(this.#here.address, answer)
    } catch (error) {
      await this.check()
      if (this.#channel.active) this.#rabbit.unsafeDestroy()
      throw explain(this.#here.address, error)
    }
  }
}

/**
 * A consumer with a prefetch of one for each batch that may be in progress: the prefetch of a consumer cannot be changed, but
 * consumers can come and go. After a loss of the connection, each consumes again when its batch is finished.
 */
class RabbitWorker implements TransportWorker {
  readonly #here: Surroundings
  readonly #rabbit: Connection
  readonly #deliver: Deliver
  readonly #consumers: Consumer[] = []
  #closed: Promise<unknown> = Promise.resolve()

  constructor(here: Surroundings, rabbit: Connection, deliver: Deliver) {
    this.#here = here
    this.#rabbit = rabbit
    this.#deliver = deliver
  }

  resize(concurrency: number): void {
    while (this.#consumers.length < concurrency) this.#consumers.push(this.#consume())
    // Each cancels, then finishes its batch, so RabbitMQ sends it no other.
    const closed = this.#consumers.splice(concurrency).map((consumer) => consumer.close().catch(() => undefined))
    this.#closed = Promise.all([this.#closed, ...closed])
  }

  async close(): Promise<void> {
    this.resize(0)
    await this.#closed
    await this.#rabbit.close()
  }

  async end(): Promise<void> {
    this.#rabbit.unsafeDestroy()
  }

  #consume(): Consumer {
    const { queues } = this.#here
    const options = { queue: queues.orders, queueOptions: ordersQueue(queues), qos: { prefetchCount: 1 } }
    const consumer = this.#rabbit.createConsumer(options, (message) => this.#handle(message))
    // It mends itself; the connection tells that the server is away.
    return consumer.on('error', () => undefined)
  }

  async #handle({ body }: AsyncMessage): Promise<ConsumerStatus> {
    const ids = readMessage(body)
    if (!ids) return ConsumerStatus.DROP
    try {
      if (await this.#here.pauseSwitch.isPaused()) {
        // The consumers are cancelled before the message goes back, so that it does not come again at once.
        this.resize(0)
        await nextTurn()
        return ConsumerStatus.REQUEUE
      }
      await this.#deliver(ids)
      return ConsumerStatus.ACK
    } catch {
      // The consumer's end, which `ended` tells; another one may have more luck with the batch.
      return ConsumerStatus.REQUEUE
    }
  }
}
