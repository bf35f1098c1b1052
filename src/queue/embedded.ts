// The queue of a single machine, with no server: there are no jobs, the due orders are the queue. A consumer is told to
// take the next due ones, and the claim itself sees to it that no two take the same.
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
    const consumers = Array.from({ length: options.concurrency }, () => this.#consumeOneAtATime(handler, options))
    await Promise.all(consumers)
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

  async #consumeOneAtATime(handler: DeliveryHandler, options: ConsumeOptions): Promise<void> {
    while (!options.signal.aborted) {
      const paused = await this.isPaused()
      const claimed = paused ? 0 : await handler({ kind: 'next-due', limit: options.batchSize })
      if (claimed > 0) continue
      if (options.drain && (paused || (await this.#nothingIsLeft()))) return
      await sleep(POLL_MS, undefined, { signal: options.signal }).catch(() => undefined)
    }
  }

  /** Neither due, nor in anyone's hand, nor to be asked again. */
  async #nothingIsLeft(): Promise<boolean> {
    const left = await this.#db.selectFrom('orders').select('id').where('due_at', 'is not', null).limit(1).execute()
    return left.length === 0
  }
}
