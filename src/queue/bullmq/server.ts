// What BullMQ runs on: a server, how to reach it, and what its errors mean. The driver is the same on each.

import type { Job, Queue, Worker, WorkerOptions } from 'bullmq'
import type { UserError } from '../../errors.js'
import type { Payload } from './jobs.js'

/** What is used of BullMQ's queue; on each server it has another type. */
interface Jobs extends Pick<Queue<Payload>, 'addBulk' | 'pause' | 'resume' | 'isPaused' | 'drain' | 'close'> {}

export interface JobCounts {
  readonly waiting: number
  readonly active: number
  readonly delayed: number
  /** When the oldest of those that wait was published, in epoch milliseconds; null where none waits. */
  readonly oldestAt: number | null
}

/** What is used of BullMQ's worker. */
export type JobWorker = Pick<Worker<Payload>, 'concurrency' | 'close'>

/** One side of BullMQ with connections of its own. */
export interface Connected<Side> {
  readonly jobs: Side
  /** Ends the connections, also those to a server that hangs: what still waits for an answer fails. Takes no second. */
  letGo(): Promise<void>
}

export interface ConnectedJobs extends Connected<Jobs> {
  count(): Promise<JobCounts>
  /** Changes nothing, and fails where a write would: on a replica, or for want of memory. */
  tryWrite(): Promise<unknown>
}

export type DeliverJob = (job: Pick<Job<Payload>, 'data'>) => Promise<void>

export interface BullServer {
  /** As `status` shows it. */
  readonly driver: string
  /** `Redis` */
  readonly product: string
  /** `Redis at 127.0.0.1:6379`, without a password. */
  readonly name: string
  /**
   * Connects to publish and to ask.
   *
   * @throws UserError within five seconds (exit 4; exit 2 for a server that is unfit)
   */
  openJobs(): Promise<ConnectedJobs>
  /** Connects to work. While the server is away, the worker waits and goes on by itself. */
  openWorker(deliver: DeliverJob, options: Omit<WorkerOptions, 'connection'>): Promise<Connected<JobWorker>>
  /** For users, where the error is one of those that say that the server is away, or not for us. */
  explain(error: unknown): UserError | undefined
}
