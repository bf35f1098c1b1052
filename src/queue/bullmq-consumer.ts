// Takes batches from Redis by a BullMQ worker, and watches over it: what Redis has lost is published again, a worker that
// sleeps though there is work is woken, and nothing waits for ever on a server that is away.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Command, Redis } from 'ioredis'
import type { Database } from '../database/connection.js'
import { inBatches } from '../domain/batches.js'
import type { OrderId } from '../domain/ids.js'
import { EXIT, UserError } from '../errors.js'
import type { RedisAddress } from '../redis/address.js'
import { connectRedis } from '../redis/connection.js'
import { type BullSettings, bullPrefix, type Payload, QUEUE_NAME } from './bullmq-jobs.js'
import { type Job, Worker } from './bullmq-package.js'
import { findDue, isWorkLeft, lastDueIn } from './due-orders.js'
import type { ConsumeOptions, Consumer, DeliveryHandler, Queue } from './queue.js'

/** How often a consumer with free hands looks around, in milliseconds. */
const LOOK_MS = 200

/** A worker that has taken nothing for so long although batches wait is asleep. */
const ASLEEP_MS = 10_000

/** How long a worker may take to close once it has nothing in hand: it waits for its server. */
const CLOSE_MS = 3000

/** A worker waits for jobs by a command that Redis answers after ten seconds, at the latest. */
const BLOCKED_TIMEOUT_MS = 15_000

/** Due orders that one look brings back into Redis, at the most; the next look brings the next ones. */
const REPUBLISHED_AT_ONCE = 20_000

/** Deliveries to workers that died over one batch, before BullMQ drops it; its orders are found by the next look. */
const MOST_STALLS = 5

interface Surroundings {
  readonly queue: Queue
  readonly db: Database
  readonly address: RedisAddress
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
  #worker: RunningWorker | undefined
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

  /** What no event tells: that the work is done, that Redis has lost some of it, that the worker sleeps. */
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
      const sinceMs = active > 0 ? settings.leaseMs : 0
      await queue.publish(await findDue(db, sinceMs, REPUBLISHED_AT_ONCE))
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

  /** Tells once that Redis is away, and once that it is back. */
  #notice(away: UserError | undefined): void {
    if ((away !== undefined) === this.#away) return
    this.#away = away !== undefined
    if (away) this.#options.onNotice(`${away.message} Waiting for it.`, 'server_away')
    else this.#options.onNotice(`Redis at ${this.#here.address.name} is back.`, 'server_back')
  }

  async #startWorker(): Promise<RunningWorker> {
    const { address, settings } = this.#here
    // Its commands wait for as long as the server is away.
    const redis = await connectRedis(address, { maxRetriesPerRequest: null })
    const clones = rememberClones(redis)
    const jobs = new Worker<Payload>(QUEUE_NAME, (job) => this.#deliver(job), {
      connection: redis,
      prefix: bullPrefix(settings),
      skipVersionCheck: true,
      concurrency: this.#concurrency,
      // The lock on a job lasts as long as the lease on its orders, and is renewed at half time. A worker that lost it
      // finishes all the same: what it settles is fenced by the lease.
      lockDuration: settings.leaseMs,
      stalledInterval: settings.leaseMs,
      maxStalledCount: MOST_STALLS,
    })
    // Lost connections and locks mend themselves; that the server is away is told by the look around.
    jobs.on('error', () => undefined)
    return { jobs, connections: [redis, clones] }
  }

  /** Finishes what is in hand; then the worker has some seconds to say good-bye to its server, where that is there. */
  async #stopWorker({ jobs, connections: [redis, clones] }: RunningWorker): Promise<void> {
    const closed = jobs.close().catch(() => undefined)
    await Promise.race([
      closed,
      Promise.allSettled(this.#inHand).then(() => sleep(this.#away ? 0 : CLOSE_MS, undefined, { ref: false })),
    ])
    for (const connection of [redis, ...clones]) letGo(connection)
  }

  #deliver(job: Job<Payload>): Promise<void> {
    this.#ignoredSince = undefined
    this.#notice(undefined)
    const delivery = this.#handle(job.data.ids).finally(() => {
      this.#inHand.delete(delivery)
      if (this.#inHand.size === 0) this.#wake()
    })
    this.#inHand.add(delivery)
    return delivery
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
    const dueIn = await lastDueIn(this.#here.db, ids)
    if (dueIn === null) return
    // Where Redis is away: a worker with nothing to do finds them.
    await this.#here.queue.publish(ids, dueIn + 1).catch(() => undefined)
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

interface RunningWorker {
  readonly jobs: Worker<Payload>
  /** The one it was given and those that it made of it. */
  readonly connections: readonly [Redis, ReadonlySet<Redis>]
}

function rememberClones(redis: Redis): ReadonlySet<Redis> {
  const clones = new Set<Redis>()
  const duplicate = redis.duplicate.bind(redis)
  redis.duplicate = (options) => {
    const clone = duplicate({ ...options, socketTimeout: BLOCKED_TIMEOUT_MS })
    clones.add(clone)
    return clone
  }
  return clones
}

/**
 * Ends a connection for good, so that BullMQ's worker, which waits for its answers, can close. One that waits for its
 * server is ended by an attempt that fails: after disconnect() it would never tell that it has ended.
 */
function letGo(connection: Redis): void {
  connection.options.retryStrategy = () => null
  connection.on('connect', () => connection.disconnect())
  if (connection.status === 'reconnecting') connection.connect().catch(() => undefined)
  else if (connection.status !== 'end') connection.disconnect()
  // ioredis keeps those that it would send again when it is connected, and forgets them when it ends instead.
  const { prevCommandQueue: kept } = connection as unknown as { prevCommandQueue?: KeptCommands | null }
  for (let next = kept?.shift(); next; next = kept?.shift()) next.command.reject(new Error('Connection is closed.'))
}

interface KeptCommands {
  shift(): { readonly command: Command } | undefined
}
