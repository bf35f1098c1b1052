// Takes batches from BullMQ by its worker, and watches over it: a worker that sleeps though there is work is replaced, and
// nothing waits for ever on a server that is away.
import type { Database } from '../../database/connection.js'
import { settledWithin } from '../../domain/patience.js'
import { Deliveries } from '../deliveries.js'
import type { ConsumeOptions, Consumer, DeliveryHandler, Queue } from '../queue.js'
import type { BullSettings } from './jobs.js'
import type { BullServer, Connected, DeliverJob, JobWorker } from './server.js'

/** How long a worker may take to close once it has nothing in hand: it waits for its server. */
const CLOSE_MS = 3000

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
  readonly #deliveries: Deliveries
  #concurrency: number
  #worker: Connected<JobWorker> | undefined

  constructor(here: Surroundings, handler: DeliveryHandler, options: ConsumeOptions) {
    const { queue, db, server, settings } = here
    this.#here = here
    this.#deliveries = new Deliveries({ queue, db, server: server.name, leaseMs: settings.leaseMs }, handler, options)
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
        const isLookDue = deliveries.isLookDue(this.#concurrency)
        if (isLookDue && (await deliveries.look()) === 'ignored') await this.#replaceWorker(this.#worker)
        await deliveries.rest()
      }
    } finally {
      await this.#stopWorker(this.#worker)
    }
    deliveries.throwFailure()
  }

  /** For one that sleeps though batches wait. */
  async #replaceWorker(asleep: Connected<JobWorker>): Promise<void> {
    try {
      this.#worker = await this.#startWorker()
      await this.#stopWorker(asleep)
    } catch (error) {
      this.#deliveries.noticeAway(error)
    }
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
    const closed = jobs.close()
    await this.#deliveries.finished()
    await settledWithin(this.#deliveries.isServerAway ? 0 : CLOSE_MS, closed)
    await letGo()
  }

  readonly #deliver: DeliverJob = async ({ data }) => {
    // BullMQ may have asked for it before it heard of fewer hands.
    while (this.#deliveries.inHand >= this.#concurrency) await this.#deliveries.oneFinished()
    await this.#deliveries.take(data.ids)
  }
}
