// The threads of a worker process: a pool that processes batches, and a separate thread for suspects. A thread that
// dies or hangs is replaced, and its orders are claimed again when their lease ends.
import { availableParallelism } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { MessageChannel } from 'node:worker_threads'
import { Piscina } from 'piscina'
import { asError, type BackgroundTask, startBackground } from '../background.js'
import type { Config } from '../config/config.js'
import { WriteMutex } from '../database/write-mutex.js'
import type { LeaseToken, OrderId } from '../domain/ids.js'
import { HOUR_MS } from '../domain/time.js'
import { UserError } from '../errors.js'
import { serveGateway } from '../payments/channel.js'
import type { ChargingGateway } from '../payments/gateway.js'
import { countOf } from '../terminal/text.js'
import type { BatchOptions, BatchResult } from './batch.js'
import type { BatchReply, ThreadHeartbeat, ThreadOptions, ThreadTask } from './thread.js'

type Pool = Piscina<ThreadTask, BatchReply>

/** How long threads may take to load before the work begins without them. */
const LOADING_MS = 5000

/** Pause between heartbeats of a thread, and between checks of them. */
const HEARTBEAT_MS = 500

/** The thread for suspects ends after this long without one. */
const IDLE_MS = 10_000

/**
 * Maximum number of connections of a thread to a database server. Most batches wait for charges, which needs no
 * connection. More transactions at a time would only wait for each other's locks.
 */
const MOST_CONNECTIONS = 4

/** The failure of a batch whose thread survived; `cause` says why. */
export class FailedBatch extends Error {
  /** Undefined if the batch failed before its claim was committed. */
  token: LeaseToken | undefined
}

/** What a worker needs of its threads. */
export type BatchThreads = Pick<Threads, 'start' | 'run' | 'stop'>

export class Threads {
  readonly #config: Config
  readonly #concurrency: number
  /** Serves all threads; undefined if each has its own. */
  readonly #gateway: ChargingGateway | undefined
  #turns = 1
  readonly #onLost: (text: string) => void
  readonly #mutex = WriteMutex.share()
  readonly #loaded = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT))
  readonly #watches: BackgroundTask[] = []
  /** The pool for suspects (true) and the pool for other batches. The former is opened for the first suspect. */
  readonly #pools = new Map<boolean, Pool>()

  /** @param onLost called with a message when a thread died or hung */
  constructor(
    config: Config,
    { concurrency, gateway }: { concurrency: number; gateway: ChargingGateway | undefined },
    onLost: (text: string) => void,
  ) {
    this.#config = config
    this.#concurrency = concurrency
    this.#gateway = gateway
    this.#onLost = onLost
  }

  /** Waits until the threads are loaded, since Node aborts if a process exits before that. */
  async start(): Promise<void> {
    const { minThreads } = this.#pool(false).options
    const began = Date.now()
    while (Atomics.load(this.#loaded, 0) < minThreads && Date.now() - began < LOADING_MS) await sleep(2)
  }

  /** Finishes the batches in progress. */
  async stop(): Promise<void> {
    await Promise.all([...this.#pools.values()].map((pool) => pool.close()))
    await Promise.all(this.#watches.map((watch) => watch.end()))
  }

  /**
   * Processes a batch in a thread.
   *
   * @param alone whether the batch has a thread to itself, and so may claim suspects
   * @returns undefined if the thread died or hung
   * @throws FailedBatch
   */
  async run(ids: readonly OrderId[], alone: boolean): Promise<BatchResult | undefined> {
    const port = this.#openPort()
    const reply = await this.#pool(alone)
      .run({ ids, port }, { transferList: port ? [port] : [] })
      .catch((error: unknown) => {
        this.#onLost(
          `A thread died while processing a batch of ${countOf(ids.length, 'order')} (${asError(error).message}). They are claimed again when their lease ends.`,
        )
      })
    if (!reply) return undefined
    if ('result' in reply) return reply.result
    const { token, problem, message, stack } = reply
    const cause = problem ? new UserError(problem) : Object.assign(new Error(message), { stack })
    throw Object.assign(new FailedBatch(message, { cause }), { token })
  }

  /** Returns the end of a channel to the gateway, for one batch. It closes when the batch ends or its thread dies. */
  #openPort(): ThreadTask['port'] {
    if (!this.#gateway) return undefined
    const { port1, port2 } = new MessageChannel()
    serveGateway(port1, this.#gateway, this.#turns++)
    return port2
  }

  #pool(alone: boolean): Pool {
    const opened = this.#pools.get(alone)
    if (opened) return opened
    const config = this.#config
    const threads = alone ? 1 : Math.min(availableParallelism(), this.#concurrency)
    const tasksPerThread = alone ? 1 : Math.ceil(this.#concurrency / threads)
    const pool: Pool = new Piscina({
      filename: import.meta.resolve('#threads/workflow/thread'),
      minThreads: alone ? 0 : threads,
      maxThreads: threads,
      idleTimeout: IDLE_MS,
      // A thread has several batches in progress while they wait for their charges, ...
      concurrentTasksPerWorker: tasksPerThread,
      // ... so it must not block between tasks: it would not hear the answers.
      atomics: 'disabled',
      closeTimeout: 1_200_000,
      workerData: {
        config,
        batch: batchOptionsOf(config, { alone, isGatewayShared: this.#gateway !== undefined }),
        mutex: this.#mutex,
        connections: Math.min(tasksPerThread + 1, MOST_CONNECTIONS),
        loaded: this.#loaded,
        heartbeatMs: HEARTBEAT_MS,
      } satisfies ThreadOptions,
    })
    // Emitted when a thread dies while idle. Without a listener, this would end the process.
    pool.on('error', (error: unknown) => this.#onLost(`A thread died while it was idle (${asError(error).message}).`))
    this.#watches.push(this.#watch(pool))
    this.#pools.set(alone, pool)
    return pool
  }

  /**
   * Ends threads that send no heartbeats, or that have a batch without an answer, so that the pool replaces them.
   * Counts checks without a heartbeat instead of time, so a process that was suspended does not lose its threads.
   */
  #watch(pool: Pool): BackgroundTask {
    const limitMs = this.#config['workflow.batchTimeoutMs']
    const unansweredLimitMs = limitMs + this.#config['payments.timeoutMs']
    /** Each thread's last heartbeat and the number of checks since. A thread that is still loading has sent none. */
    let seen = new Map<number, { missing: number; unansweredMs: number }>()
    pool.on('message', ({ threadId, unansweredMs }: ThreadHeartbeat) =>
      seen.set(threadId, { missing: 0, unansweredMs }),
    )
    const check = async () => {
      const before = seen
      seen = new Map()
      for (const thread of pool.threads) {
        const last = before.get(thread.threadId)
        if (!last) continue
        const silentMs = last.missing * HEARTBEAT_MS
        if (silentMs < limitMs && last.unansweredMs < unansweredLimitMs) {
          seen.set(thread.threadId, { ...last, missing: last.missing + 1 })
          continue
        }
        const seconds = Math.round(Math.max(silentMs, last.unansweredMs) / 1000)
        this.#onLost(`A thread has made no progress for ${seconds} s. Replacing it.`)
        await thread.terminate()
      }
    }
    return startBackground(check, { pauseMs: () => HEARTBEAT_MS })
  }
}

/** @param alone whether the batch may claim suspects */
export function batchOptionsOf(
  config: Config,
  { alone, isGatewayShared }: { readonly alone: boolean; readonly isGatewayShared: boolean },
): BatchOptions {
  const isHttp = config['payments.gateway'] !== 'simulated'
  return {
    claim: { leaseMs: config['workflow.leaseMs'], reservationTtlMs: config['workflow.reservationTtlMs'], alone },
    charge: {
      inFlight: config['payments.maxInFlight'],
      timeoutMs: config['payments.timeoutMs'],
      keyLifetimeMs: isHttp ? config['payments.keyLifetimeHours'] * HOUR_MS : undefined,
    },
    settle: { attempts: config['workflow.attempts'], checksReferences: isHttp },
    isGatewayShared,
  }
}
