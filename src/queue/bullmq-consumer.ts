// Takes batches from Redis by a BullMQ worker, and watches over it: a worker that sleeps though there is work is replaced,
// and nothing waits for ever on a server that is away.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Command, Redis } from 'ioredis'
import type { Database } from '../database/connection.js'
import type { RedisAddress } from '../redis/address.js'
import { connectRedis } from '../redis/connection.js'
import { type BullSettings, bullPrefix, type Payload, QUEUE_NAME } from './bullmq-jobs.js'
import { Worker } from './bullmq-package.js'
import { Deliveries } from './deliveries.js'
import type { ConsumeOptions, Consumer, DeliveryHandler, Queue } from './queue.js'

/** How long a worker may take to close once it has nothing in hand: it waits for its server. */
const CLOSE_MS = 3000

/** A worker waits for jobs by a command that Redis answers after ten seconds, at the latest. */
const BLOCKED_TIMEOUT_MS = 15_000

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
  readonly #deliveries: Deliveries
  #concurrency: number
  #worker: RunningWorker | undefined

  constructor(here: Surroundings, handler: DeliveryHandler, options: ConsumeOptions) {
    const { queue, db, address, settings } = here
    this.#here = here
    const watched = { queue, db, server: `Redis at ${address.name}`, leaseMs: settings.leaseMs }
    this.#deliveries = new Deliveries(watched, handler, options)
    this.#concurrency = options.concurrency
    this.ended = this.#run()
  }

  resize(concurrency: number): void {
    this.#concurrency = concurrency
    if (this.#worker) this.#worker.jobs.concurrency = concurrency
  }

  async #run(): Promise<void> {
    const deliveries = this.#deliveries
    this.#worker = await this.#startWorker()
    try {
      while (!deliveries.signal.aborted) {
        const hasFreeHand = deliveries.inHand < this.#concurrency
        if (hasFreeHand && (await deliveries.look()) === 'ignored') await this.#replaceWorker(this.#worker)
        await deliveries.rest()
      }
    } finally {
      await this.#stopWorker(this.#worker)
    }
    deliveries.throwFailure()
  }

  /** For one that sleeps though batches wait. */
  async #replaceWorker(asleep: RunningWorker): Promise<void> {
    try {
      this.#worker = await this.#startWorker()
      await this.#stopWorker(asleep)
    } catch (error) {
      this.#deliveries.noticeAway(error)
    }
  }

  async #startWorker(): Promise<RunningWorker> {
    const { address, settings } = this.#here
    // Its commands wait for as long as the server is away.
    const redis = await connectRedis(address, { maxRetriesPerRequest: null })
    const clones = rememberClones(redis)
    const jobs = new Worker<Payload>(QUEUE_NAME, (job) => this.#deliveries.take(job.data.ids), {
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
      this.#deliveries
        .finished()
        .then(() => sleep(this.#deliveries.isServerAway ? 0 : CLOSE_MS, undefined, { ref: false })),
    ])
    for (const connection of [redis, ...clones]) letGo(connection)
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
