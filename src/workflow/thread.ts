// A thread of the pool: it has its own connection and gateway, and takes one delivery a task.
import { workerData } from 'node:worker_threads'
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
}

const { config, batch, turn, connections, loaded } = workerData as ThreadOptions
const db = await connect(config.database, { turn: new WriteTurn(turn), connections })
const gateway = createGateway(config)
Atomics.add(loaded, 0, 1)

/** What became of a delivery. Errors lose all but their text on their way out of a thread, so a known one is told as data. */
export type Answered = { readonly result: BatchResult } | { readonly problem: Problem }

export default async function run(ids: readonly OrderId[]): Promise<Answered> {
  try {
    return { result: await processBatch(db, gateway, ids, batch) }
  } catch (error) {
    const problem = databaseProblem(error, config.database)
    if (!problem) throw error
    return { problem }
  }
}
