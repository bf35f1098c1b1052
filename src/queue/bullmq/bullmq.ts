// The parts of BullMQ that Redis and PostgreSQL share. A job is a batch.
import { createHash } from 'node:crypto'
import type { Job, JobsOptions, Queue, Worker } from 'bullmq'
import type { QueueCounts } from '../queue.js'
import { type Batch, type Deliver, type Link, readBatch, type SendOptions, type TransportWorker } from '../transport.js'

export interface Payload {
  readonly ids: Batch
}

export const QUEUE_NAME = 'orders'

/** Retries a job twice, then drops it. Its orders are still due, so a later poll publishes them again. */
export const queueOptions = (eventsKept: number) => ({
  defaultJobOptions: {
    attempts: 3,
    backoff: { type: 'exponential', delay: 1000 },
    removeOnComplete: true,
    removeOnFail: true,
  } satisfies JobsOptions,
  streams: { events: { maxLen: eventsKept } },
})

/** Number of workers that may die while processing a job before BullMQ drops it. */
const MOST_STALLS = 5

/**
 * A job's lock lasts as long as the lease on its orders. A worker that lost it finishes, and the fence rejects its
 * results.
 */
export function workerOptions(concurrency: number, leaseMs: number) {
  return { concurrency, lockDuration: leaseMs, stalledInterval: leaseMs, maxStalledCount: MOST_STALLS }
}

/** Drops jobs that are no batch. */
export const processorOf = (deliver: Deliver) => async (job: Pick<Job, 'data'>) => {
  const batch = readBatch(job.data)
  if (batch) await deliver(batch)
}

/** The parts that we use of BullMQ's queue and worker, whose types differ by server. */
type Jobs = Pick<Queue<Payload>, 'addBulk' | 'pause' | 'resume' | 'isPaused' | 'drain' | 'close'> & EmitsErrors
type JobWorker = Pick<Worker<Payload>, 'concurrency' | 'pause' | 'close'> & EmitsErrors
interface EmitsErrors {
  on(event: 'error', listener: () => void): unknown
}

export interface JobCounts extends Pick<QueueCounts, 'waiting' | 'active' | 'delayed'> {
  /** When the oldest waiting job was published, in epoch milliseconds; null if none is waiting. */
  readonly oldestAt: number | null
}

interface ServerParts extends Pick<Link, 'check'> {
  count(): Promise<JobCounts>
  /** Ends the connections, even to a server that hangs. */
  end(): Promise<void>
}

export function linkTo(jobs: Jobs, { check, count, end }: ServerParts): Link {
  // The call that fails reports the error.
  jobs.on('error', () => undefined)
  return {
    pauseSwitch: jobs,
    check,
    send: (batches, options) => jobs.addBulk(batches.map((ids) => jobOf(ids, options))),
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

/** @param end ends the connections, even to a server that hangs */
export function workerOf(jobs: JobWorker, end: () => Promise<void>): TransportWorker {
  // BullMQ recovers from lost connections and locks. A poll reports that the server is unreachable.
  jobs.on('error', () => undefined)
  return {
    resize: (concurrency) => {
      jobs.concurrency = Math.max(1, concurrency)
    },
    close: () => jobs.pause(),
    end: async () => {
      await end()
      // Forced, since calls to an unreachable server may never return.
      await jobs.close(true)
    },
  }
}

/**
 * Gives the same orders at the same time the same job id, so BullMQ stores them once. It ignores a job whose id it
 * knows, even if that job waits in no list or is locked by a dead worker. Job ids must not contain a colon.
 */
function jobOf(ids: Batch, { delayMs, round }: SendOptions) {
  const digest = createHash('sha256').update(ids.join()).digest('hex').slice(0, 16)
  const jobId = `${ids[0]}-${ids.length}-${digest}-${round}`
  const opts = delayMs > 0 ? { jobId: `${jobId}-${Date.now() + delayMs}`, delay: delayMs } : { jobId }
  return { name: 'batch', data: { ids }, opts }
}
