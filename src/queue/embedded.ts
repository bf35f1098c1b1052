// The queue of a single machine, with no server: there are no jobs, the due orders are the queue. Consumers of a process
// never share an order; a claim passes over what another process has claimed.
import { setMaxListeners } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Database } from '../database/connection.js'
import type { OrderId } from '../domain/ids.js'
import { countDue, findDue, isWorkLeft, withdrawDue } from './due-orders.js'
import { DatabasePause } from './pause.js'
import type { ConsumeOptions, Consumer, DeliveryHandler, PauseSwitch, Queue, QueueCounts } from './queue.js'

/** How soon an idle consumer sees new orders, in milliseconds. */
const POLL_MS = 200

export class EmbeddedQueue extends DatabasePause implements Queue {
  readonly driver = 'embedded'

  async connect(): Promise<void> {}

  /** Consumers poll. */
  async publish(): Promise<void> {}

  consume(handler: DeliveryHandler, options: ConsumeOptions): Consumer {
    return new EmbeddedConsumer(this.db, this, handler, options)
  }

  clear(): Promise<number> {
    return withdrawDue(this.db)
  }

  counts(): Promise<QueueCounts> {
    return countDue(this.db)
  }

  async close(): Promise<void> {}
}

/** A loop for each batch that may be in progress. */
class EmbeddedConsumer implements Consumer {
  readonly ended: Promise<void>
  readonly #db: Database
  readonly #pauseSwitch: PauseSwitch
  readonly #due: DueOrders
  readonly #handler: DeliveryHandler
  readonly #options: ConsumeOptions
  readonly #over = new AbortController()
  readonly #signal: AbortSignal
  /** By their numbers, from 1. A loop whose number exceeds the concurrency ends. */
  readonly #loops = new Map<number, Promise<unknown>>()
  #concurrency = 0
  #failure: { readonly error: unknown } | undefined

  constructor(db: Database, pauseSwitch: PauseSwitch, handler: DeliveryHandler, options: ConsumeOptions) {
    this.#db = db
    this.#pauseSwitch = pauseSwitch
    this.#due = new DueOrders(db, options)
    this.#handler = handler
    this.#options = options
    this.#signal = AbortSignal.any([options.signal, this.#over.signal])
    // A listener for each loop that sleeps is no leak.
    setMaxListeners(0, this.#signal)
    this.resize(options.concurrency)
    this.ended = this.#end()
  }

  resize(concurrency: number): void {
    this.#concurrency = concurrency
    for (let number = 1; number <= concurrency; number++) {
      if (this.#loops.has(number)) continue
      const loop = this.#loop(number).finally(() => this.#loops.delete(number))
      this.#loops.set(number, loop)
    }
  }

  async #loop(number: number): Promise<void> {
    try {
      while (!this.#signal.aborted && number <= this.#concurrency) await this.#step()
    } catch (error) {
      this.#failure ??= { error }
      this.#over.abort()
    }
  }

  async #step(): Promise<void> {
    const { drain, signals } = this.#options
    const isPaused = await this.#pauseSwitch.isPaused()
    if (!isPaused && (await this.#due.deliver(this.#handler))) return
    if (drain && (isPaused || !(await isWorkLeft(this.#db)))) this.#over.abort()
    signals?.emit('looked')
    await sleep(POLL_MS, undefined, { signal: this.#signal }).catch(() => undefined)
  }

  async #end(): Promise<void> {
    // Loops may start while others are awaited.
    while (this.#loops.size > 0) await Promise.all(this.#loops.values())
    if (this.#failure) throw this.#failure.error
  }
}

/** Batches that one query brings, at most. */
const AHEAD = 10

/** Delivers due orders, oldest first, none twice at a time. */
class DueOrders {
  readonly #db: Database
  readonly #batchSize: number
  readonly #inProgress = new Set<OrderId>()
  #next: OrderId[] = []
  /** Whether other processes claim the same orders: then each starts at a random place among those that are due. */
  #isShared = false
  #looking: Promise<void> | undefined

  constructor(db: Database, { batchSize }: ConsumeOptions) {
    this.#db = db
    this.#batchSize = batchSize
  }

  /** @returns false if nothing is due that is not in progress, or if other processes have claimed it: time to sleep */
  async deliver(handler: DeliveryHandler): Promise<boolean> {
    if (this.#next.length === 0) {
      this.#looking ??= this.#look().finally(() => {
        this.#looking = undefined
      })
      await this.#looking
    }
    const ids = this.#next.splice(0, this.#batchSize)
    if (ids.length === 0) return false
    for (const id of ids) this.#inProgress.add(id)
    try {
      const claimed = await handler(ids)
      // Another process takes the same orders: those that it has claimed need not be tried.
      this.#isShared = claimed < ids.length
      if (this.#isShared) this.#next = []
      return claimed > 0
    } finally {
      for (const id of ids) this.#inProgress.delete(id)
    }
  }

  async #look(): Promise<void> {
    const due = await findDue(this.#db, 0, this.#inProgress.size + AHEAD * this.#batchSize)
    const free = due.filter((id) => !this.#inProgress.has(id))
    const begin = this.#isShared ? Math.floor(Math.random() * free.length) : 0
    this.#next = [...free.slice(begin), ...free.slice(0, begin)]
  }
}
