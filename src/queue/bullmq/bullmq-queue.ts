// The queue by BullMQ, on Redis or PostgreSQL: a job is a batch of order ids and nothing else. Whatever happens to a job
// (lost before it was published, flushed, done twice), the orders are in the database, and a worker with nothing to do
// finds them there.
import type { Database } from '../../database/connection.js'
import { inBatches } from '../../domain/batches.js'
import type { OrderId } from '../../domain/ids.js'
import { EXIT, UserError } from '../../errors.js'
import { withdrawDue } from '../due-orders.js'
import { notPublished } from '../not-published.js'
import type { ConsumeOptions, Consumer, DeliveryHandler, Queue, QueueCounts } from '../queue.js'
import { BullConsumer } from './consumer.js'
import { type BullSettings, jobIdOf } from './jobs.js'
import type { BullServer, ConnectedJobs } from './server.js'

/** Jobs that are sent to the server together. */
const JOBS_AT_ONCE = 200

export class BullMqQueue implements Queue {
  readonly driver: string
  readonly #db: Database
  readonly #server: BullServer
  readonly #settings: BullSettings
  #connected: Promise<ConnectedJobs> | undefined

  constructor(db: Database, server: BullServer, settings: BullSettings) {
    this.driver = server.driver
    this.#db = db
    this.#server = server
    this.#settings = settings
  }

  async connect(): Promise<void> {
    await this.#ask(({ tryWrite }) => tryWrite())
  }

  async publish(ids: readonly OrderId[], delayMs = 0): Promise<void> {
    const jobs = inBatches(ids, this.#settings.batchSize).map((batch) => ({
      name: 'batch',
      data: { ids: batch },
      opts: { jobId: jobIdOf(batch, delayMs), ...(delayMs > 0 ? { delay: delayMs } : {}) },
    }))
    try {
      for (const some of inBatches(jobs, JOBS_AT_ONCE)) await this.#ask(({ jobs }) => jobs.addBulk(some))
    } catch (error) {
      throw error instanceof UserError && error.exit === EXIT.unreachable
        ? notPublished(error, this.#server.product)
        : error
    }
  }

  consume(handler: DeliveryHandler, options: ConsumeOptions): Consumer {
    return new BullConsumer(
      { queue: this, db: this.#db, server: this.#server, settings: this.#settings },
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
    return this.#ask(async (connected) => {
      const { oldestAt, ...counts } = await connected.count()
      const oldestWaitingSeconds = oldestAt === null ? null : Math.max(0, Date.now() - oldestAt) / 1000
      return { unit: 'batches', ...counts, oldestWaitingSeconds }
    })
  }

  async close(): Promise<void> {
    const connected = await this.#connected?.catch(() => undefined)
    this.#connected = undefined
    if (!connected) return
    await connected.jobs.close().catch(() => undefined)
    await connected.letGo()
  }

  /** Made once; after a failure, the next one who asks tries again. */
  #connect(): Promise<ConnectedJobs> {
    this.#connected ??= this.#server.openJobs().catch((error: unknown) => {
      this.#connected = undefined
      throw error
    })
    return this.#connected
  }

  async #ask<Answer>(question: (connected: ConnectedJobs) => Promise<Answer>): Promise<Answer> {
    const connected = await this.#connect()
    try {
      return await question(connected)
    } catch (error) {
      throw this.#server.explain(error) ?? error
    }
  }
}
