// A connection to RabbitMQ that stands within seconds or says why not, whose questions are answered within seconds or end
// it, and that tells when it is lost.

import { hostname } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Channel, type ChannelModel, type ConfirmChannel, connect, type SocketOptions } from 'amqplib'
import { settledWithin } from '../../domain/patience.js'
import { UserError } from '../../errors.js'
import type { RabbitAddress } from '../../servers/addresses.js'
import { blocked, explainRabbitError, refuseTooOld } from '../../servers/rabbitmq.js'

/** A server that says nothing for so long while we connect is not there. */
const CONNECT_TIMEOUT_MS = 3000

/** One that owes us an answer for so long has none for us. */
const ANSWER_TIMEOUT_MS = 4000

/** For what is still on its way when we leave. */
const CLOSE_TIMEOUT_MS = 1000

/** Both ends hear of each other at least so often, in seconds; who is silent for two of them is gone. */
const HEARTBEAT_S = 10

export class RabbitConnection {
  /** `RabbitMQ 3.10.8`. */
  readonly product: string
  /** Resolves, with the reason, once the connection is lost or closed. */
  readonly lost: Promise<UserError>
  readonly #address: RabbitAddress
  readonly #model: ChannelModel
  readonly #socket: AbortController
  #why: UserError | undefined
  #tellLost: (why: UserError) => void = () => undefined
  /** Why the server takes no messages at the moment: it then reads nothing that comes over this connection. */
  #blocked: UserError | undefined
  #isSilent = false
  #isLeaving = false
  readonly #channels = new Set<Channel>()

  private constructor(address: RabbitAddress, model: ChannelModel, socket: AbortController) {
    const { product = 'RabbitMQ', version = '' } = model.connection.serverProperties
    this.product = `${product} ${version}`
    this.#address = address
    this.#model = model
    this.#socket = socket
    this.lost = new Promise((tell) => {
      this.#tellLost = tell
    })
    let cause: unknown
    model.on('error', (error) => {
      cause = error
    })
    model.on('close', (error) => this.drop(cause ?? error ?? new Error('Connection closed')))
    model.on('blocked', (reason) => {
      this.#blocked = blocked(address, reason)
    })
    model.on('unblocked', () => {
      this.#blocked = undefined
    })
    refuseTooOld(address, product, version)
  }

  /** @throws UserError naming the server, without its password: exit 4 for one that is away, 2 for one that refuses us */
  static async open(address: RabbitAddress): Promise<RabbitConnection> {
    const socket = new AbortController()
    const options: SocketOptions & { signal: AbortSignal } = {
      keepAlive: true,
      noDelay: true,
      // Nothing else ends a connection whose other end hangs.
      signal: socket.signal,
      clientProperties: { connection_name: `orderctl on ${hostname()}, process ${process.pid}` },
    }
    const over = new AbortController()
    try {
      const connected = connect(withHeartbeat(address.url), options)
      const model = await Promise.race([connected, silence(CONNECT_TIMEOUT_MS, over.signal)])
      return new RabbitConnection(address, model, socket)
    } catch (error) {
      socket.abort()
      throw explainRabbitError(address, error)
    } finally {
      over.abort()
    }
  }

  get isLost(): boolean {
    return this.#why !== undefined
  }

  /** Whether it was lost, and not because the server left a question unanswered. */
  get isBroken(): boolean {
    return this.isLost && !this.#isSilent
  }

  /** @throws UserError (exit 4) while the server reads nothing from this connection, for want of memory or disk */
  refuseBlocked(): void {
    if (this.#blocked) throw this.#blocked
  }

  /** One whose failure is the connection's: it is then made anew. */
  async channel(): Promise<Channel> {
    return this.#watch(await this.ask(this.#model.createChannel()))
  }

  async confirmChannel(): Promise<ConfirmChannel> {
    return this.#watch(await this.ask(this.#model.createConfirmChannel()))
  }

  /** Messages that wait in a queue; undefined where there is no such queue. */
  async countMessages(queue: string): Promise<number | undefined> {
    // To ask for one that is not there ends the channel that asked, and only that.
    const channel = await this.ask(this.#model.createChannel())
    channel.on('error', () => undefined)
    try {
      return (await this.ask(channel.checkQueue(queue))).messageCount
    } catch (error) {
      if (error instanceof UserError && /NOT[-_]FOUND/.test(String(error.cause))) return undefined
      throw error
    }
  }

  /**
   * The server's answer. Without one in time, the connection is given up, unless the server has blocked it: then it tells
   * when it goes on.
   *
   * @throws UserError
   */
  async ask<Answer>(answer: Promise<Answer>): Promise<Answer> {
    const over = new AbortController()
    try {
      return await Promise.race([answer, this.#silence(over.signal)])
    } catch (error) {
      throw this.#why ?? explainRabbitError(this.#address, error)
    } finally {
      over.abort()
    }
  }

  /** Says good-bye, where the server is there to hear it. Never hangs. */
  async close(): Promise<void> {
    if (!this.isLost) {
      this.#isLeaving = true
      // amqplib forgets a closing handshake whose connection is lost, so the loss ends the wait, too.
      await settledWithin(CLOSE_TIMEOUT_MS, Promise.race([this.#sayGoodbye(), this.lost]))
    }
    this.drop(new Error('Connection closed'))
  }

  /** First the channels: to close the connection overtakes what is still to be sent on them. */
  async #sayGoodbye(): Promise<void> {
    await Promise.all([...this.#channels].map((channel) => channel.close()))
    await this.#model.close()
  }

  /** Gives the connection up at once. */
  drop(cause: unknown): void {
    if (this.#why) return
    this.#why = explainRabbitError(this.#address, cause)
    this.#tellLost(this.#why)
    this.#socket.abort()
  }

  async #silence(signal: AbortSignal): Promise<never> {
    try {
      return await silence(ANSWER_TIMEOUT_MS, signal)
    } catch (error) {
      if (signal.aborted) throw error
      this.refuseBlocked()
      this.#isSilent = true
      this.drop(error)
      throw error
    }
  }

  #watch<Kind extends Channel>(channel: Kind): Kind {
    this.#channels.add(channel)
    channel.on('error', (error) => this.drop(error))
    channel.on('close', () => {
      if (!this.#isLeaving) this.drop(new Error('Channel closed'))
    })
    return channel
  }
}

/** Waits are short: a process that was busy with itself has not listened, so that time is not the server's. */
const WAIT_MS = 250

/** Rejects when an answer has not come for so long. */
async function silence(milliseconds: number, signal: AbortSignal): Promise<never> {
  for (let waited = 0; waited < milliseconds && !signal.aborted; waited += WAIT_MS) {
    await sleep(WAIT_MS, undefined, { signal }).catch(() => undefined)
  }
  throw new Error('it does not answer')
}

function withHeartbeat(text: string): string {
  const url = new URL(text)
  if (!url.searchParams.has('heartbeat')) url.searchParams.set('heartbeat', String(HEARTBEAT_S))
  return url.href
}
