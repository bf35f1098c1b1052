// The code of a worker's thread. It has its own database connections and gateway. A task is a batch.
import { setInterval } from 'node:timers'
import { type MessagePort, parentPort, threadId, workerData } from 'node:worker_threads'
import { asError } from '../background.js'
import type { Config } from '../config/config.js'
import { connect, type Database } from '../database/connection.js'
import { WriteMutex } from '../database/write-mutex.js'
import type { LeaseToken, OrderId } from '../domain/ids.js'
import type { Problem } from '../errors.js'
import { recordingEvents } from '../notify/events.js'
import { GatewayChannel } from '../payments/channel.js'
import { ownGateway } from '../payments/open-gateway.js'
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

export interface ThreadTask {
  readonly ids: readonly OrderId[]
  /** Leads to the gateway of the process; undefined if each thread has its own. */
  readonly port: MessagePort | undefined
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
const gateway = ownGateway(config)
const inProgress = new Set<BatchProgress>()
let db: Promise<Database> | undefined

/** Opens the database once, even if several batches ask for it. After a failure, the next call tries again. */
function connection(): Promise<Database> {
  db ??= connect(config.database, {
    ...{ mutex: new WriteMutex(mutex), connections },
    answerTimeoutMs: config['workflow.answerTimeoutMs'],
  })
    .then((opened) => recordingEvents(opened, config))
    .catch((error: unknown) => {
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

export default async function run({ ids, port }: ThreadTask): Promise<BatchReply> {
  const progress: BatchProgress = {}
  inProgress.add(progress)
  const channel = port && new GatewayChannel(port)
  const charging = channel ?? gateway
  try {
    if (!charging) throw new TypeError('a batch without a gateway')
    return { result: await processBatch(await connection(), charging, ids, batch, progress) }
  } catch (error) {
    const { message, stack } = asError(error)
    return { token: progress.token, problem: problemIn(error, config.database), message, stack }
  } finally {
    channel?.close()
    inProgress.delete(progress)
  }
}
