// A thread of a pool: has its own connection and gateway, and takes one delivery a task.
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
  /** Pause between two signs of life. */
  readonly signMs: number
}

/** Sent all the time, so that a thread that hangs is found. */
export interface SignOfLife {
  readonly threadId: number
  /** The longest time, in milliseconds, that a batch of the thread has waited for an answer from the gateway. */
  readonly stillMs: number
}

/** Errors that leave a thread keep only their text, so they are sent as data. Only a thread that dies rejects. */
export type Answered =
  | { readonly result: BatchResult }
  | {
      readonly token: LeaseToken | undefined
      readonly problem: Problem | undefined
      readonly message: string
      readonly stack: string | undefined
    }

const { config, batch, mutex, connections, loaded, signMs } = workerData as ThreadOptions
const gateway = new SimulatedGateway({
  successRate: config['payments.successRate'],
  latencyMs: config['payments.latencyMs'],
  seed: config['payments.seed'],
})
const inProgress = new Set<BatchProgress>()
let db: Promise<Database> | undefined

/** Opened once, also if several batches ask for it. After a failure, the next call tries again. */
function connection(): Promise<Database> {
  db ??= connect(config.database, { mutex: new WriteMutex(mutex), connections }).catch((error: unknown) => {
    db = undefined
    throw error
  })
  return db
}

/** Counts signs, not time, which a suspended thread does not see pass. */
function giveSign(): void {
  for (const one of inProgress) if (one.signs !== undefined) one.signs += 1
  const stillMs = signMs * Math.max(0, ...[...inProgress].map(({ signs = 0 }) => signs))
  parentPort?.postMessage({ threadId, stillMs } satisfies SignOfLife)
}

// A failure is reported at the first delivery: the pool does not replace a thread that dies while it loads.
await connection().catch(() => undefined)
// At once, since the thread may hang at its first delivery.
giveSign()
setInterval(giveSign, signMs).unref()
Atomics.add(loaded, 0, 1)

export default async function run(ids: readonly OrderId[]): Promise<Answered> {
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
