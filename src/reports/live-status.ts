// Reads the status repeatedly, for the live view. Each figure is throttled by its cost: a large queue takes a while to
// count. Uses no long transaction, which would keep the database's log from shrinking.
import type { Database } from '../database/connection.js'
import { databaseTime } from '../database/engine.js'
import { startOf } from '../domain/time.js'
import { settledWithin } from '../domain/timeout.js'
import type { Queue } from '../queue/queue.js'
import { type Delivery, type Figure, readDelivery, statusReader } from './status.js'
import { countSettled } from './throughput.js'

/** Pause after a read, as a multiple of the read's duration. Limits reading to a tenth of a core. */
const PAUSE_PER_READ = 9

/** Reads, or returns the latest value during the pause. There is no pause after a failed read. */
export function throttled<Value>(read: () => Promise<Value>): () => Promise<Value> {
  let latest: { readonly value: Value } | undefined
  let pausedUntil = 0
  return async () => {
    const began = performance.now()
    if (latest && began < pausedUntil) return latest.value
    latest = { value: await read() }
    const ended = performance.now()
    pausedUntil = ended + PAUSE_PER_READ * (ended - began)
    return latest.value
  }
}

/** Timeout for the queue's server, so that a slow or unreachable one does not delay the other figures. */
const SERVER_TIMEOUT_MS = 300

export type LiveReading = Awaited<ReturnType<ReturnType<typeof liveStatusReader>>>

/**
 * Returns a reader of the status and of `settled`: the number of orders settled in each past step, oldest first.
 *
 * @param stepMs the length of a step
 */
export function liveStatusReader(db: Database, queue: Queue, stepMs: number) {
  const throttle = <Value>(read: Figure<Value>) => throttled(async () => read(db, await databaseTime(db)))
  const readStatus = statusReader(throttle)
  const readSettled = throttle(settledStepReader(stepMs))
  let delivery: Delivery = { driver: queue.driver, paused: null, transport: null, unreachable: undefined }
  let request: Promise<void> | undefined
  const refreshDelivery = async () => {
    delivery = await readDelivery(queue)
  }
  return async () => {
    request ??= refreshDelivery().finally(() => {
      request = undefined
    })
    const current = request
    // A later failure is thrown at the next read.
    if (await settledWithin(SERVER_TIMEOUT_MS, current)) await current
    const reading = await readStatus(delivery, await databaseTime(db))
    return { ...reading, settled: await readSettled() }
  }
}

/** Steps read at the start, so that the chart is not empty. */
const INITIAL_STEPS = 120

/** Steps kept; more than a screen has columns. */
const MAX_STEPS = 500

/** `settled_at` is taken before the commit, so orders may appear in a step that was already counted. */
const LATE_MS = 3000

/**
 * Returns a reader that counts the orders of each step in a range of the index on settled_at. A step is counted again
 * only while late orders may appear in it. One `group by` over all steps costs thirty times as much, since it sorts.
 *
 * @returns the number of orders in each past step, oldest first
 */
export function settledStepReader(stepMs: number): (db: Database, now: number) => Promise<readonly number[]> {
  const counts = new Map<number, number>()
  let final: number | undefined
  return async (db, now) => {
    const end = startOf(now, stepMs)
    const oldest = end - MAX_STEPS * stepMs
    const from = Math.max(final ?? end - INITIAL_STEPS * stepMs, oldest)
    for (let step = from; step < end; step += stepMs) counts.set(step, await countSettled(db, step, step + stepMs))
    final = Math.max(from, startOf(now - LATE_MS, stepMs))
    for (const step of counts.keys()) if (step < oldest || step >= end) counts.delete(step)
    return [...counts].sort(([a], [b]) => a - b).map(([, count]) => count)
  }
}
