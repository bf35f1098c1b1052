// Consumes batches from a server. Also polls the database for orders that the server lost, and for the end of a drain.
//
// unreachable: polls come at growing intervals until one succeeds. The outage and its end are reported once each.
// paused: the worker takes nothing until a poll finds the queue resumed.
// stalled: batches wait but the worker gets none; a new worker replaces it.
//
// Batches in progress continue in every state. The signal, the end of a drain or a failing handler ends the consumer
// once they are finished.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Database } from '../database/connection.js'
import { backoffMs } from '../domain/backoff.js'
import { inBatches } from '../domain/batches.js'
import { settledWithin } from '../domain/timeout.js'
import { EXIT, UserError } from '../errors.js'
import { findDue, isWorkDue, isWorkLeft, lastDueIn } from './due-orders.js'
import type { ConsumeOptions, Consumer, DeliveryHandler, Queue } from './queue.js'
import type { Batch, Transport, TransportWorker } from './transport.js'

/** Pause between polls. */
const POLL_MS = 200

/** Longest pause between polls while the server is unreachable. */
const LONGEST_POLL_MS = 2000

/** Time without a delivery, while batches wait, after which the worker is replaced. */
const STALLED_MS = 10_000

/** Maximum number of due orders that one poll publishes again. */
const REPUBLISHED_AT_ONCE = 20_000

/**
 * While batches wait, a worker publishes again, once in this many leases, orders that have been due for as long, the
 * oldest first: their batches may be lost. If not, the batches that come second find no due order.
 */
const LEASES_IN_BACKLOG = 10

/** Maximum number of these orders. */
const REPUBLISHED_IN_BACKLOG = 2000

/** Time limit for reporting the last batches to the server. */
const CLOSE_MS = 3000

interface Context {
  readonly queue: Queue
  readonly db: Database
  readonly transport: Transport
  /** How long a delivered batch may stay unclaimed. */
  readonly leaseMs: number
}

export class ServerConsumer implements Consumer {
  readonly ended: Promise<void>
  readonly #context: Context
  readonly #handler: DeliveryHandler
  readonly #options: ConsumeOptions
  readonly #over = new AbortController()
  /** Aborted when no more batches may be taken. */
  readonly #signal: AbortSignal
  #concurrency: number
  #worker: TransportWorker | undefined
  readonly #inProgress = new Set<Promise<void>>()
  #failure: { readonly error: unknown } | undefined
  #isUnreachable = false
  /** Number of consecutive failed polls. */
  #failedPolls = 0
  #isPaused = false
  /** When a poll first found batches waiting while none was in progress. */
  #stalledSince: number | undefined
  /** Whether the last poll found no waiting batches, and none has been delivered or finished since. */
  #isQuiet = false
  /** When to publish orders again although batches wait. */
  #republishAt: number
  #wake = () => {}

  constructor(context: Context, handler: DeliveryHandler, options: ConsumeOptions) {
    this.#context = context
    this.#handler = handler
    this.#options = options
    this.#concurrency = options.concurrency
    this.#republishAt = performance.now() + this.#backlogMs
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
        const isBusy = this.#inProgress.size >= this.#concurrency
        if (this.#isUnreachable || !isBusy || this.#isRepublishDue) await this.#poll()
        this.#options.signals?.emit('polled')
        await this.#pause()
      }
    } finally {
      await this.#stop(this.#worker)
    }
    if (this.#failure) throw this.#failure.error
  }

  async #poll(): Promise<void> {
    const isIdle = this.#inProgress.size === 0
    const { db } = this.#context
    const { drain, waitsForLater } = this.#options
    const isLeft = await isWorkLeft(db)
    if (drain && isIdle && !(isLeft && (waitsForLater || (await isWorkDue(db))))) this.#over.abort()
    if (this.#signal.aborted || (!isLeft && !this.#isUnreachable)) return
    try {
      await this.#pollServer(isIdle)
      this.#failedPolls = 0
      if (this.#isUnreachable) this.#options.onNotice(`${this.#context.transport.name} is back.`, 'server_back')
      this.#isUnreachable = false
    } catch (error) {
      this.#failedPolls += 1
      this.#reportUnreachable(error)
    }
  }

  async #pollServer(isIdle: boolean): Promise<void> {
    const { db, queue, leaseMs } = this.#context
    await queue.connect()
    this.#isPaused = await queue.isPaused()
    this.#fit()
    if (this.#options.drain && isIdle && this.#isPaused) this.#over.abort()
    const { waiting, active } = await queue.counts()
    const isRepublishDue = this.#isRepublishDue
    if (isRepublishDue) this.#republishAt = performance.now() + this.#backlogMs
    if (this.#isPaused || this.#signal.aborted) return
    // One poll may miss a batch on its way to a worker, so two in a row must find none waiting.
    const wasQuiet = this.#isQuiet
    this.#isQuiet = waiting === 0
    if (waiting > 0) {
      await this.#replaceStalledWorker()
      if (isRepublishDue) await queue.republish(await findDue(db, this.#backlogMs, REPUBLISHED_IN_BACKLOG))
    } else if (wasQuiet) {
      // A batch in progress may stay unclaimed for as long as a lease.
      const isInProgress = active > 0 || this.#inProgress.size > 0
      await queue.republish(await findDue(db, isInProgress ? leaseMs : 0, REPUBLISHED_AT_ONCE))
    }
  }

  get #backlogMs(): number {
    return LEASES_IN_BACKLOG * this.#context.leaseMs
  }

  get #isRepublishDue(): boolean {
    return performance.now() >= this.#republishAt
  }

  /** Sleeps until the next poll, or until `#wake`. */
  async #pause(): Promise<void> {
    const pauseMs = this.#isUnreachable ? backoffMs(Math.max(1, this.#failedPolls), POLL_MS, LONGEST_POLL_MS) : POLL_MS
    const woken = new AbortController()
    this.#wake = () => woken.abort()
    if (!this.#signal.aborted) await sleep(pauseMs, undefined, woken).catch(() => undefined)
  }

  #fit(): void {
    this.#worker?.resize(this.#isPaused ? 0 : this.#concurrency)
  }

  #startWorker(): Promise<TransportWorker> {
    return this.#context.transport.startWorker((ids) => this.#take(ids), {
      concurrency: this.#concurrency,
      onUnreachable: (why) => this.#reportUnreachable(why),
    })
  }

  async #replaceStalledWorker(): Promise<void> {
    if (this.#inProgress.size > 0) return
    this.#stalledSince ??= Date.now()
    if (Date.now() - this.#stalledSince < STALLED_MS) return
    this.#stalledSince = undefined
    const stalled = this.#worker
    this.#worker = await this.#startWorker()
    if (stalled) await this.#stop(stalled)
  }

  /** Stops the worker after finishing the batches in progress. */
  async #stop(worker: TransportWorker): Promise<void> {
    const closed = worker.close()
    await Promise.allSettled(this.#inProgress)
    await settledWithin(this.#isUnreachable ? 0 : CLOSE_MS, closed)
    await worker.end()
  }

  /** Reports once that the server is unreachable. @throws any other error */
  #reportUnreachable(error: unknown): void {
    if (!(error instanceof UserError && error.exit === EXIT.unreachable)) throw error
    if (this.#isUnreachable) return
    this.#isUnreachable = true
    this.#options.onNotice(`${error.message} Waiting for it.`, 'server_away')
  }

  /** Processes a delivered batch. Rejects with the handler's error, which ends the consumer. */
  async #take(ids: Batch): Promise<void> {
    // A batch may arrive while the concurrency is lowered, or over a new connection while others are in progress.
    while (this.#inProgress.size >= this.#concurrency) await Promise.race(this.#inProgress).catch(() => undefined)
    this.#stalledSince = undefined
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
      // Processes configured with a larger batch size publish larger batches.
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

  /** Publishes orders that were postponed, or claimed by another worker, to be delivered when they are due. */
  async #deliverLater(ids: Batch): Promise<void> {
    const dueIn = await lastDueIn(this.#context.db, ids)
    // If the server is unreachable, a later poll finds the orders.
    if (dueIn !== null) await this.#context.queue.publish(ids, Math.max(dueIn, POLL_MS) + 1).catch(() => undefined)
  }
}
