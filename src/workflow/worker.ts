// A worker process: consumes the queue with a pool of threads, and shows in the database that it is alive.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Config } from '../config.js'
import type { Kysely } from '../database/kysely.js'
import type { Schema } from '../database/schema.js'
import type { OrderId } from '../domain/ids.js'
import { countWaiting } from '../queue/due-orders.js'
import type { Consumer, Queue, ServerEvent } from '../queue/queue.js'
import { countLostBatch } from '../queue/suspects.js'
import { type Limits, type Load, nextScale, smoothed, startScale } from './autoscale.js'
import type { BatchResult } from './batch.js'
import { startHeartbeat, type WorkFigures } from './heartbeat.js'
import { throughOutages } from './outage.js'
import { Threads } from './threads.js'

export interface WorkOptions {
  /** Batches in hand at a time: between these, by what there is to do; the same twice holds it there. */
  readonly concurrency: Limits
  /** End when nothing is due or in flight. */
  readonly drain: boolean
  /** End after so many milliseconds. */
  readonly maxRuntimeMs: number | undefined
  /** End once so many orders were processed; batches in hand are finished, so it may be some more. */
  readonly maxOrders: number | undefined
  /** Ends the work; batches in hand are finished. */
  readonly signal: AbortSignal
  readonly onProgress: (totals: WorkTotals) => void
  /** Told, in a sentence, when a server goes away and when it is back. */
  readonly onNotice: (text: string, event: ServerEvent) => void
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

const NO_TOTALS: WorkTotals = {
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
  // Its threads start while the queue is connected.
  const threads = new Threads(config, limits.max, options.onThreadLost)
  let totals = NO_TOTALS
  const begin = async () => {
    await queue.connect()
    await threads.loaded()
    return startHeartbeat(db, limits.min, () => totals.processed, options.onAlive)
  }
  const heartbeat = await begin().catch(async (error: unknown) => {
    await threads.destroy()
    throw error
  })
  const stop = stopWhen(options)
  stop.signal.addEventListener('abort', options.onStopping)
  const refreshing = redisReports && startRefreshing(() => redisReports.refresh())
  let batchMs: number | undefined
  let scaling: { end(): void } | undefined
  const take = async (ids: readonly OrderId[], isSuspect: boolean): Promise<Taken> => {
    const began = performance.now()
    const result = await (isSuspect ? threads.runAlone(ids) : threads.run(ids))
    const ms = performance.now() - began
    if (!result) {
      await countLostBatch(db, ids, ms)
      return NOTHING_TAKEN
    }
    if (!isSuspect) batchMs = smoothed(batchMs, ms)
    // Orders that another worker had taken before are no batch's work.
    if (result.claimed > 0) heartbeat.countBatch(ms)
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
    scaling = startScaling(limits, {
      look: async () => ({ waiting: Math.ceil((await countWaiting(db, MOST_COUNTED)) / batchSize), batchMs }),
      resize(to, from) {
        concurrency = to
        consumer?.resize(to)
        heartbeat.resize(to)
        options.onScaled(from, to)
      },
    })
    options.onStarted(limits)
    await throughOutages({ db, config, signal, onNotice: options.onNotice }, () => {
      consumer = queue.consume(handle, { ...options, concurrency, batchSize, signal })
      return consumer.ended
    })
    return totals
  } finally {
    scaling?.end()
    stop.forget()
    await threads.close()
    await refreshing?.end()
    // Where the database is away, the row tells so by its age.
    await heartbeat.end().catch(() => undefined)
  }
}

/** Each batch has a charge open at least, so there are no more of them than may be open. */
function limitsWithin(maxInFlight: number, { min, max }: Limits): Limits {
  return { min: Math.min(min, maxInFlight), max: Math.min(max, maxInFlight) }
}

const SCALE_MS = 1000

/** Beyond so many waiting orders, more make no difference; counting them would. */
const MOST_COUNTED = 100_000

interface Scaled {
  look(): Promise<Load>
  resize(to: number, from: number): void
}

/** Follows the load once a second, unless there is nothing to choose. */
function startScaling(limits: Limits, { look, resize }: Scaled) {
  let scale = startScale(limits)
  const follow = async () => {
    const next = nextScale(scale, await look(), limits)
    if (next.concurrency !== scale.concurrency) resize(next.concurrency, scale.concurrency)
    scale = next
  }
  // A look that fails is followed by others.
  const timer = limits.min < limits.max ? setInterval(() => void follow().catch(() => undefined), SCALE_MS) : undefined
  return { end: () => clearInterval(timer) }
}

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

function stopWhen({ signal, maxRuntimeMs }: WorkOptions) {
  const controller = new AbortController()
  const now = () => controller.abort()
  signal.addEventListener('abort', now, { once: true })
  // It may have come while the queue was connected.
  if (signal.aborted) now()
  const timer = maxRuntimeMs === undefined ? undefined : setTimeout(now, maxRuntimeMs)
  return {
    signal: controller.signal,
    now,
    forget() {
      clearTimeout(timer)
      signal.removeEventListener('abort', now)
    },
  }
}

/** Between two refreshes: at least so long, and nine times as long as one takes, so that they cost a tenth of the time. */
const REFRESH_MS = 5000
const REFRESH_SHARE = 9

/** Lets figures outside of the database follow it while orders are settled, and once more at the end. */
function startRefreshing(refresh: () => Promise<void>) {
  const over = new AbortController()
  const follow = async () => {
    for (let pause = REFRESH_MS; ; ) {
      await sleep(pause, undefined, { signal: over.signal }).catch(() => undefined)
      const isLast = over.signal.aborted
      const began = performance.now()
      await refresh()
      if (isLast) return
      pause = Math.max(REFRESH_MS, REFRESH_SHARE * (performance.now() - began))
    }
  }
  const followed = follow()
  return {
    async end() {
      over.abort()
      await followed
    },
  }
}
