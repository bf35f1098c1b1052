// Takes batches from a server. Between them it looks into the database for what the server has lost, and for the end of a drain.
//
// away: the server is unreachable; looks come at growing intervals until one succeeds. Reported once, as is its end.
// paused: the worker takes nothing until a look finds the queue resumed.
// deaf: batches wait and the worker gets none; a new worker replaces it.
//
// Batches in progress continue in every state. The signal, the end of a drain or a failing handler ends the consumer once
// they are finished.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Database } from '../database/connection.js'
import { backoffMs } from '../domain/backoff.js'
import { inBatches } from '../domain/batches.js'
import { settledWithin } from '../domain/timeout.js'
import { EXIT, UserError } from '../errors.js'
import { findDue, isWorkLeft, lastDueIn } from './due-orders.js'
import type { ConsumeOptions, Consumer, DeliveryHandler, Queue } from './queue.js'
import type { Batch, Transport, TransportWorker } from './transport.js'

/** The pause between looks. */
const LOOK_MS = 200

/** The longest time between looks while the server is away. */
const LONGEST_AWAY_MS = 2000

/** Time without a delivery, while batches wait, after which the worker is replaced. */
const DEAF_MS = 10_000

/** Maximum number of due orders that one look publishes again. */
const REPUBLISHED_AT_ONCE = 20_000

/** Time limit for reporting the last batches to the server. */
const CLOSE_MS = 3000

interface Surroundings {
  readonly queue: Queue
  readonly db: Database
  readonly transport: Transport
  /** Time that a delivered batch may stay unclaimed. */
  readonly leaseMs: number
}

export class ServerConsumer implements Consumer {
  readonly ended: Promise<void>
  readonly #here: Surroundings
  readonly #handler: DeliveryHandler
  readonly #options: ConsumeOptions
  readonly #over = new AbortController()
  /** Aborted when no more batches may be taken. */
  readonly #signal: AbortSignal
  #concurrency: number
  #worker: TransportWorker | undefined
  readonly #inProgress = new Set<Promise<void>>()
  #failure: { readonly error: unknown } | undefined
  #isAway = false
  /** Consecutive failed looks. */
  #failedLooks = 0
  #isPaused = false
  /** When a look first found batches waiting while nothing was in progress. */
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

  async #look(): Promise<void> {
    const isIdle = this.#inProgress.size === 0
    const isLeft = await isWorkLeft(this.#here.db)
    if (this.#options.drain && isIdle && !isLeft) this.#over.abort()
    if (this.#signal.aborted || (!isLeft && !this.#isAway)) return
    try {
      await this.#lookAtServer(isIdle)
      this.#failedLooks = 0
      if (this.#isAway) this.#options.onNotice(`${this.#here.transport.name} is back.`, 'server_back')
      this.#isAway = false
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
    // One look may miss a batch on its way to a worker, so two in a row must find none waiting.
    const wasQuiet = this.#isQuiet
    this.#isQuiet = waiting === 0
    if (waiting > 0) {
      await this.#replaceDeafWorker()
    } else if (wasQuiet) {
      // A batch in progress may be unclaimed for as long as a lease.
      const isInProgress = active > 0 || this.#inProgress.size > 0
      await queue.publish(await findDue(db, isInProgress ? leaseMs : 0, REPUBLISHED_AT_ONCE))
    }
  }

  /** Sleeps until the next look, or until `#wake`. */
  async #rest(): Promise<void> {
    const pauseMs = this.#isAway ? backoffMs(Math.max(1, this.#failedLooks), LOOK_MS, LONGEST_AWAY_MS) : LOOK_MS
    const woken = new AbortController()
    this.#wake = () => woken.abort()
    if (!this.#signal.aborted) await sleep(pauseMs, undefined, woken).catch(() => undefined)
  }

  #fit(): void {
    this.#worker?.resize(this.#isPaused ? 0 : this.#concurrency)
  }

  #startWorker(): Promise<TransportWorker> {
    return this.#here.transport.startWorker((ids) => this.#take(ids), {
      concurrency: this.#concurrency,
      onAway: (why) => this.#noticeAway(why),
    })
  }

  async #replaceDeafWorker(): Promise<void> {
    if (this.#inProgress.size > 0) return
    this.#deafSince ??= Date.now()
    if (Date.now() - this.#deafSince < DEAF_MS) return
    this.#deafSince = undefined
    const deaf = this.#worker
    this.#worker = await this.#startWorker()
    if (deaf) await this.#stop(deaf)
  }

  /** Finishes the batches in progress. */
  async #stop(worker: TransportWorker): Promise<void> {
    const closed = worker.close()
    await Promise.allSettled(this.#inProgress)
    await settledWithin(this.#isAway ? 0 : CLOSE_MS, closed)
    await worker.end()
  }

  /** Reports once that the server is away. @throws any other error */
  #noticeAway(error: unknown): void {
    if (!(error instanceof UserError && error.exit === EXIT.unreachable)) throw error
    if (this.#isAway) return
    this.#isAway = true
    this.#options.onNotice(`${error.message} Waiting for it.`, 'server_away')
  }

  /** Processes a delivered batch. Rejects with what the handler rejected with, which ends the consumer. */
  async #take(ids: Batch): Promise<void> {
    // A batch may arrive while the concurrency is lowered, or over a new connection while those of the old are in progress.
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
      // Processes with a larger batch size publish larger batches.
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

  /** Publishes orders that were postponed, or claimed by another worker, for when they fall due. */
  async #deliverLater(ids: Batch): Promise<void> {
    const dueIn = await lastDueIn(this.#here.db, ids)
    // If the server is away, a later look finds them.
    if (dueIn !== null) await this.#here.queue.publish(ids, Math.max(dueIn, LOOK_MS) + 1).catch(() => undefined)
  }
}
