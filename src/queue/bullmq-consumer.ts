// Takes batches from BullMQ by its worker, and watches over it: what the server has lost is published again, a worker
// that sleeps though there is work is woken, and nothing waits for ever on a server that is away.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Database } from '../database/connection.js'
import { inBatches } from '../domain/batches.js'
import type { OrderId } from '../domain/ids.js'
import { EXIT, UserError } from '../errors.js'
import type { BullSettings } from './bullmq-jobs.js'
import type { BullServer, Connected, DeliverJob, JobWorker } from './bullmq-server.js'
import { findDue, isWorkLeft, lastDueAmong } from './due-orders.js'
import type { ConsumeOptions, Consumer, DeliveryHandler, Queue } from './queue.js'

/** How often a consumer with free hands looks around, in milliseconds. */
const LOOK_MS = 200

/** A worker that has taken nothing for so long although batches wait is asleep. */
const ASLEEP_MS = 10_000

/** How long a worker may take to close once it has nothing in hand: it waits for its server. */
const CLOSE_MS = 3000

/** Due orders that one look brings back to the server, at the most; the next look brings the next ones. */
const REPUBLISHED_AT_ONCE = 20_000

/** Deliveries to workers that died over one batch, before BullMQ drops it; its orders are found by the next look. */
const MOST_STALLS = 5

interface Surroundings {
  readonly queue: Queue
  readonly db: Database
  readonly server: BullServer
  readonly settings: BullSettings
}

export class BullConsumer implements Consumer {
  readonly ended: Promise<void>
  readonly #here: Surroundings
  readonly #handler: DeliveryHandler
  readonly #options: ConsumeOptions
  readonly #over = new AbortController()
  readonly #signal: AbortSignal
  readonly #inHand = new Set<Promise<void>>()
  #concurrency: number
  #worker: Connected<JobWorker> | undefined
  #failure: { readonly error: unknown } | undefined
  #away = false
  /** When batches were first seen to wait although nothing was in hand. */
  #ignoredSince: number | undefined
  #wake = () => {}

  constructor(here: Surroundings, handler: DeliveryHandler, options: ConsumeOptions) {
    this.#here = here
    this.#handler = handler
    this.#options = options
    this.#concurrency = options.concurrency
    this.#signal = AbortSignal.any([options.signal, this.#over.signal])
    this.#signal.addEventListener('abort', () => this.#wake(), { once: true })
    this.ended = this.#run()
  }

  resize(concurrency: number): void {
    this.#concurrency = concurrency
    if (this.#worker) this.#worker.jobs.concurrency = concurrency
  }

  async #run(): Promise<void> {
    this.#worker = await this.#startWorker()
    try {
      while (!this.#signal.aborted) {
        if (this.#inHand.size < this.#concurrency) await this.#lookAround()
        await this.#rest()
      }
    } finally {
      await this.#stopWorker(this.#worker)
    }
    if (this.#failure) throw this.#failure.error
  }

  /** What no event tells: that the work is done, that the server has lost some of it, that the worker sleeps. */
  async #lookAround(): Promise<void> {
    const { db, queue, settings } = this.#here
    const idle = this.#inHand.size === 0
    const isLeft = await isWorkLeft(db)
    if (this.#options.drain && idle && !isLeft) return this.#over.abort()
    if (!isLeft) return
    try {
      const paused = await queue.isPaused()
      if (this.#options.drain && idle && paused) return this.#over.abort()
      const { waiting, active } = await queue.counts()
      this.#notice(undefined)
      if (paused) return
      if (waiting > 0) return await this.#wakeSleeper()
      // Batches that were handed out may not have been claimed yet; of a worker that died, the lease tells.
      const before = Date.now() - (active > 0 ? settings.leaseMs : 0)
      await queue.publish(await findDue(db, before, REPUBLISHED_AT_ONCE))
    } catch (error) {
      if (!(error instanceof UserError && error.exit === EXIT.unreachable)) throw error
      this.#notice(error)
    }
  }

  async #wakeSleeper(): Promise<void> {
    if (this.#inHand.size > 0) return
    this.#ignoredSince ??= Date.now()
    if (Date.now() - this.#ignoredSince < ASLEEP_MS || !this.#worker) return
    this.#ignoredSince = undefined
    const asleep = this.#worker
    this.#worker = await this.#startWorker()
    await this.#stopWorker(asleep)
  }

  /** Tells once that the server is away, and once that it is back. */
  #notice(away: UserError | undefined): void {
    if ((away !== undefined) === this.#away) return
    this.#away = away !== undefined
    this.#options.onNotice(away ? `${away.message} Waiting for it.` : `${this.#here.server.name} is back.`)
  }

  #startWorker(): Promise<Connected<JobWorker>> {
    const { server, settings } = this.#here
    return server.openWorker(this.#deliver, {
      concurrency: this.#concurrency,
      // The lock on a job lasts as long as the lease on its orders, and is renewed at half time. A worker that lost it
      // finishes all the same: what it settles is fenced by the lease.
      lockDuration: settings.leaseMs,
      stalledInterval: settings.leaseMs,
      maxStalledCount: MOST_STALLS,
    })
  }

  /** Finishes what is in hand; then the worker has some seconds to say good-bye to its server, where that is there. */
  async #stopWorker({ jobs, letGo }: Connected<JobWorker>): Promise<void> {
    const closed = jobs.close().catch(() => undefined)
    await Promise.race([
      closed,
      Promise.allSettled(this.#inHand).then(() => sleep(this.#away ? 0 : CLOSE_MS, undefined, { ref: false })),
    ])
    await letGo()
  }

  readonly #deliver: DeliverJob = async (job) => {
    // BullMQ may have asked for it before it heard of fewer hands.
    while (this.#inHand.size >= this.#concurrency) await Promise.race(this.#inHand).catch(() => undefined)
    this.#ignoredSince = undefined
    this.#notice(undefined)
    const delivery = this.#handle(job.data.ids).finally(() => {
      this.#inHand.delete(delivery)
      if (this.#inHand.size === 0) this.#wake()
    })
    this.#inHand.add(delivery)
    await delivery
  }

  async #handle(ids: readonly OrderId[]): Promise<void> {
    try {
      for (const batch of inBatches(ids, this.#options.batchSize)) {
        if (this.#signal.aborted) break
        await this.#handler(batch)
      }
      await this.#deliverAgain(ids)
    } catch (error) {
      this.#failure ??= { error }
      this.#over.abort()
      throw error
    }
  }

  /** Orders to be asked for again, and those that another worker holds: they are looked at when they fall due. */
  async #deliverAgain(ids: readonly OrderId[]): Promise<void> {
    const dueAt = await lastDueAmong(this.#here.db, ids)
    if (dueAt === null) return
    // Where the server is away: a worker with nothing to do finds them.
    await this.#here.queue.publish(ids, Math.max(1, dueAt - Date.now() + 1)).catch(() => undefined)
  }

  #rest(): Promise<void> {
    if (this.#signal.aborted) return Promise.resolve()
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, LOOK_MS)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}
