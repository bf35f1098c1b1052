// The queue of a single machine, with no server: there are no jobs, the due orders are the queue. Consumers of a process
// are handed different ones; what another process claims first, the claim passes over.
import { setMaxListeners } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Database } from '../database/connection.js'
import type { OrderId } from '../domain/ids.js'
import { countDue, findDue, isWorkLeft, withdrawDue } from './due-orders.js'
import { isPaused, setPaused } from './pause.js'
import type { ConsumeOptions, Consumer, DeliveryHandler, Queue, QueueCounts } from './queue.js'

/** How soon a consumer with nothing to do sees new orders, in milliseconds. */
const POLL_MS = 200

export class EmbeddedQueue implements Queue {
  readonly driver = 'embedded'
  readonly #db: Database

  constructor(db: Database) {
    this.#db = db
  }

  async connect(): Promise<void> {}

  /** Consumers look for themselves. */
  async publish(): Promise<void> {}

  consume(handler: DeliveryHandler, options: ConsumeOptions): Consumer {
    const due = new DueOrders(this.#db, options)
    const over = new AbortController()
    const signal = AbortSignal.any([options.signal, over.signal])
    // One for each hand that waits is no leak.
    setMaxListeners(0, signal)
    let wanted = 0
    const consumeOneAtATime = async (number: number): Promise<void> => {
      while (!signal.aborted && number <= wanted) {
        const paused = await this.isPaused()
        if (!paused && (await due.handOut(handler))) continue
        if (options.drain && (paused || !(await isWorkLeft(this.#db)))) over.abort()
        else await sleep(POLL_MS, undefined, { signal }).catch(() => undefined)
      }
    }
    let failure: { readonly error: unknown } | undefined
    const stopAll = (error: unknown) => {
      failure ??= { error }
      over.abort()
    }
    const hands = new Map<number, Promise<void>>()
    const resize = (concurrency: number) => {
      wanted = concurrency
      for (let number = 1; number <= wanted; number++) {
        if (hands.has(number)) continue
        hands.set(
          number,
          consumeOneAtATime(number)
            .catch(stopAll)
            .finally(() => hands.delete(number)),
        )
      }
    }
    resize(options.concurrency)
    const end = async () => {
      // Also of those that come while the others are waited for.
      while (hands.size > 0) await Promise.all(hands.values())
      if (failure) throw failure.error
    }
    return { ended: end(), resize }
  }

  async pause(): Promise<void> {
    await setPaused(this.#db, true)
  }

  async resume(): Promise<void> {
    await setPaused(this.#db, false)
  }

  isPaused(): Promise<boolean> {
    return isPaused(this.#db)
  }

  clear(): Promise<number> {
    return withdrawDue(this.#db)
  }

  counts(): Promise<QueueCounts> {
    return countDue(this.#db)
  }

  async close(): Promise<void> {}
}

/** Deliveries that one look into the database brings, at the most. */
const AHEAD = 10

/** Hands out due orders, oldest first, none twice at a time. */
class DueOrders {
  readonly #db: Database
  readonly #batchSize: number
  readonly #inHand = new Set<OrderId>()
  #next: OrderId[] = []
  /** Whether others claim the same orders: then each begins somewhere else among those that are due. */
  #isShared = false
  #looking: Promise<void> | undefined

  constructor(db: Database, { batchSize }: ConsumeOptions) {
    this.#db = db
    this.#batchSize = batchSize
  }

  /** @returns false where nothing is due that is not in hand, or where others have all that is: time to rest */
  async handOut(handler: DeliveryHandler): Promise<boolean> {
    if (this.#next.length === 0) {
      this.#looking ??= this.#look().finally(() => {
        this.#looking = undefined
      })
      await this.#looking
    }
    const ids = this.#next.splice(0, this.#batchSize)
    if (ids.length === 0) return false
    for (const id of ids) this.#inHand.add(id)
    try {
      const claimed = await handler(ids)
      // Another process is at the same orders: what it has claimed need not be tried.
      this.#isShared = claimed < ids.length
      if (this.#isShared) this.#next = []
      return claimed > 0
    } finally {
      for (const id of ids) this.#inHand.delete(id)
    }
  }

  async #look(): Promise<void> {
    const due = await findDue(this.#db, 0, this.#inHand.size + AHEAD * this.#batchSize)
    const free = due.filter((id) => !this.#inHand.has(id))
    const begin = this.#isShared ? Math.floor(Math.random() * free.length) : 0
    this.#next = [...free.slice(begin), ...free.slice(0, begin)]
  }
}
