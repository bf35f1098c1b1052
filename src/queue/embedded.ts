// The queue of a single machine, with no server: there are no jobs, the due orders are the queue. Consumers of a process
// are handed different ones; what another process claims first, the claim passes over.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Database } from '../database/connection.js'
import { idsIn } from '../database/row-source.js'
import { readSetting, writeSetting } from '../database/settings.js'
import type { OrderId } from '../domain/ids.js'
import type { ConsumeOptions, DeliveryHandler, Queue, QueueCounts } from './queue.js'

/** How soon a consumer with nothing to do sees new orders, in milliseconds. */
const POLL_MS = 200

export class EmbeddedQueue implements Queue {
  readonly driver = 'embedded'
  readonly #db: Database

  constructor(db: Database) {
    this.#db = db
  }

  /** Orders that were taken from the queue, or never got into it, fall due now. */
  async publish(ids: readonly OrderId[]): Promise<number> {
    const published = await this.#db
      .updateTable('orders')
      .set({ due_at: Date.now() })
      .where('id', 'in', idsIn(ids))
      .where('status', '=', 'pending')
      .where('due_at', 'is', null)
      .executeTakeFirst()
    return Number(published.numUpdatedRows)
  }

  async consume(handler: DeliveryHandler, options: ConsumeOptions): Promise<void> {
    const due = new DueOrders(this.#db, options)
    const over = new AbortController()
    const signal = AbortSignal.any([options.signal, over.signal])
    const consumeOneAtATime = async () => {
      while (!signal.aborted) {
        const paused = await this.isPaused()
        if (!paused && (await due.handOut(handler))) continue
        if (options.drain && (paused || (await this.#nothingIsLeft()))) over.abort()
        else await sleep(POLL_MS, undefined, { signal }).catch(() => undefined)
      }
    }
    await Promise.all(Array.from({ length: options.concurrency }, consumeOneAtATime))
  }

  async pause(): Promise<void> {
    await writeSetting(this.#db, 'queue_paused', 'yes')
  }

  async resume(): Promise<void> {
    await writeSetting(this.#db, 'queue_paused', 'no')
  }

  async isPaused(): Promise<boolean> {
    return (await readSetting(this.#db, 'queue_paused')) === 'yes'
  }

  async clear(): Promise<number> {
    const cleared = await this.#db
      .updateTable('orders')
      .set({ due_at: null })
      .where('due_at', 'is not', null)
      .where('status', '=', 'pending')
      .executeTakeFirst()
    return Number(cleared.numUpdatedRows)
  }

  async counts(): Promise<QueueCounts> {
    const now = Date.now()
    const open = await this.#db
      .selectFrom('orders')
      .select((eb) => [
        eb.fn.countAll<number>().filterWhere('due_at', '<=', now).as('waiting'),
        eb.fn
          .countAll<number>()
          .filterWhere('due_at', '>', now)
          .filterWhere('lease_token', 'is not', null)
          .as('active'),
        eb.fn.countAll<number>().filterWhere('due_at', '>', now).filterWhere('lease_token', 'is', null).as('delayed'),
        eb.fn.min<number | null>('due_at').as('oldest'),
      ])
      .where('due_at', 'is not', null)
      .executeTakeFirstOrThrow()
    return {
      waiting: open.waiting,
      active: open.active,
      delayed: open.delayed,
      oldestWaitingSeconds: open.oldest === null || open.oldest > now ? null : (now - open.oldest) / 1000,
    }
  }

  async close(): Promise<void> {}

  /** Neither due, nor in anyone's hand, nor to be asked again. */
  async #nothingIsLeft(): Promise<boolean> {
    const left = await this.#db.selectFrom('orders').select('id').where('due_at', 'is not', null).limit(1).execute()
    return left.length === 0
  }
}

/** Deliveries that one look into the database brings, at the most. */
const AHEAD = 10

/** Hands out due orders, oldest first, none twice at a time. */
class DueOrders {
  readonly #db: Database
  readonly #batchSize: number
  readonly #inHand = new Set<OrderId>()
  #next: OrderId[] = []
  #looking: Promise<void> | undefined

  constructor(db: Database, { batchSize }: ConsumeOptions) {
    this.#db = db
    this.#batchSize = batchSize
  }

  /** @returns false where nothing is due that is not in hand */
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
      if (claimed < ids.length) this.#next = []
    } finally {
      for (const id of ids) this.#inHand.delete(id)
    }
    return true
  }

  async #look(): Promise<void> {
    const due = await this.#db
      .selectFrom('orders')
      .select('id')
      .where('due_at', '<', Date.now())
      .orderBy('due_at')
      .orderBy('id')
      .limit(this.#inHand.size + AHEAD * this.#batchSize)
      .execute()
    this.#next = due.map((order) => order.id).filter((id) => !this.#inHand.has(id))
  }
}
