// The status, read again and again for a view that stays open. Each figure is throttled by what it costs: counting a million
// orders by status takes 0.4 s, most others come from an index. No transaction stays open in between: it would keep the
// database's log from shrinking.
import type { Database } from '../database/connection.js'
import { databaseTime } from '../database/engine.js'
import { startOf } from '../domain/time.js'
import { settledWithin } from '../domain/timeout.js'
import type { Queue } from '../queue/queue.js'
import { countSettled, type Delivery, type Figure, readDelivery, statusReader } from './status.js'

/** The pause after a read, as a multiple of its time: reading takes at most a tenth of a core. */
const PAUSE_PER_READ = 9

/** Reads, or gives the latest value during the pause. A read that failed is tried again at once. */
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

/** How long to wait for the queue's server. One that is slow or away does not hold up the rest. */
const SERVER_PATIENCE_MS = 300

export type LiveReading = Awaited<ReturnType<ReturnType<typeof liveStatusReader>>>

/**
 * Reads the status, and `settled`: the orders settled in each step that is over, the latest last.
 *
 * @param stepMs the length of a step
 */
export function liveStatusReader(db: Database, queue: Queue, stepMs: number) {
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

/** So that a chart is not empty at first. */
const STEPS_AT_FIRST = 120

/** More than any screen has columns. */
const STEPS_KEPT = 500

/** The instant of settling is taken before the commit, so orders may show up in a step that was counted already. */
const LATE_MS = 3000

/**
 * A reader that counts each step by a range of the index on settled_at, and again only while late orders may show up in
 * it. Counting all steps with one `group by` costs thirty times as much: it sorts what the index has in order.
 *
 * @returns the orders of each step that is over, the latest last
 */
export function settledStepReader(stepMs: number): (db: Database, now: number) => Promise<readonly number[]> {
  const counts = new Map<number, number>()
  let final: number | undefined
  return async (db, now) => {
    const end = startOf(now, stepMs)
    const oldest = end - STEPS_KEPT * stepMs
    const from = Math.max(final ?? end - STEPS_AT_FIRST * stepMs, oldest)
    for (let step = from; step < end; step += stepMs) counts.set(step, await countSettled(db, step, step + stepMs))
    final = Math.max(from, startOf(now - LATE_MS, stepMs))
    for (const step of counts.keys()) if (step < oldest || step >= end) counts.delete(step)
    return [...counts].sort(([a], [b]) => a - b).map(([, count]) => count)
  }
}
