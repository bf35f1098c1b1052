// What BullMQ does on each server: a job is a batch.
import { createHash } from 'node:crypto'
import type { QueueCounts } from '../queue.js'
import type { Batch, Deliver, Link, TransportWorker } from '../transport.js'
import type { Job, JobsOptions, Queue, Worker } from './package.js'

/** What a job carries. */
export interface Payload {
  readonly ids: Batch
}

export const QUEUE_NAME = 'orders'

/**
 * A job that fails is tried again twice, after one and two seconds, by any worker. A job that ends, well or not, leaves
 * nothing behind. The orders of one that failed for good are still due, so they are published again.
 */
export const JOB_OPTIONS: JobsOptions = {
  attempts: 3,
  backoff: { type: 'exponential', delay: 1000 },
  removeOnComplete: true,
  removeOnFail: true,
}

/** Workers that may die over one job before BullMQ drops it; the next look finds its orders. */
const MOST_STALLS = 5

/**
 * The lock on a job lasts as long as the lease on its orders, and is renewed at half time. A worker that lost its lock
 * finishes all the same: the lease fences off what it settles late.
 */
export function workerOptions(concurrency: number, leaseMs: number) {
  return { concurrency, lockDuration: leaseMs, stalledInterval: leaseMs, maxStalledCount: MOST_STALLS }
}

export function processorOf(deliver: Deliver): (job: Pick<Job<Payload>, 'data'>) => Promise<void> {
  return ({ data }) => deliver(data.ids)
}

interface TellsErrors {
  on(event: 'error', listener: () => void): unknown
}

/** What is used of BullMQ's queue and worker; on each server they have other types. */
type Jobs = Pick<Queue<Payload>, 'addBulk' | 'pause' | 'resume' | 'isPaused' | 'drain' | 'close'> & TellsErrors
type JobWorker = Pick<Worker<Payload>, 'concurrency' | 'close'> & TellsErrors

interface ServerParts {
  check(): Promise<unknown>
  count(): Promise<JobCounts>
  /** Ends the connections, even to a server that hangs. */
  end(): Promise<void>
}

export interface JobCounts extends Pick<QueueCounts, 'waiting' | 'active' | 'delayed'> {
  /** When the oldest job that waits was published, in epoch milliseconds; null if none waits. */
  readonly oldestAt: number | null
}

export function linkTo(jobs: Jobs, { check, count, end }: ServerParts): Link {
  // Whoever asks hears of it.
  jobs.on('error', () => undefined)
  return {
    pauseSwitch: jobs,
    check,
    send: (batches, delayMs) =>
      jobs.addBulk(
        batches.map((ids) => ({
          name: 'batch',
          data: { ids },
          opts: { jobId: jobIdOf(ids, delayMs), ...(delayMs > 0 ? { delay: delayMs } : {}) },
        })),
      ),
    purge: () => jobs.drain(true),
    counts: async () => {
      const { oldestAt, ...counts } = await count()
      return { ...counts, oldestWaitingSeconds: oldestAt === null ? null : Math.max(0, Date.now() - oldestAt) / 1000 }
    },
    close: async () => {
      await jobs.close().catch(() => undefined)
      await end()
    },
  }
}

export function workerOf(jobs: JobWorker, end: () => Promise<void>): TransportWorker {
  // Lost connections and locks mend themselves; a look tells that the server is away.
  jobs.on('error', () => undefined)
  return {
    resize: (concurrency) => {
      jobs.concurrency = Math.max(1, concurrency)
    },
    close: () => jobs.close(),
    end,
  }
}

/** The same orders at the same time are the same job, which is taken once. BullMQ wants no colon in it. */
function jobIdOf(ids: Batch, delayMs: number): string {
  const digest = createHash('sha256').update(ids.join()).digest('hex').slice(0, 16)
  const job = `${ids[0]}-${ids.length}-${digest}`
  return delayMs > 0 ? `${job}-${Date.now() + delayMs}` : job
}
