// Takes batches from a server. Looks into the database for what the server has lost, and for the end of a drain.
//
//                 a look fails, or a connection is lost             a look finds a pause
//            ┌───────────────────────────────────────┐          ┌─────────────────────────────┐
//            ▼                                       │          │                             ▼
//   away: looks at growing intervals ──────────► consuming ◄────┴── resumed ─── paused: the worker takes nothing
//                     a look succeeds                │
//                                                    └─► a look finds the worker deaf: a new worker replaces it
//
//   any state ──► stopping ──► ended          on the signal, at the end of a drain, or when a handler fails
//
// Batches in progress go on in every state, and are finished before the end. `away` and its end are reported once.
import type { Database } from '../database/connection.js'
import { backoffMs } from '../domain/backoff.js'
import { inBatches } from '../domain/batches.js'
import { settledWithin } from '../domain/patience.js'
import { EXIT, UserError } from '../errors.js'
import { findDue, isWorkLeft, lastDueIn } from './due-orders.js'
import type { ConsumeOptions, Consumer, DeliveryHandler, Queue } from './queue.js'
import type { Batch, Transport, TransportWorker } from './transport.js'

/** The pause between looks of a consumer that could take more. */
const LOOK_MS = 200

/** The longest time between looks while the server is away. */
const LONGEST_AWAY_MS = 2000

/** A worker that gets nothing for so long although batches wait is deaf: the server has forgotten it. */
const DEAF_MS = 10_000

/** Due orders that one look publishes again, at most. */
const REPUBLISHED_AT_ONCE = 20_000

/** How long the server may take to hear the outcome of the last batches. */
const CLOSE_MS = 3000

interface Surroundings {
  readonly queue: Queue
  readonly db: Database
  readonly transport: Transport
  /** A batch that was delivered may stay unclaimed for so long. */
  readonly leaseMs: number
}

export class ServerConsumer implements Consumer {
  readonly ended: Promise<void>
  readonly #here: Surroundings
  readonly #handler: DeliveryHandler
  readonly #options: ConsumeOptions
  readonly #over = new AbortController()
  /** Aborted when no more batches are to be taken. */
  readonly #signal: AbortSignal
  #concurrency: number
  #worker: TransportWorker | undefined
  readonly #inProgress = new Set<Promise<void>>()
  #failure: { readonly error: unknown } | undefined
  #isAway = false
  /** Looks in a row that found the server away. */
  #failedLooks = 0
  #isPaused = false
  /** When batches were first seen to wait while nothing was in progress. */
  #deafSince: number | undefined
  /** Whether the last look found no waiting batch, and none was delivered or finished since. */
  #isQuiet = false
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
    this.#fit()
  }

  async #run(): Promise<void> {
    this.#worker = await this.#startWorker()
    try {
      while (!this.#signal.aborted) {
        if (this.#isAway || this.#inProgress.size < this.#concurrency) await this.#look()
        this.#options.signals?.emit('looked')
        await this.#rest()
      }
    } finally {
      await this.#stop(this.#worker)
    }
    if (this.#failure) throw this.#failure.error
  }

  /** Finds what no event tells: that the work is done, that the server has lost some of it, or has forgotten us. */
  async #look(): Promise<void> {
    const isIdle = this.#inProgress.size === 0
    const isLeft = await isWorkLeft(this.#here.db)
    if (this.#options.drain && isIdle && !isLeft) this.#over.abort()
    if (this.#signal.aborted || (!isLeft && !this.#isAway)) return
    try {
      await this.#lookAtServer(isIdle)
      this.#noticeBack()
    } catch (error) {
      this.#failedLooks += 1
      this.#noticeAway(error)
    }
  }

  async #lookAtServer(isIdle: boolean): Promise<void> {
    const { db, queue, leaseMs } = this.#here
    await queue.connect()
    this.#isPaused = await queue.isPaused()
    this.#fit()
    if (this.#options.drain && isIdle && this.#isPaused) this.#over.abort()
    const { waiting, active } = await queue.counts()
    if (this.#isPaused || this.#signal.aborted) return
    // Two looks in a row must find no waiting batch: the first may miss one that is on its way to a worker.
    const wasQuiet = this.#isQuiet
    this.#isQuiet = waiting === 0
    if (waiting > 0) {
      if (this.#isDeaf()) await this.#replaceWorker()
    } else if (wasQuiet) {
      // A batch in progress may be unclaimed for as long as a lease.
      const isInProgress = active > 0 || this.#inProgress.size > 0
      await queue.publish(await findDue(db, isInProgress ? leaseMs : 0, REPUBLISHED_AT_ONCE))
    }
  }

  /** Until the next look, which `#wake` makes sooner. */
  #rest(): Promise<void> {
    if (this.#signal.aborted) return Promise.resolve()
    const pauseMs = this.#isAway ? backoffMs(Math.max(1, this.#failedLooks), LOOK_MS, LONGEST_AWAY_MS) : LOOK_MS
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, pauseMs)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  #fit(): void {
    this.#worker?.resize(this.#isPaused ? 0 : this.#concurrency)
  }

  #isDeaf(): boolean {
    if (this.#inProgress.size > 0) return false
    this.#deafSince ??= Date.now()
    if (Date.now() - this.#deafSince < DEAF_MS) return false
    this.#deafSince = undefined
    return true
  }

  #startWorker(): Promise<TransportWorker> {
    return this.#here.transport.startWorker((ids) => this.#take(ids), {
      concurrency: this.#concurrency,
      onAway: (why) => this.#noticeAway(why),
    })
  }

  async #replaceWorker(): Promise<void> {
    const deaf = this.#worker
    this.#worker = await this.#startWorker()
    if (deaf) await this.#stop(deaf)
  }

  /** Finishes the batches in progress; then the worker has some seconds to tell its server. */
  async #stop(worker: TransportWorker): Promise<void> {
    const closed = worker.close()
    await Promise.allSettled(this.#inProgress)
    await settledWithin(this.#isAway ? 0 : CLOSE_MS, closed)
    await worker.end()
  }

  /** Tells once that the server is away. @throws an error that says anything else */
  #noticeAway(error: unknown): void {
    if (!(error instanceof UserError && error.exit === EXIT.unreachable)) throw error
    if (this.#isAway) return
    this.#isAway = true
    this.#options.onNotice(`${error.message} Waiting for it.`, 'server_away')
  }

  #noticeBack(): void {
    this.#failedLooks = 0
    if (!this.#isAway) return
    this.#isAway = false
    this.#options.onNotice(`${this.#here.transport.name} is back.`, 'server_back')
  }

  /** Processes a batch that was delivered. Rejects with what the handler rejected with, which is the end. */
  async #take(ids: Batch): Promise<void> {
    // It was on its way when the concurrency was lowered, or when a connection with batches in progress was lost.
    while (this.#inProgress.size >= this.#concurrency) await Promise.race(this.#inProgress).catch(() => undefined)
    this.#deafSince = undefined
    this.#isQuiet = false
    const batch = this.#process(ids).finally(() => {
      this.#inProgress.delete(batch)
      this.#isQuiet = false
      if (this.#inProgress.size === 0) this.#wake()
    })
    this.#inProgress.add(batch)
    await batch
  }

  async #process(ids: Batch): Promise<void> {
    try {
      // A batch that another worker has published may be larger than ours.
      for (const batch of inBatches(ids, this.#options.batchSize)) {
        if (this.#signal.aborted) break
        await this.#handler(batch)
      }
      await this.#deliverLater(ids)
    } catch (error) {
      this.#failure ??= { error }
      this.#over.abort()
      throw error
    }
  }

  /** Publishes the orders that are left, postponed or claimed by another worker, for when they fall due. */
  async #deliverLater(ids: Batch): Promise<void> {
    const dueIn = await lastDueIn(this.#here.db, ids)
    if (dueIn === null) return
    // If the server is away, a worker with nothing to do finds them.
    await this.#here.queue.publish(ids, Math.max(dueIn, LOOK_MS) + 1).catch(() => undefined)
  }
}
