// The code of a worker's thread. It has its own database connections and gateway. A task is a batch.
import { setInterval } from 'node:timers'
import { parentPort, threadId, workerData } from 'node:worker_threads'
import { asError } from '../background.js'
import type { Config } from '../config/config.js'
import { connect, type Database } from '../database/connection.js'
import { WriteMutex } from '../database/write-mutex.js'
import type { LeaseToken, OrderId } from '../domain/ids.js'
import type { Problem } from '../errors.js'
import { SimulatedGateway } from '../payments/simulated.js'
import { problemIn } from '../servers/explain.js'
import { type BatchOptions, type BatchProgress, type BatchResult, processBatch } from './batch.js'

export interface ThreadOptions {
  readonly config: Config
  readonly batch: BatchOptions
  readonly mutex: SharedArrayBuffer
  /** Maximum number of connections to a database server. */
  readonly connections: number
  /** Counts the threads that are ready for work. */
  readonly loaded: Int32Array
  /** Pause between two heartbeats. */
  readonly heartbeatMs: number
}

/** Sent at regular intervals, so that a thread that hangs is found. */
export interface ThreadHeartbeat {
  readonly threadId: number
  /** The longest time, in milliseconds, that a batch of the thread has gone without an answer from the gateway. */
  readonly unansweredMs: number
}

/** Errors keep only their text between threads, so they are sent as data. The task rejects only if the thread dies. */
export type BatchReply =
  | { readonly result: BatchResult }
  | {
      readonly token: LeaseToken | undefined
      readonly problem: Problem | undefined
      readonly message: string
      readonly stack: string | undefined
    }

const { config, batch, mutex, connections, loaded, heartbeatMs } = workerData as ThreadOptions
const gateway = new SimulatedGateway({
  successRate: config['payments.successRate'],
  latencyMs: config['payments.latencyMs'],
  seed: config['payments.seed'],
})
const inProgress = new Set<BatchProgress>()
let db: Promise<Database> | undefined

/** Opens the database once, even if several batches ask for it. After a failure, the next call tries again. */
function connection(): Promise<Database> {
  db ??= connect(config.database, { mutex: new WriteMutex(mutex), connections }).catch((error: unknown) => {
    db = undefined
    throw error
  })
  return db
}

/** Counts heartbeats instead of time, since time also passes while a thread is suspended. */
function sendHeartbeat(): void {
  for (const one of inProgress) if (one.heartbeats !== undefined) one.heartbeats += 1
  const unansweredMs = heartbeatMs * Math.max(0, ...[...inProgress].map(({ heartbeats = 0 }) => heartbeats))
  parentPort?.postMessage({ threadId, unansweredMs } satisfies ThreadHeartbeat)
}

// The first delivery reports a failure. The pool would not replace a thread that dies while it loads.
await connection().catch(() => undefined)
// Sent at once, since the thread may hang at its first delivery.
sendHeartbeat()
setInterval(sendHeartbeat, heartbeatMs).unref()
Atomics.add(loaded, 0, 1)

export default async function run(ids: readonly OrderId[]): Promise<BatchReply> {
  const progress: BatchProgress = {}
  inProgress.add(progress)
  try {
    return { result: await processBatch(await connection(), gateway, ids, batch, progress) }
  } catch (error) {
    const { message, stack } = asError(error)
    return { token: progress.token, problem: problemIn(error, config.database), message, stack }
  } finally {
    inProgress.delete(progress)
  }
}
