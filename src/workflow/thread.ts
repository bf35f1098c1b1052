// A thread of a pool: it has its own connection and gateway, and takes one delivery a task.
import { setInterval } from 'node:timers'
import { parentPort, threadId, workerData } from 'node:worker_threads'
import { asError } from '../background.js'
import type { Config } from '../config/config.js'
import { connect, type Database } from '../database/connection.js'
import { WriteTurn } from '../database/write-turn.js'
import type { LeaseToken, OrderId } from '../domain/ids.js'
import type { Problem } from '../errors.js'
import { createGateway } from '../payments/create-gateway.js'
import { problemIn } from '../servers/explain.js'
import { type BatchOptions, type BatchProgress, type BatchResult, processBatch } from './batch.js'

/** What every thread of a pool is started with. */
export interface ThreadOptions {
  readonly config: Config
  readonly batch: BatchOptions
  readonly turn: SharedArrayBuffer
  /** To a database server, at the most. */
  readonly connections: number
  /** Counts the threads that are ready for work. */
  readonly loaded: Int32Array
  /** How often it gives a sign of life. */
  readonly signMs: number
}

/** What a thread tells all the time, so that one that hangs is found. */
export interface SignOfLife {
  readonly threadId: number
  /** For so many milliseconds, some batch of the thread has had no answer from the gateway. */
  readonly stillMs: number
}

const { config, batch, turn, connections, loaded, signMs } = workerData as ThreadOptions
const open = () => connect(config.database, { turn: new WriteTurn(turn), connections })
// A failure is told at the first delivery: of a thread that dies while it loads, the pool would make no other.
let db: Promise<Database> | undefined = open()
await db.catch(() => {
  db = undefined
})
const gateway = createGateway(config)
/** A batch in progress. */
class Progress implements BatchProgress {
  token: LeaseToken | undefined
  #isCharging = false
  /** Signs of life since its last answer from the gateway: counted, since a thread that was suspended had no time. */
  signs = 0

  claimed(token: LeaseToken): void {
    this.token = token
    this.#isCharging = true
  }

  answered(): void {
    this.signs = 0
  }

  charged(): void {
    this.signs = 0
    this.#isCharging = false
  }

  /** Only charges count: waiting for locks of the database is no fault of the batch. */
  countSign(): void {
    if (this.#isCharging) this.signs += 1
  }
}

const inHand = new Set<Progress>()
const giveSign = () => {
  for (const batch of inHand) batch.countSign()
  const stillMs = signMs * Math.max(0, ...[...inHand].map((batch) => batch.signs))
  parentPort?.postMessage({ threadId, stillMs } satisfies SignOfLife)
}
// The first one at once: the first delivery may be the one at which the thread hangs.
giveSign()
setInterval(giveSign, signMs).unref()
Atomics.add(loaded, 0, 1)

/**
 * What became of a delivery. Errors lose all but their text on their way out of a thread, so a known one is told as data; so
 * are all others, since only a thread that died rejects.
 */
export type Answered =
  | { readonly result: BatchResult }
  | ({ readonly token: LeaseToken | undefined } & (
      | { readonly problem: Problem }
      | { readonly message: string; readonly stack: string | undefined }
    ))

/** Opened once, also where several batches ask for it; after a failure, the next one tries again. */
function connection(): Promise<Database> {
  db ??= open().catch((error: unknown) => {
    db = undefined
    throw error
  })
  return db
}

export default async function run(ids: readonly OrderId[]): Promise<Answered> {
  const progress = new Progress()
  inHand.add(progress)
  try {
    return { result: await processBatch(await connection(), gateway, ids, batch, progress) }
  } catch (error) {
    const { token } = progress
    const problem = problemIn(error, config.database)
    if (problem) return { problem, token }
    const { message, stack } = asError(error)
    return { message, stack, token }
  } finally {
    inHand.delete(progress)
  }
}
