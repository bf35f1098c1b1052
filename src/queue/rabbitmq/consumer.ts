// Takes batches from RabbitMQ, and connects anew whenever the connection is lost. What was in hand then is finished: the
// lease in the database keeps others out, and RabbitMQ's second delivery of it finds nothing to claim.

import { asError } from '../../background.js'
import type { Database } from '../../database/connection.js'
import { settledWithin } from '../../domain/patience.js'
import type { UserError } from '../../errors.js'
import type { RabbitAddress } from '../../servers/addresses.js'
import { asAway } from '../../servers/rabbitmq.js'
import { Deliveries } from '../deliveries.js'
import type { ConsumeOptions, Consumer, DeliveryHandler, Queue } from '../queue.js'
import type { RabbitConnection } from './connection.js'
import { Hands } from './hands.js'
import { type RabbitQueues, readMessage } from './messages.js'

/** How long the server may take to hear what became of the last messages. */
const CLOSE_MS = 3000

const FIRST_PAUSE_MS = 200
const LONGEST_PAUSE_MS = 5000

interface Surroundings {
  readonly queue: Queue
  readonly db: Database
  readonly address: RabbitAddress
  readonly leaseMs: number
  readonly queues: RabbitQueues
  /** Connects, with the queues declared. @throws UserError */
  readonly open: () => Promise<RabbitConnection>
}

interface Session {
  readonly connection: RabbitConnection
  readonly hands: Hands
}

export class RabbitConsumer implements Consumer {
  readonly ended: Promise<void>
  readonly #here: Surroundings
  readonly #deliveries: Deliveries
  #concurrency: number
  #session: Session | undefined
  #isPaused = false
  #nextTry = { at: 0, pauseMs: FIRST_PAUSE_MS }

  constructor(here: Surroundings, handler: DeliveryHandler, options: ConsumeOptions) {
    const { queue, db, address, leaseMs } = here
    this.#here = here
    this.#deliveries = new Deliveries({ queue, db, server: `RabbitMQ at ${address.name}`, leaseMs }, handler, options)
    this.#concurrency = options.concurrency
    this.ended = this.#run()
  }

  resize(concurrency: number): void {
    this.#concurrency = concurrency
    this.#fit()
  }

  async #run(): Promise<void> {
    const deliveries = this.#deliveries
    this.#session = await this.#connect()
    try {
      while (!deliveries.signal.aborted) {
        await this.#reconnect()
        if (deliveries.isLookDue(this.#concurrency)) await this.#lookAround()
        this.#fit()
        await deliveries.rest()
      }
    } finally {
      await this.#leave()
    }
    deliveries.throwFailure()
  }

  async #lookAround(): Promise<void> {
    if (!this.#session) {
      await this.#deliveries.isWorkLeft()
      return
    }
    const found = await this.#deliveries.look()
    this.#isPaused = found === 'paused'
    if (found === 'ignored') this.#giveUp(this.#session, new Error('it hands out nothing'))
  }

  /** As many hands as wanted, save those that still hold what a lost connection brought. */
  #fit(): void {
    if (!this.#session || this.#deliveries.signal.aborted) return
    const { hands } = this.#session
    const left = Math.max(0, this.#deliveries.inHand - hands.busy)
    hands.resize(this.#isPaused ? 0 : Math.max(0, this.#concurrency - left))
  }

  async #connect(): Promise<Session> {
    const connection = await this.#here.open()
    const channel = await connection.channel()
    const hands = new Hands(channel, {
      queue: this.#here.queues.orders,
      take: (content) => this.#take(content),
      onCancelled: () => connection.drop(new Error('its queue is gone')),
    })
    const session = { connection, hands }
    connection.lost.then((why) => this.#lose(session, why)).catch((error: unknown) => connection.drop(asError(error)))
    return session
  }

  /** One attempt, after a pause that grows with each that fails. */
  async #reconnect(): Promise<void> {
    if (this.#session || Date.now() < this.#nextTry.at) return
    try {
      this.#session = await this.#connect()
      this.#nextTry = { at: 0, pauseMs: FIRST_PAUSE_MS }
      this.#deliveries.noticeBack()
    } catch (error) {
      this.#deliveries.noticeAway(error)
      const { pauseMs } = this.#nextTry
      this.#nextTry = { at: Date.now() + pauseMs, pauseMs: Math.min(2 * pauseMs, LONGEST_PAUSE_MS) }
    }
  }

  #lose(session: Session, why: UserError): void {
    if (this.#session !== session) return
    this.#session = undefined
    this.#deliveries.noticeAway(asAway(this.#here.address, why))
  }

  /** Without a word: what it is replaced by will tell. */
  #giveUp(session: Session, cause: Error): void {
    this.#session = undefined
    session.connection.drop(cause)
  }

  /** Finishes what is in hand; then the server has some seconds to hear of it, where it is there. */
  async #leave(): Promise<void> {
    const session = this.#session
    session?.hands.resize(0)
    await this.#deliveries.finished()
    if (!session) return
    this.#session = undefined
    const patience = session.connection.isLost ? 0 : CLOSE_MS
    await settledWithin(patience, session.hands.finished())
    await session.connection.close()
  }

  async #take(content: Buffer): Promise<'done' | 'back' | 'unfit'> {
    const ids = readMessage(content)
    if (!ids) return 'unfit'
    try {
      this.#isPaused = await this.#here.queue.isPaused()
      this.#fit()
      if (this.#isPaused || this.#deliveries.signal.aborted) return 'back'
      await this.#deliveries.take(ids)
      return 'done'
    } catch {
      // The end of this consumer, which `ended` tells; others may have more luck with the batch.
      return 'back'
    }
  }
}
