// What a job is, and how BullMQ is to treat it.
import { createHash } from 'node:crypto'
import type { JobsOptions } from 'bullmq'
import type { OrderId } from '../../domain/ids.js'

export interface BullSettings {
  /** Orders in a job. */
  readonly batchSize: number
  /** A worker that did not renew its lock on a job for so long is dead, and the job is handed to another. */
  readonly leaseMs: number
}

/** What a job carries. */
export interface Payload {
  readonly ids: readonly OrderId[]
}

export const QUEUE_NAME = 'orders'

/**
 * A job that fails is tried again twice, after one and two seconds, by any worker; one that ends, well or not, leaves
 * nothing behind. The orders of one that failed for good are still due, so they are published again.
 */
export const JOB_OPTIONS: JobsOptions = {
  attempts: 3,
  backoff: { type: 'exponential', delay: 1000 },
  removeOnComplete: true,
  removeOnFail: true,
}

/** The same orders at the same time are the same job, which is taken once. BullMQ wants no colon in it. */
export function jobIdOf(ids: readonly OrderId[], delayMs: number): string {
  const digest = createHash('sha256').update(ids.join()).digest('hex').slice(0, 16)
  const job = `${ids[0]}-${ids.length}-${digest}`
  return delayMs > 0 ? `${job}-${Date.now() + delayMs}` : job
}
