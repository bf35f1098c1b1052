// The embedded queue, which needs no server: consumers poll the due orders in the database.
import { setMaxListeners } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Database } from '../database/connection.js'
import type { OrderId } from '../domain/ids.js'
import { countDue, findDue, isWorkDue, isWorkLeft, withdrawDue } from './due-orders.js'
import { DatabasePause } from './pause.js'
import type { ConsumeOptions, Consumer, DeliveryHandler, Queue, QueueCounts } from './queue.js'

const POLL_MS = 200

export class EmbeddedQueue extends DatabasePause implements Queue {
  readonly driver = 'embedded'

  async connect(): Promise<void> {}

  async publish(): Promise<void> {}

  async republish(): Promise<void> {}

  /** Runs one loop for each batch that may be in progress. A loop ends when its number exceeds the concurrency. */
  consume(handler: DeliveryHandler, options: ConsumeOptions): Consumer {
    const due = new DueOrders(this.db, options)
    const over = new AbortController()
    const signal = AbortSignal.any([options.signal, over.signal])
    // Each sleeping loop adds a listener.
    setMaxListeners(0, signal)
    const loops = new Map<number, Promise<unknown>>()
    let wanted = 0
    let failure: { readonly error: unknown } | undefined

    const step = async (): Promise<void> => {
      const isPaused = await this.isPaused()
      if (!isPaused && (await due.deliver(handler))) return
      const isLeft = options.waitsForLater ? isWorkLeft : isWorkDue
      if (options.drain && (isPaused || !(await isLeft(this.db)))) over.abort()
      options.signals?.emit('polled')
      await sleep(POLL_MS, undefined, { signal }).catch(() => undefined)
    }
    const loop = async (number: number): Promise<void> => {
      try {
        while (!signal.aborted && number <= wanted) await step()
      } catch (error) {
        failure ??= { error }
        over.abort()
      }
    }
    const resize = (concurrency: number) => {
      wanted = concurrency
      for (let number = 1; number <= wanted; number++) {
        const start = () => loop(number).finally(() => loops.delete(number))
        if (!loops.has(number)) loops.set(number, start())
      }
    }
    const end = async () => {
      // Loops may start while others are being awaited.
      while (loops.size > 0) await Promise.all(loops.values())
      if (failure) throw failure.error
    }
    resize(options.concurrency)
    return { ended: end(), resize }
  }

  clear(): Promise<number> {
    return withdrawDue(this.db)
  }

  counts(): Promise<QueueCounts> {
    return countDue(this.db)
  }

  async close(): Promise<void> {}
}

/** Maximum number of batches that one query reads. */
const AHEAD = 10

/** Delivers due orders, oldest first, and never the same order to two loops at a time. */
class DueOrders {
  readonly #db: Database
  readonly #batchSize: number
  readonly #inProgress = new Set<OrderId>()
  #next: OrderId[] = []
  /**
   * Whether other processes claim the same orders. If so, each process starts at a random place among the due orders.
   */
  #isShared = false
  #polling: Promise<void> | undefined
  /** When nothing was found, by performance.now(). Other loops then need not look as well. */
  #foundNoneAt = Number.NEGATIVE_INFINITY

  constructor(db: Database, { batchSize }: ConsumeOptions) {
    this.#db = db
    this.#batchSize = batchSize
  }

  /** Returns false if it is time to sleep: nothing else is due, or other processes have claimed it. */
  async deliver(handler: DeliveryHandler): Promise<boolean> {
    if (this.#next.length === 0 && performance.now() - this.#foundNoneAt > POLL_MS / 2) {
      this.#polling ??= this.#poll().finally(() => {
        this.#polling = undefined
      })
      await this.#polling
    }
    const ids = this.#next.splice(0, this.#batchSize)
    if (ids.length === 0) return false
    for (const id of ids) this.#inProgress.add(id)
    try {
      const claimed = await handler(ids)
      this.#isShared = claimed < ids.length
      if (this.#isShared) {
        // Drops the other orders, since another process has probably claimed them as well, and looks again.
        this.#next = []
        this.#foundNoneAt = Number.NEGATIVE_INFINITY
      }
      return claimed > 0
    } finally {
      for (const id of ids) this.#inProgress.delete(id)
    }
  }

  async #poll(): Promise<void> {
    const due = await findDue(this.#db, 0, this.#inProgress.size + AHEAD * this.#batchSize)
    const free = due.filter((id) => !this.#inProgress.has(id))
    const begin = this.#isShared ? Math.floor(Math.random() * free.length) : 0
    this.#next = [...free.slice(begin), ...free.slice(0, begin)]
    if (free.length === 0) this.#foundNoneAt = performance.now()
  }
}
