// The threads of a worker process: a pool that takes batches, and one thread more for orders at which others may have died.
// A thread that dies or hangs is replaced, and its orders are left to their lease.
import { availableParallelism } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { Piscina } from 'piscina'
import { asError, type BackgroundTask, startBackground } from '../background.js'
import type { Config } from '../config/config.js'
import { WriteTurn } from '../database/write-turn.js'
import type { LeaseToken, OrderId } from '../domain/ids.js'
import { UserError } from '../errors.js'
import type { BatchOptions, BatchResult } from './batch.js'
import type { Answered, SignOfLife, ThreadOptions } from './thread.js'

type Pool = Piscina<readonly OrderId[], Answered>

/** How long threads may take to load before the work begins without them, in milliseconds. */
const LOADING_MS = 5000

/** How often threads give a sign of life, and how often it is looked for. */
const SIGN_MS = 500

/** A thread for suspects that has had none for so long ends. */
const IDLE_MS = 10_000

/**
 * Of a thread, to a database server. Batches in hand mostly wait for their charges, without a connection; more transactions
 * at a time than these would only wait for each other's locks, and a server has a hundred connections for everybody.
 */
const MOST_CONNECTIONS = 4

/** A batch that failed in a thread that lives. */
export class FailedBatch extends Error {
  override readonly cause: Error
  /** Of its claim; undefined where it failed before the claim was committed. */
  readonly token: LeaseToken | undefined

  constructor(cause: Error, token: LeaseToken | undefined) {
    super(cause.message)
    this.cause = cause
    this.token = token
  }
}

export class Threads {
  readonly #config: Config
  readonly #concurrency: number
  readonly #onLost: (text: string) => void
  readonly #turn = WriteTurn.share()
  readonly #loaded = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT))
  readonly #watches: BackgroundTask[] = []
  readonly #batches: Pool
  /** Opened for the first suspect: most processes never have one. */
  #suspects: Pool | undefined

  /** @param onLost called with a message when a thread died or hung */
  constructor(config: Config, concurrency: number, onLost: (text: string) => void) {
    this.#config = config
    this.#concurrency = concurrency
    this.#onLost = onLost
    const threads = Math.min(availableParallelism(), concurrency)
    this.#batches = this.#open({ threads, tasksPerThread: Math.ceil(concurrency / threads) })
  }

  /** Node aborts when a process exits while a thread still loads; so until then no order is in hand that a user waits for. */
  async loaded(): Promise<void> {
    const began = Date.now()
    while (Atomics.load(this.#loaded, 0) < this.#batches.options.minThreads && Date.now() - began < LOADING_MS)
      await sleep(2)
  }

  /** @returns undefined where the thread died or hung */
  run(ids: readonly OrderId[]): Promise<BatchResult | undefined> {
    return this.#run(this.#batches, ids)
  }

  /** The same in a thread that has nothing else in hand, and that claims suspects. */
  runAlone(ids: readonly OrderId[]): Promise<BatchResult | undefined> {
    this.#suspects ??= this.#open({ threads: 1, tasksPerThread: 1, alone: true })
    return this.#run(this.#suspects, ids)
  }

  /** Finishes what is in hand. */
  async close(): Promise<void> {
    await Promise.all([this.#batches.close(), this.#suspects?.close()])
    await this.#endWatches()
  }

  async destroy(): Promise<void> {
    await this.#endWatches()
    await Promise.all([this.#batches.destroy(), this.#suspects?.destroy()])
  }

  async #endWatches(): Promise<void> {
    await Promise.all(this.#watches.map((watch) => watch.end()))
  }

  async #run(pool: Pool, ids: readonly OrderId[]): Promise<BatchResult | undefined> {
    const answered = await pool.run(ids).catch((error: unknown) => {
      this.#onLost(
        `A thread died while it processed a batch of ${countOf(ids.length)} (${asError(error).message}). They are claimed again when their lease ends.`,
      )
    })
    if (!answered) return undefined
    if ('result' in answered) return answered.result
    const cause =
      'problem' in answered
        ? new UserError(answered.problem)
        : Object.assign(new Error(answered.message), { stack: answered.stack })
    throw new FailedBatch(cause, answered.token)
  }

  #open({ threads, tasksPerThread, alone = false }: PoolShape): Pool {
    const pool: Pool = new Piscina({
      filename: import.meta.resolve('#threads/workflow/thread'),
      minThreads: alone ? 0 : threads,
      maxThreads: threads,
      idleTimeout: IDLE_MS,
      // A thread has several batches in hand while their charges are under way, ...
      concurrentTasksPerWorker: tasksPerThread,
      // ... so it must not sleep, deaf to their answers, when it has nothing else to do.
      atomics: 'disabled',
      closeTimeout: 1_200_000,
      workerData: {
        config: this.#config,
        batch: batchOptions(this.#config, this.#concurrency, alone),
        turn: this.#turn,
        connections: Math.min(tasksPerThread + 1, MOST_CONNECTIONS),
        loaded: this.#loaded,
        signMs: SIGN_MS,
      } satisfies ThreadOptions,
    })
    // One that died with nothing in hand; unheard, it would end the process.
    pool.on('error', (error: unknown) => this.#onLost(`A thread died while it was idle (${asError(error).message}).`))
    this.#watches.push(this.#watch(pool))
    return pool
  }

  /**
   * Ends threads that hang, so that the pool replaces them: those that give no sign of life, and those of which some batch
   * gets no answer. What is counted are signs that failed to come while this thread was awake: a process that was suspended
   * finds no time gone by.
   */
  #watch(pool: Pool): BackgroundTask {
    const limitMs = this.#config['workflow.batchTimeoutMs']
    const limitStillMs = limitMs + this.#config['payments.timeoutMs']
    let missing = new Map<number, number>()
    const stillMs = new Map<number, number>()
    pool.on('message', (sign: SignOfLife) => {
      missing.set(sign.threadId, 0)
      stillMs.set(sign.threadId, sign.stillMs)
    })
    const look = async () => {
      const before = missing
      missing = new Map()
      for (const thread of pool.threads) {
        // One that was not heard of is still loading.
        const signs = before.get(thread.threadId)
        if (signs === undefined) continue
        missing.set(thread.threadId, signs + 1)
        const [silentMs, unansweredMs] = [signs * SIGN_MS, stillMs.get(thread.threadId) ?? 0]
        if (silentMs < limitMs && unansweredMs < limitStillMs) continue
        missing.delete(thread.threadId)
        const seconds = Math.round(Math.max(silentMs, unansweredMs) / 1000)
        this.#onLost(`A thread has made no progress for ${seconds} s. It is replaced.`)
        await thread.terminate()
      }
    }
    return startBackground(look, { pauseMs: () => SIGN_MS })
  }
}

interface PoolShape {
  readonly threads: number
  readonly tasksPerThread: number
  /** Whether a batch has its thread to itself. */
  readonly alone?: boolean
}

function batchOptions(config: Config, concurrency: number, alone: boolean): BatchOptions {
  return {
    claim: { leaseMs: config['workflow.leaseMs'], reservationTtlMs: config['workflow.reservationTtlMs'], alone },
    charge: {
      inFlight: chargesPerWorker(
        { inFlightPerWorker: config['payments.inFlightPerWorker'], maxInFlight: config['payments.maxInFlight'] },
        concurrency,
      ),
      timeoutMs: config['payments.timeoutMs'],
    },
    settle: { attempts: config['workflow.attempts'] },
  }
}

/** A worker's share of the charges that the process may have open, so that together they keep the limit. */
export function chargesPerWorker(
  { inFlightPerWorker, maxInFlight }: { readonly inFlightPerWorker: number; readonly maxInFlight: number },
  concurrency: number,
): number {
  return Math.max(1, Math.min(inFlightPerWorker, Math.floor(maxInFlight / concurrency)))
}

function countOf(orders: number): string {
  return orders === 1 ? '1 order' : `${orders} orders`
}
