// The status, read again and again for a view that stays open. Each figure is throttled by what it costs: counting a million
// orders by status takes 0.4 s, most others come from an index. No transaction stays open in between: it would keep the
// database's log from shrinking.
import type { Database } from '../database/connection.js'
import { databaseTime } from '../database/engine.js'
import { settledWithin } from '../domain/patience.js'
import type { Queue } from '../queue/queue.js'
import { settledStepReader } from './settled-steps.js'
import { type Delivery, type Figure, readDelivery, type StatusReading, statusReader } from './status.js'
import { throttled } from './throttle.js'

/** For the queue's server to answer. One that is slow or away does not hold up the rest. */
const SERVER_PATIENCE_MS = 300

export interface LiveReading extends StatusReading {
  /** Orders settled in each step that is over, the latest last. */
  readonly settled: readonly number[]
}

/** @param stepMs the time that one step of the settled orders stands for */
export function liveStatusReader(db: Database, queue: Queue, stepMs: number): () => Promise<LiveReading> {
  const throttle = <Value>(read: Figure<Value>) => throttled(async () => read(db, await databaseTime(db)))
  const readStatus = statusReader(throttle)
  const readSettled = throttle(settledStepReader(stepMs))
  let delivery: Delivery = { driver: queue.driver, paused: null, transport: null, unreachable: undefined }
  let asking: Promise<void> | undefined
  const ask = async () => {
    delivery = await readDelivery(queue)
  }
  return async () => {
    asking ??= ask().finally(() => {
      asking = undefined
    })
    const asked = asking
    // A failure that comes later is thrown to the next read.
    if (await settledWithin(SERVER_PATIENCE_MS, asked)) await asked
    const reading = await readStatus(delivery, await databaseTime(db))
    return { ...reading, settled: await readSettled() }
  }
}
