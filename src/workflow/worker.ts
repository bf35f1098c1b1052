// A worker process: consumes the queue with a pool of threads, and shows in the database that it is alive.

import type { Kysely } from 'kysely'
import { asError, type BackgroundEvent, type BackgroundTask, startBackground, Troubles } from '../background.js'
import type { Config } from '../config/config.js'
import { explainDatabaseError } from '../database/connection.js'
import type { Schema } from '../database/schema.js'
import type { OrderId } from '../domain/ids.js'
import { UserError } from '../errors.js'
import { countWaiting } from '../queue/due-orders.js'
import type { Consumer, Queue, ServerEvent } from '../queue/queue.js'
import { type Limits, smoothed, startScaling } from './autoscale.js'
import type { BatchResult } from './batch.js'
import { startHeartbeat, type WorkFigures } from './heartbeat.js'
import { LostClaims } from './lost-claims.js'
import { onceItCan, passingProblem, throughOutages, type Waiting } from './outage.js'
import { FailedBatch, Threads } from './threads.js'

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
  /** Called with a message when a thread died or hung. Its orders are claimed again when their lease ends. */
  readonly onThreadLost: (text: string) => void
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
  /** Orders set aside for a person, since worker after worker died or hung at them. */
  readonly setAside: number
  /** Transactions that the database gave up for another's sake, and that were done again. */
  readonly repeated: number
}

export const NO_TOTALS: WorkTotals = {
  processed: 0,
  completed: 0,
  failed: 0,
  rolledBack: 0,
  postponed: 0,
  setAside: 0,
  repeated: 0,
}

/** What a delivery came to, as far as its queue needs to know. */
type Taken = Pick<BatchResult, 'claimed' | 'suspects'>

const NOTHING_TAKEN: Taken = { claimed: 0, suspects: [] }

/** Pause between two publications: at least so long, and nine times as long as one takes, so they cost a tenth of the time. */
const PUBLISH_MS = 5000
const PUBLISH_SHARE = 9

interface Surroundings {
  readonly db: Kysely<Schema>
  readonly queue: Queue
  readonly config: Config
  /** Figures in Redis that follow the database. */
  readonly figures: { publish(): Promise<void> } | undefined
}

export async function work({ db, queue, config, figures }: Surroundings, options: WorkOptions): Promise<WorkTotals> {
  const limits = limitsWithin(config['payments.maxInFlight'], options.concurrency)
  const threads = new Threads(config, limits.max, options.onThreadLost)
  let totals = NO_TOTALS
  /** Whether the work waits for something that passes, and has said so. */
  let isWaiting = false
  const explain = (error: unknown) => {
    const problem = error instanceof UserError ? error : explainDatabaseError(error, config.database)
    const isSaid =
      problem && (isWaiting || problem.code === 'database_unreachable') && passingProblem(problem, config.database)
    return isSaid ? undefined : (problem ?? asError(error))
  }
  const troublesOf = (subject: string) => new Troubles({ subject, explain, onNotice: options.onNotice })
  const begin = async () => {
    await threads.loaded()
    return startHeartbeat(db, limits.min, () => totals.processed, options.onAlive, troublesOf('The heartbeat'))
  }
  const heartbeat = await onceItCan(begin, { ...config, ...options }).catch(async (error: unknown) => {
    await threads.destroy()
    throw error
  })
  if (!heartbeat) {
    await threads.destroy()
    return totals
  }
  const stop = stopWhen({ ...options, signal: AbortSignal.any([options.signal, heartbeat.fatal]) })
  stop.signal.addEventListener('abort', options.onStopping)
  const publishing =
    figures &&
    startBackground(() => figures.publish(), {
      pauseMs: (took) => Math.max(PUBLISH_MS, PUBLISH_SHARE * took),
      troubles: troublesOf('Updating Redis'),
      lastRun: true,
    })
  let batchMs: number | undefined
  let scaling: BackgroundTask | undefined
  const lostClaims = new LostClaims(db, config.database)
  const take = async (ids: readonly OrderId[], alone: boolean): Promise<Taken> => {
    const began = performance.now()
    const ran = alone ? threads.runAlone(ids) : threads.run(ids)
    const lost = () => ({ ids, alone, ranMs: performance.now() - began })
    const result = await ran.catch(async (error: unknown) => {
      if (!(error instanceof FailedBatch)) throw error
      await lostClaims.failed(error, lost())
      throw error.cause
    })
    if (!result) {
      await lostClaims.count(lost())
      return NOTHING_TAKEN
    }
    const ms = performance.now() - began
    if (!alone) batchMs = smoothed(batchMs, ms)
    // Orders that another worker had taken before are no batch's work.
    if (result.claimed > 0) heartbeat.countBatch(ms, result.completed + result.failed + result.rolledBack)
    totals = addResult(totals, result)
    options.onProgress(totals)
    if (options.maxOrders !== undefined && totals.processed >= options.maxOrders) stop.now()
    return result
  }
  let hasSuspect = false
  /** One at a time: others that wait come with a later delivery. */
  const takeSuspects = async (suspects: readonly OrderId[]): Promise<number> => {
    if (hasSuspect) return 0
    hasSuspect = true
    let claimed = 0
    try {
      for (const id of suspects) if (!stop.signal.aborted) claimed += (await take([id], true)).claimed
    } finally {
      hasSuspect = false
    }
    return claimed
  }
  const handle = async (ids: readonly OrderId[]): Promise<number> => {
    const { claimed, suspects } = await take(ids, false)
    return claimed + (await takeSuspects(suspects))
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
    const onNotice: WorkOptions['onNotice'] = (text, event) => {
      isWaiting = event === 'server_away'
      options.onNotice(text, event)
    }
    await throughOutages({ db, database: config.database, signal, onNotice }, async (worked) => {
      await lostClaims.forgive()
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
    await threads.close()
    await publishing?.end()
    await heartbeat.end()
  }
}

/** Each batch has a charge open at least, so there are no more of them than may be open. */
function limitsWithin(maxInFlight: number, { min, max }: Limits): Limits {
  return { min: Math.min(min, maxInFlight), max: Math.min(max, maxInFlight) }
}

/** Beyond so many waiting orders, more make no difference; counting them would. */
const MOST_COUNTED = 100_000

function addResult(totals: WorkTotals, result: BatchResult): WorkTotals {
  return {
    processed: totals.processed + result.completed + result.failed + result.rolledBack,
    completed: totals.completed + result.completed,
    failed: totals.failed + result.failed,
    rolledBack: totals.rolledBack + result.rolledBack,
    postponed: totals.postponed + result.postponed,
    setAside: totals.setAside + result.setAside,
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
