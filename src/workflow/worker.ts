// A worker process: consumes the queue with a pool of threads, and shows in the database that it is alive.
import { availableParallelism } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { Piscina } from 'piscina'
import { asError, type BackgroundEvent, type BackgroundTask, startBackground, Troubles } from '../background.js'
import type { Config } from '../config.js'
import { explainDatabaseError } from '../database/connection.js'
import type { Kysely } from '../database/kysely.js'
import type { Schema } from '../database/schema.js'
import { WriteTurn } from '../database/write-turn.js'
import type { OrderId } from '../domain/ids.js'
import { UserError } from '../errors.js'
import { countWaiting } from '../queue/due-orders.js'
import type { Consumer, Queue, ServerEvent } from '../queue/queue.js'
import { type Limits, smoothed, startScaling } from './autoscale.js'
import type { BatchOptions, BatchResult } from './batch.js'
import { startHeartbeat, type WorkFigures } from './heartbeat.js'
import { isDatabaseAway, onceItCan, throughOutages, type Waiting } from './outage.js'
import type { Answered, ThreadOptions } from './thread.js'

export interface WorkOptions {
  /** Batches in hand at a time: between these, by what there is to do; the same twice holds it there. */
  readonly concurrency: Limits
  /** End when nothing is due or in flight. */
  readonly drain: boolean
  /** By performance.now(): when to end. */
  readonly deadline: number | undefined
  /** End once so many orders were processed; batches in hand are finished, so it may be some more. */
  readonly maxOrders: number | undefined
  /** Ends the work; batches in hand are finished. */
  readonly signal: AbortSignal
  readonly onProgress: (totals: WorkTotals) => void
  /** How to wait if the work cannot begin; if left out, it then ends with the error. */
  readonly waiting: Waiting | undefined
  /** Told of outages and of failures in the background: once that each begins, and once that it is over. */
  readonly onNotice: (text: string, event: ServerEvent | BackgroundEvent) => void
  /** Told once, when the first orders may be taken, with the limits that hold. */
  readonly onStarted: (limits: Limits) => void
  /** Told once, when no more orders are taken because of the signal or of a limit; those in hand are finished. */
  readonly onStopping: () => void
  readonly onScaled: (from: number, to: number) => void
  /** Told every two seconds, unless the process hangs: see heartbeat.ts. */
  readonly onAlive: (figures: WorkFigures) => void
}

export interface WorkTotals {
  /** Orders that were settled: completed, failed or rolled back. */
  readonly processed: number
  readonly completed: number
  readonly failed: number
  readonly rolledBack: number
  /** Charges without an answer; an order may be among them more than once. */
  readonly postponed: number
  /** Transactions that the database gave up for another's sake, and that were done again. */
  readonly repeated: number
}

export const NO_TOTALS: WorkTotals = { processed: 0, completed: 0, failed: 0, rolledBack: 0, postponed: 0, repeated: 0 }

/** Between two refreshes: at least so long, and nine times as long as one takes, so that they cost a tenth of the time. */
const REFRESH_MS = 5000
const REFRESH_SHARE = 9

interface Surroundings {
  readonly db: Kysely<Schema>
  readonly queue: Queue
  readonly config: Config
  /** Figures that are kept outside of the database, and follow it. */
  readonly redisReports: { refresh(): Promise<void> } | undefined
}

export async function work(
  { db, queue, config, redisReports }: Surroundings,
  options: WorkOptions,
): Promise<WorkTotals> {
  const limits = limitsWithin(config['payments.maxInFlight'], options.concurrency)
  const loaded = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT))
  const pool = createPool(config, limits.max, loaded)
  let totals = NO_TOTALS
  // The work itself waits for a database that is away, and says so.
  const explain = (error: unknown) => {
    const problem = error instanceof UserError ? error : explainDatabaseError(error, config.database)
    return problem && isDatabaseAway(problem) ? undefined : (problem ?? asError(error))
  }
  const troublesOf = (subject: string) => new Troubles({ subject, explain, onNotice: options.onNotice })
  const begin = async () => {
    await threadsLoaded(loaded, pool.options.minThreads)
    return startHeartbeat(db, limits.min, () => totals.processed, options.onAlive, troublesOf('The heartbeat'))
  }
  const heartbeat = await onceItCan(begin, { ...config, ...options }).catch(async (error: unknown) => {
    await pool.destroy()
    throw error
  })
  if (!heartbeat) {
    await pool.destroy()
    return totals
  }
  const stop = stopWhen({ ...options, signal: AbortSignal.any([options.signal, heartbeat.fatal]) })
  stop.signal.addEventListener('abort', options.onStopping)
  const refreshing =
    redisReports &&
    startBackground(() => redisReports.refresh(), {
      pauseMs: (took) => Math.max(REFRESH_MS, REFRESH_SHARE * took),
      troubles: troublesOf('Updating Redis'),
      lastRun: true,
    })
  let batchMs: number | undefined
  let scaling: BackgroundTask | undefined
  const handle = async (ids: readonly OrderId[]): Promise<number> => {
    const began = performance.now()
    const answered: Answered = await pool.run(ids)
    if ('problem' in answered) throw new UserError(answered.problem)
    const { result } = answered
    const ms = performance.now() - began
    batchMs = smoothed(batchMs, ms)
    // Orders that another worker had taken before are no batch's work.
    if (result.claimed > 0) heartbeat.countBatch(ms)
    totals = addResult(totals, result)
    options.onProgress(totals)
    if (options.maxOrders !== undefined && totals.processed >= options.maxOrders) stop.now()
    return result.claimed
  }
  try {
    const batchSize = Math.min(config['workflow.batchSize'], options.maxOrders ?? Number.POSITIVE_INFINITY)
    const { signal } = stop
    let concurrency = limits.min
    let consumer: Consumer | undefined
    scaling = startScaling(limits, troublesOf('Adjusting the number of batches'), {
      look: async () => ({ waiting: Math.ceil((await countWaiting(db, MOST_COUNTED)) / batchSize), batchMs }),
      resize(to, from) {
        concurrency = to
        consumer?.resize(to)
        heartbeat.resize(to)
        options.onScaled(from, to)
      },
    })
    options.onStarted(limits)
    const { onNotice } = options
    await throughOutages({ db, database: config.database, signal, onNotice }, (worked) => {
      const handleAndTell = async (ids: readonly OrderId[]) => {
        const claimed = await handle(ids)
        if (claimed > 0) worked()
        return claimed
      }
      consumer = queue.consume(handleAndTell, { ...options, concurrency, batchSize, signal })
      return consumer.ended
    })
    heartbeat.fatal.throwIfAborted()
    return totals
  } finally {
    await scaling?.end()
    stop.forget()
    await pool.close()
    await refreshing?.end()
    await heartbeat.end()
  }
}

/** Each batch has a charge open at least, so there are no more of them than may be open. */
function limitsWithin(maxInFlight: number, { min, max }: Limits): Limits {
  return { min: Math.min(min, maxInFlight), max: Math.min(max, maxInFlight) }
}

/** Beyond so many waiting orders, more make no difference; counting them would. */
const MOST_COUNTED = 100_000

/**
 * Of a thread, to a database server. Batches in hand mostly wait for their charges, without a connection; more transactions
 * at a time than these would only wait for each other's locks, and a server has a hundred connections for everybody.
 */
const MOST_CONNECTIONS = 4

function createPool(config: Config, concurrency: number, loaded: Int32Array): Piscina<readonly OrderId[], Answered> {
  const threads = Math.min(availableParallelism(), concurrency)
  const batch: BatchOptions = {
    claim: { leaseMs: config['workflow.leaseMs'], reservationTtlMs: config['workflow.reservationTtlMs'] },
    charge: {
      inFlight: chargesPerWorker(
        { inFlightPerWorker: config['payments.inFlightPerWorker'], maxInFlight: config['payments.maxInFlight'] },
        concurrency,
      ),
      timeoutMs: config['payments.timeoutMs'],
    },
    settle: { attempts: config['workflow.attempts'] },
  }
  const tasksPerThread = Math.ceil(concurrency / threads)
  return new Piscina({
    filename: new URL('./thread.js', import.meta.url).href,
    minThreads: threads,
    maxThreads: threads,
    // A thread has several batches in hand while their charges are under way, ...
    concurrentTasksPerWorker: tasksPerThread,
    // ... so it must not sleep, deaf to their answers, when it has nothing else to do.
    atomics: 'disabled',
    closeTimeout: 1_200_000,
    workerData: {
      config,
      batch,
      turn: WriteTurn.share(),
      connections: Math.min(tasksPerThread + 1, MOST_CONNECTIONS),
      loaded,
    } satisfies ThreadOptions,
  })
}

/** How long threads may take to load before the work begins without them, in milliseconds. */
const LOADING_MS = 5000

/** Node aborts when a process exits while a thread still loads; so until then no order is in hand that a user waits for. */
async function threadsLoaded(loaded: Int32Array, threads: number): Promise<void> {
  for (const began = Date.now(); Atomics.load(loaded, 0) < threads && Date.now() - began < LOADING_MS; ) await sleep(2)
}

/** A worker's share of the charges that the process may have open, so that together they keep the limit. */
export function chargesPerWorker(
  { inFlightPerWorker, maxInFlight }: { readonly inFlightPerWorker: number; readonly maxInFlight: number },
  concurrency: number,
): number {
  return Math.max(1, Math.min(inFlightPerWorker, Math.floor(maxInFlight / concurrency)))
}

function addResult(totals: WorkTotals, result: BatchResult): WorkTotals {
  return {
    processed: totals.processed + result.completed + result.failed + result.rolledBack,
    completed: totals.completed + result.completed,
    failed: totals.failed + result.failed,
    rolledBack: totals.rolledBack + result.rolledBack,
    postponed: totals.postponed + result.postponed,
    repeated: totals.repeated + result.repeated,
  }
}

function stopWhen({ signal, deadline }: WorkOptions) {
  const controller = new AbortController()
  const now = () => controller.abort()
  signal.addEventListener('abort', now, { once: true })
  // It may have come while the threads were started.
  if (signal.aborted) now()
  const timer = deadline === undefined ? undefined : setTimeout(now, Math.max(1, deadline - performance.now()))
  return {
    signal: controller.signal,
    now,
    forget() {
      clearTimeout(timer)
      signal.removeEventListener('abort', now)
    },
  }
}
