// A thread of a pool: it has its own connection and gateway, and takes one delivery a task.
import { setInterval } from 'node:timers'
import { parentPort, threadId, workerData } from 'node:worker_threads'
import type { Config } from '../config.js'
import { connect, databaseProblem } from '../database/connection.js'
import { WriteTurn } from '../database/write-turn.js'
import type { OrderId } from '../domain/ids.js'
import type { Problem } from '../errors.js'
import { createGateway } from '../payments/create-gateway.js'
import { type BatchOptions, type BatchResult, processBatch } from './batch.js'

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
let db = await open().catch(() => undefined)
const gateway = createGateway(config)
/** In hand, with how many signs ago each had its last answer: counted, since a thread that was suspended had no time. */
const inHand = new Set<{ signs: number }>()
const giveSign = () => {
  for (const batch of inHand) batch.signs += 1
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
  | { readonly problem: Problem }
  | { readonly message: string; readonly stack: string | undefined }

export default async function run(ids: readonly OrderId[]): Promise<Answered> {
  const progress = { signs: 0 }
  inHand.add(progress)
  const onAnswer = () => {
    progress.signs = 0
  }
  try {
    db ??= await open()
    return { result: await processBatch(db, gateway, ids, batch, onAnswer) }
  } catch (error) {
    const problem = databaseProblem(error, config.database)
    if (problem) return { problem }
    return error instanceof Error
      ? { message: error.message, stack: error.stack }
      : { message: String(error), stack: undefined }
  } finally {
    inHand.delete(progress)
  }
}
