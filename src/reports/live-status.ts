// The state of things, read again and again for a view that stays open. Each figure is read at its own pace: what is dear
// to read, as the count of a million orders by status (0.4 s), is read more seldom than what an index answers at once.
// Nothing is held open in between: a reader that stayed in a transaction would keep the database's log from shrinking.
import type { Database } from '../database/connection.js'
import { databaseTime } from '../database/engine.js'
import { settledWithin } from '../domain/patience.js'
import { countDue } from '../queue/due-orders.js'
import type { Queue } from '../queue/queue.js'
import { estimateWait, readPace } from './pace.js'
import { SettledStepReader, type SettledSteps } from './settled-steps.js'
import {
  countOrders,
  type Delivery,
  measureThroughput,
  readDelivery,
  readFailures,
  readOpenImports,
  readWorkers,
  type Status,
} from './status.js'
import { Paced } from './throttle.js'

/** For the queue's server to answer. One that takes longer, or is away, does not hold up the rest. */
const SERVER_PATIENCE_MS = 300

export interface LiveFigures {
  readonly status: Status
  /** When the orders were counted by status; epoch milliseconds. */
  readonly countedAt: number
  readonly settled: SettledSteps
}

export class LiveStatus {
  readonly #db: Database
  readonly #queue: Queue
  readonly #orders
  readonly #due
  readonly #throughput
  readonly #settled
  readonly #workers
  readonly #pace
  readonly #imports
  readonly #failures
  #delivery: Delivery = { paused: null, transport: null, unreachable: undefined }
  #asking: Promise<void> | undefined

  /** @param stepMs the time that one step of the settled orders stands for */
  constructor(db: Database, queue: Queue, stepMs: number) {
    this.#db = db
    this.#queue = queue
    this.#orders = new Paced(() => countOrders(db))
    this.#due = new Paced(() => countDue(db))
    this.#throughput = new Paced(async () => measureThroughput(db, await databaseTime(db)))
    const steps = new SettledStepReader(db, stepMs)
    this.#settled = new Paced(async () => steps.read(await databaseTime(db)))
    this.#workers = new Paced(async () => readWorkers(db, await databaseTime(db)))
    this.#pace = new Paced(async () => readPace(db, await databaseTime(db)))
    this.#imports = new Paced(async () => readOpenImports(db, await databaseTime(db)))
    this.#failures = new Paced(() => readFailures(db))
  }

  async read(): Promise<LiveFigures> {
    const { value: counts, at: countedAt } = await this.#orders.take()
    const failed = counts.orders.failed + counts.orders.rolled_back > 0
    const due = (await this.#due.take()).value
    const workers = (await this.#workers.take()).value
    const pace = (await this.#pace.take()).value
    return {
      countedAt,
      settled: (await this.#settled.take()).value,
      status: {
        at: await databaseTime(this.#db),
        queue: { driver: this.#queue.driver, ...due, ...(await this.#askQueue()) },
        ...counts,
        throughput: (await this.#throughput.take()).value,
        pace,
        estimatedWaitSeconds: estimateWait(due.waiting, workers, pace),
        workers,
        imports: (await this.#imports.take()).value,
        failures: failed ? (await this.#failures.take()).value : [],
      },
    }
  }

  /** What the queue said last; one question at a time is under way. */
  async #askQueue(): Promise<Delivery> {
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined
    })
    const asking = this.#asking
    // Who asks next hears of a failure that comes later than this.
    if (await settledWithin(SERVER_PATIENCE_MS, asking)) await asking
    return this.#delivery
  }

  async #ask(): Promise<void> {
    this.#delivery = await readDelivery(this.#queue)
  }
}
