// A worker process, which consumes the queue with a pool of threads. Its parts start in order and stop in reverse
// order, and it reports everything as one stream of events.
import type { Kysely } from 'kysely'
import { asError, FailureReporter, startBackground } from '../background.js'
import type { Config } from '../config/config.js'
import { explainDatabaseError } from '../database/connection.js'
import type { Schema } from '../database/schema.js'
import type { LeaseToken, OrderId } from '../domain/ids.js'
import type { OpenGateway } from '../payments/gateway.js'
import { ownGateway } from '../payments/open-gateway.js'
import { countDue, countWaiting } from '../queue/due-orders.js'
import type { Consumer, Queue } from '../queue/queue.js'
import { countLostBatch, uncountLostClaim } from '../queue/suspects.js'
import { nextScale, ordersPerBatch, type Scale } from './autoscale.js'
import { type BatchResult, NO_OUTCOMES, OUTCOMES, type Outcomes, processedOf } from './batch.js'
import { type Heartbeat, startHeartbeat } from './heartbeat.js'
import { onceReachable, temporaryProblem, throughOutages, type Waiting } from './outage.js'
import { finishDueRefunds, refundOptionsOf } from './refund.js'
import { type BatchThreads, FailedBatch, Threads } from './threads.js'
import type { Limits, WorkerEvent } from './worker-events.js'

interface WorkOptions {
  /** Number of batches in progress: follows the backlog between the limits; fixed if they are equal. */
  readonly concurrency: Limits
  /** End when nothing is due or in progress. */
  readonly drain: boolean
  /** With `drain`, wait for the orders that are due later. */
  readonly waitsForLater: boolean
  /** When to end, by performance.now(). */
  readonly deadline: number | undefined
  /** End after this many orders, or a few more, since batches in progress are finished. */
  readonly maxOrders: number | undefined
  /** Ends the work; batches in progress are finished. */
  readonly signal: AbortSignal
  /** How to wait while the work cannot start. If undefined, that is an error. */
  readonly waiting: Waiting | undefined
  /** Whether to report the backlog. */
  readonly reportsBacklog: boolean
  readonly emit: (event: WorkerEvent) => void
}

interface Services {
  readonly db: Kysely<Schema>
  readonly queue: Queue
  readonly config: Config
  /** Undefined if each thread has its own. Closed when the work ends. */
  readonly gateway: OpenGateway | undefined
  /** Figures in Redis that follow the database. */
  readonly figures: { publish(): Promise<void> } | undefined
}

/** The pause between two publications is at least this long, and at least nine times as long as a publication takes. */
const PUBLISH_MS = 5000
const PUBLISH_SHARE = 9

/** Pause between two searches for refunds to finish. */
const REFUND_MS = 2000

const SCALE_MS = 1000

/** The pause between two counts of the backlog is at least this long, and at least 19 times as long as a count. */
const BACKLOG_MS = 1000
const BACKLOG_SHARE = 19

/** Orders beyond this number are not counted, since they make no difference to the scale. */
const MOST_COUNTED = 100_000

export class Worker {
  readonly #app: Services
  readonly #options: WorkOptions
  readonly #limits: Limits
  readonly #maxOrders: number
  readonly #batchSize: number
  readonly #threads: BatchThreads
  /** Claims that an outage interrupted. They are uncounted once the database answers again. */
  readonly #interrupted: { readonly ids: readonly OrderId[]; readonly token: LeaseToken }[] = []
  readonly #uncounted = new Set<OrderId>()
  #inProgress = 0
  readonly #totals = { ...NO_OUTCOMES }
  readonly #stops: (() => Promise<void> | void)[] = []
  readonly #over = new AbortController()
  readonly #fatal = new AbortController()
  /** Aborted when no more orders are to be claimed. */
  readonly #signal: AbortSignal
  #heartbeat: Heartbeat | undefined
  #consumer: Consumer | undefined
  #concurrency: number
  /** How long a batch takes, in milliseconds: a moving average. */
  #batchMs: number | undefined
  #hasSuspect = false
  /** Whether the worker is waiting for the end of an outage that it has reported. */
  #isWaiting = false

  /** @param threads process the batches; by default, threads of this process */
  constructor(app: Services, options: WorkOptions, threads?: BatchThreads) {
    const { config, gateway } = app
    this.#app = app
    this.#options = options
    this.#limits = options.concurrency
    this.#concurrency = this.#limits.min
    this.#maxOrders = options.maxOrders ?? Number.POSITIVE_INFINITY
    const most = ordersPerBatch(config['payments.ratePerSecond'], this.#limits.max)
    this.#batchSize = Math.min(config['workflow.batchSize'], this.#maxOrders, most)
    const onLost = (text: string) => options.emit({ event: 'thread_lost', text })
    this.#threads = threads ?? new Threads(config, { concurrency: this.#limits.max, gateway }, onLost)
    this.#signal = AbortSignal.any([options.signal, this.#fatal.signal, this.#over.signal])
  }

  /** Number of orders that this process is processing. */
  get inProgress(): number {
    return this.#inProgress
  }

  /** Works until an end that the options define. @throws errors that would recur in a later attempt */
  async run(): Promise<Outcomes> {
    const { emit } = this.#options
    try {
      if (!(await onceReachable(() => this.#start(), { ...this.#app.config, ...this.#options }))) return this.#totals

      if (!this.#options.waiting) await this.#app.gateway?.check()
      this.#signal.addEventListener('abort', () => emit({ event: 'stopping' }), { once: true })
      emit({ event: 'started', ...this.#limits })
      await this.#consume()
      this.#fatal.signal.throwIfAborted()
      return this.#totals
    } finally {
      for (const stop of this.#stops.reverse()) await stop()
      await this.#app.gateway?.close()
    }
  }

  /** May be called again after a failure: only starting the threads and the heartbeat can fail in an outage. */
  async #start(): Promise<true> {
    const { emit } = this.#options
    if (this.#stops.length === 0) this.#stops.push(() => this.#threads.stop())
    await this.#threads.start()
    this.#heartbeat = await startHeartbeat(this.#app.db, {
      figures: () => ({ processed: processedOf(this.#totals), concurrency: this.#concurrency }),
      waitingFor: () => this.#app.gateway?.trouble?.message,
      onAlive: (figures) => emit({ event: 'alive', ...figures }),
      onFatal: (error) => this.#fatal.abort(error),
      reporter: this.#reporterFor('The heartbeat'),
      keyLifetimeMs: refundOptionsOf(this.#app.config).keyLifetimeMs,
    })
    this.#stops.push(this.#heartbeat.stop)
    this.#publish()
    this.#finishRefunds()
    this.#limitTime()
    if (this.#limits.min < this.#limits.max) this.#followBacklog()
    if (this.#options.reportsBacklog) this.#reportBacklog()
    return true
  }

  #publish(): void {
    const { figures } = this.#app
    if (!figures) return
    const pauseMs = (took: number) => Math.max(PUBLISH_MS, PUBLISH_SHARE * took)
    const reporter = this.#reporterFor('Updating Redis')
    this.#stops.push(startBackground(() => figures.publish(), { pauseMs, reporter, lastRun: true }).end)
  }

  /** Finishes refunds whose process died, or whose outcome is unknown. */
  #finishRefunds(): void {
    const { db, config } = this.#app
    const gateway = this.#app.gateway ?? ownGateway(config)
    if (!gateway) return
    const { signal } = this.#options
    const finish = () => finishDueRefunds(db, (use) => use(gateway), refundOptionsOf(config), signal)
    const reporter = this.#reporterFor('Finishing refunds')
    this.#stops.push(startBackground(finish, { pauseMs: () => REFUND_MS, reporter, lastRun: true }).end)
  }

  #limitTime(): void {
    const { deadline } = this.#options
    if (deadline === undefined) return
    const timer = setTimeout(() => this.#over.abort(), Math.max(1, deadline - performance.now()))
    this.#stops.push(() => clearTimeout(timer))
  }

  #followBacklog(): void {
    let scale: Scale = { concurrency: this.#limits.min, calmFor: 0 }
    const follow = async () => {
      const from = scale.concurrency
      const waiting = Math.ceil((await countWaiting(this.#app.db, MOST_COUNTED)) / this.#batchSize)
      scale = nextScale(scale, { waiting, batchMs: this.#batchMs }, this.#limits)
      const to = scale.concurrency
      if (to === from) return
      this.#concurrency = to
      this.#consumer?.resize(to)
      this.#options.emit({ event: 'scaled', from, to })
    }
    const reporter = this.#reporterFor('Adjusting the number of batches')
    this.#stops.push(startBackground(follow, { pauseMs: () => SCALE_MS, reporter }).end)
  }

  #reportBacklog(): void {
    const report = async () => {
      const { waiting, active, delayed } = await countDue(this.#app.db)
      this.#options.emit({ event: 'backlog', due: waiting, inProgress: active, dueLater: delayed })
    }
    const reporter = this.#reporterFor('Counting the due orders')
    const pauseMs = (took: number) => Math.max(BACKLOG_MS, BACKLOG_SHARE * took)
    this.#stops.push(startBackground(report, { pauseMs, reporter }).end)
  }

  async #consume(): Promise<void> {
    const { db, queue, config, gateway } = this.#app
    const { drain, waitsForLater, emit } = this.#options
    const signal = this.#signal
    const onNotice: Waiting['onNotice'] = (text, event) => emit({ event, text })
    const onOutage: Waiting['onNotice'] = (text, event) => {
      this.#isWaiting = event === 'server_away'
      onNotice(text, event)
    }
    await throughOutages({ db, database: config.database, signal, onNotice: onOutage }, async (worked) => {
      const wasAway = gateway?.trouble !== undefined
      await gateway?.check()
      if (wasAway) worked()
      for (let claim = this.#interrupted[0]; claim; claim = this.#interrupted[0]) {
        await uncountLostClaim(db, claim)
        this.#interrupted.shift()
      }
      const handle = async (ids: readonly OrderId[]) => {
        if (gateway?.trouble) throw gateway.trouble
        const claimed = await this.#handle(ids)
        if (claimed > 0) worked()
        return claimed
      }
      const [batchSize, concurrency] = [this.#batchSize, this.#concurrency]
      this.#consumer = queue.consume(handle, { drain, waitsForLater, batchSize, signal, concurrency, onNotice })
      return this.#consumer.ended
    })
  }

  async #handle(ids: readonly OrderId[]): Promise<number> {
    const { claimed, suspects } = await this.#take(ids, false)
    // A process claims one suspect at a time; the others come with a later delivery.
    if (this.#hasSuspect || suspects.length === 0) return claimed
    this.#hasSuspect = true
    try {
      let all = claimed
      for (const id of suspects) if (!this.#signal.aborted) all += (await this.#take([id], true)).claimed
      return all
    } finally {
      this.#hasSuspect = false
    }
  }

  async #take(ids: readonly OrderId[], alone: boolean): Promise<Pick<BatchResult, 'claimed' | 'suspects'>> {
    const began = performance.now()
    this.#inProgress += ids.length
    const run = () => ({ alone, ranMs: performance.now() - began })
    try {
      const result = await this.#threads.run(ids, alone)
      if (!result) await countLostBatch(this.#app.db, ids, run())
      else this.#add(result, run().ranMs, alone)
      return result ?? { claimed: 0, suspects: [] }
    } catch (error) {
      if (!(error instanceof FailedBatch)) throw error
      if (temporaryProblem(error.cause, this.#app.config.database)) this.#interrupt(ids, error.token)
      // A committed claim is already counted.
      else if (!error.token) await countLostBatch(this.#app.db, ids, run())
      throw error.cause
    } finally {
      this.#inProgress -= ids.length
    }
  }

  /**
   * Uncounts a claim that an outage interrupted, but only once per order: the order may be what breaks the connection.
   */
  #interrupt(all: readonly OrderId[], token: LeaseToken | undefined): void {
    if (!token) return
    const ids = all.filter((id) => !this.#uncounted.has(id))
    for (const id of ids) this.#uncounted.add(id)
    if (ids.length > 0) this.#interrupted.push({ ids, token })
  }

  #add(result: BatchResult, ms: number, alone: boolean): void {
    if (!alone) this.#batchMs = this.#batchMs === undefined ? ms : this.#batchMs * 0.7 + ms * 0.3
    // A batch whose orders another worker had claimed does not count.
    if (result.claimed > 0) this.#heartbeat?.batches.add(ms, processedOf(result))
    for (const outcome of OUTCOMES) this.#totals[outcome] += result[outcome]
    const processed = processedOf(this.#totals)
    this.#options.emit({ event: 'progress', processed })
    if (processed >= this.#maxOrders) this.#over.abort()
  }

  /** Leaves out failures that the consumer reports itself. */
  #reporterFor(subject: string): FailureReporter {
    const { database } = this.#app.config
    const explain = (error: unknown) => {
      const problem = explainDatabaseError(error, database)
      const isOutage = problem && temporaryProblem(problem, database)
      if (isOutage && (this.#isWaiting || problem.code === 'database_unreachable')) return undefined
      return problem ?? asError(error)
    }
    return new FailureReporter({ subject, explain, onNotice: (text, event) => this.#options.emit({ event, text }) })
  }
}
