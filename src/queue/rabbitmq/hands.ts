// Hands that hold one message each: consumers on one channel that RabbitMQ gives the next message once theirs is
// acknowledged. Their number can change at any time, which a prefetch of the channel's cannot.
import { randomUUID } from 'node:crypto'
import type { Channel, ConsumeMessage } from 'amqplib'

/** What is to become of a message: done with, back into the queue, or away, for people to look at. */
type Verdict = 'done' | 'back' | 'unfit'

interface Hand {
  /** What the server knows it by. */
  readonly consumerTag: string
  isBusy: boolean
}

export interface HandsOptions {
  readonly queue: string
  /** Never rejects. */
  readonly take: (content: Buffer) => Promise<Verdict>
  /** The server has taken the queue away. */
  readonly onCancelled: () => void
}

export class Hands {
  readonly #channel: Channel
  readonly #options: HandsOptions
  readonly #hands = new Set<Hand>()
  readonly #messages = new Set<Promise<void>>()
  #wanted = 0
  #fitting: Promise<void> | undefined

  constructor(channel: Channel, options: HandsOptions) {
    this.#channel = channel
    this.#options = options
  }

  /** Messages in hand. */
  get busy(): number {
    return this.#messages.size
  }

  /** Takes effect at once on what is taken from now on; hands that hold a message go when they are done with it. */
  resize(wanted: number): void {
    this.#wanted = wanted
    // A channel that is lost has no hands; its connection tells.
    this.#fitting ??= this.#fit()
      .catch(() => undefined)
      .finally(() => {
        this.#fitting = undefined
      })
  }

  /** Resolves when no message is in hand. */
  async finished(): Promise<void> {
    await Promise.all(this.#messages)
  }

  async #fit(): Promise<void> {
    for (;;) {
      const idle = this.#hands.size > this.#wanted ? [...this.#hands].find((hand) => !hand.isBusy) : undefined
      if (idle) await this.#retire(idle)
      else if (this.#hands.size < this.#wanted) await this.#add()
      else return
    }
  }

  async #add(): Promise<void> {
    const hand: Hand = { consumerTag: randomUUID(), isBusy: false }
    this.#hands.add(hand)
    // Holds for each consumer that comes after it.
    await this.#channel.prefetch(1)
    await this.#channel.consume(this.#options.queue, (message) => this.#receive(hand, message), {
      consumerTag: hand.consumerTag,
    })
  }

  async #retire(hand: Hand): Promise<void> {
    this.#hands.delete(hand)
    await this.#channel.cancel(hand.consumerTag)
  }

  #receive(hand: Hand, message: ConsumeMessage | null): void {
    if (message === null) {
      this.#options.onCancelled()
      return
    }
    // The server lets no message of a lost channel be settled; it hands it to another consumer.
    const handled = this.#handle(hand, message)
      .catch(() => undefined)
      .finally(() => {
        this.#messages.delete(handled)
      })
    this.#messages.add(handled)
  }

  async #handle(hand: Hand, message: ConsumeMessage): Promise<void> {
    // One that was on its way when its hand was retired.
    if (!this.#hands.has(hand)) return this.#channel.nack(message, false, true)
    hand.isBusy = true
    const verdict = await this.#options.take(message.content)
    // The server gives the next message once it has our verdict, so a hand too many goes first.
    if (this.#hands.size > this.#wanted) await this.#retire(hand)
    hand.isBusy = false
    if (verdict === 'done') this.#channel.ack(message)
    else this.#channel.nack(message, false, verdict === 'back')
  }
}
