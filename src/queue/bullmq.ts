// The queue on Redis, by BullMQ: a job is a batch of order ids and nothing else. Whatever happens to a job (lost before it
// was published, flushed, done twice), the orders are in the database, and a worker with nothing to do finds them there.

import type { Redis } from 'ioredis'
import type { Database } from '../database/connection.js'
import { inBatches } from '../domain/batches.js'
import type { OrderId } from '../domain/ids.js'
import { EXIT, UserError } from '../errors.js'
import type { RedisAddress } from '../redis/address.js'
import { connectRedis, readFacts, refuseUnfit, unreachable } from '../redis/connection.js'
import { BullConsumer } from './bullmq-consumer.js'
import { type BullSettings, bullPrefix, JOB_OPTIONS, jobIdOf, type Payload, QUEUE_NAME } from './bullmq-jobs.js'
import { Queue as BullQueue } from './bullmq-package.js'
import { withdrawDue } from './due-orders.js'
import type { ConsumeOptions, Consumer, DeliveryHandler, Queue, QueueCounts } from './queue.js'

/** A command without an answer for so long has none coming: the connection hangs. */
const COMMAND_TIMEOUT_MS = 5000

/** Jobs that are sent to Redis together. */
const JOBS_AT_ONCE = 200

/** Of the stream of events that BullMQ keeps, which nothing here reads. */
const EVENTS_KEPT = 1000

interface Connected {
  readonly redis: Redis
  readonly jobs: BullQueue<Payload>
}

export class BullMqQueue implements Queue {
  readonly driver = 'bullmq'
  readonly #db: Database
  readonly #address: RedisAddress
  readonly #settings: BullSettings
  #connected: Promise<Connected> | undefined

  constructor(db: Database, address: RedisAddress, settings: BullSettings) {
    this.#db = db
    this.#address = address
    this.#settings = settings
  }

  async connect(): Promise<void> {
    await this.#connect()
  }

  async publish(ids: readonly OrderId[], delayMs = 0): Promise<void> {
    const jobs = inBatches(ids, this.#settings.batchSize).map((batch) => ({
      name: 'batch',
      data: { ids: batch },
      opts: { jobId: jobIdOf(batch, delayMs), ...(delayMs > 0 ? { delay: delayMs } : {}) },
    }))
    try {
      for (const some of inBatches(jobs, JOBS_AT_ONCE)) await this.#ask((connected) => connected.jobs.addBulk(some))
    } catch (error) {
      throw error instanceof UserError && error.exit === EXIT.unreachable ? notPublished(error) : error
    }
  }

  consume(handler: DeliveryHandler, options: ConsumeOptions): Consumer {
    return new BullConsumer(
      { queue: this, db: this.#db, address: this.#address, settings: this.#settings },
      handler,
      options,
    )
  }

  async pause(): Promise<void> {
    await this.#ask(({ jobs }) => jobs.pause())
  }

  async resume(): Promise<void> {
    await this.#ask(({ jobs }) => jobs.resume())
  }

  isPaused(): Promise<boolean> {
    return this.#ask(({ jobs }) => jobs.isPaused())
  }

  /** First the orders, then the jobs: a job that is left over finds no order that is due. */
  async clear(): Promise<number> {
    await this.connect()
    const cleared = await withdrawDue(this.#db)
    await this.#ask(({ jobs }) => jobs.drain(true))
    return cleared
  }

  counts(): Promise<QueueCounts> {
    return this.#ask(async ({ jobs }) => {
      const counts = await jobs.getJobCounts('waiting', 'active', 'delayed')
      const [oldest] = await jobs.getJobs('waiting', 0, 0, true)
      return {
        unit: 'batches',
        waiting: counts['waiting'] ?? 0,
        active: counts['active'] ?? 0,
        delayed: counts['delayed'] ?? 0,
        oldestWaitingSeconds: oldest ? Math.max(0, Date.now() - oldest.timestamp) / 1000 : null,
      }
    })
  }

  async close(): Promise<void> {
    const connected = await this.#connected?.catch(() => undefined)
    this.#connected = undefined
    if (!connected) return
    await connected.jobs.close().catch(() => undefined)
    connected.redis.disconnect()
  }

  /** Made once; after a failure, the next one who asks tries again. */
  #connect(): Promise<Connected> {
    this.#connected ??= this.#open().catch((error: unknown) => {
      this.#connected = undefined
      throw error
    })
    return this.#connected
  }

  async #open(): Promise<Connected> {
    const redis = await connectRedis(this.#address, { maxRetriesPerRequest: 1, commandTimeout: COMMAND_TIMEOUT_MS })
    try {
      refuseUnfit(await readFacts(redis), this.#address, this.#settings)
      const jobs = new BullQueue<Payload>(QUEUE_NAME, {
        connection: redis,
        prefix: bullPrefix(this.#settings),
        // Done above, where it says what to do.
        skipVersionCheck: true,
        defaultJobOptions: JOB_OPTIONS,
        streams: { events: { maxLen: EVENTS_KEPT } },
      })
      // Whoever asks hears of it.
      jobs.on('error', () => undefined)
      return { redis, jobs }
    } catch (error) {
      redis.disconnect()
      throw error
    }
  }

  async #ask<Answer>(question: (connected: Connected) => Promise<Answer>): Promise<Answer> {
    const connected = await this.#connect()
    try {
      return await question(connected)
    } catch (error) {
      throw error instanceof Error && isConnectionError(error) ? unreachable(this.#address, error) : error
    }
  }
}

/** Errors of the server's own, such as a full memory, are none. */
function isConnectionError(error: Error): boolean {
  return (
    error.name === 'MaxRetriesPerRequestError' ||
    'syscall' in error ||
    /Connection is closed|Command timed out|Stream isn't writeable/.test(error.message)
  )
}

function notPublished(cause: UserError): UserError {
  return new UserError(
    {
      code: 'not_published',
      message: `The orders are stored and due, but workers could not be told: ${cause.message}`,
      fix: 'Nothing is lost: workers look for such orders when they have nothing else to do. To tell them at once when Redis is back: orderctl rebuild queue',
      retryable: true,
      exit: EXIT.unreachable,
    },
    { cause },
  )
}
