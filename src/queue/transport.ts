// What a server does for ServerQueue: carry batches. BullMQ on Redis or PostgreSQL, and RabbitMQ.
import type { OrderId } from '../domain/ids.js'
import type { UserError } from '../errors.js'
import type { PauseSwitch, QueueCounts } from './queue.js'

export type Batch = readonly OrderId[]

/** Rejects if the batch has to be delivered again. */
export type Deliver = (ids: Batch) => Promise<void>

export interface Transport {
  readonly driver: string
  /** `Redis at 127.0.0.1:6379`, without a password. */
  readonly name: string
  /** For a server that cannot pause a queue. */
  readonly pauseSwitch?: PauseSwitch
  /**
   * Connects to publish and to ask. Creates what it needs on the server.
   *
   * @param onLost called when the link is lost for good
   * @throws UserError within five seconds (exit 4; exit 2 for an unfit server)
   */
  connect(onLost: () => void): Promise<Link>
  /** Connects to work. The worker waits while the server is away. */
  startWorker(deliver: Deliver, options: WorkerOptions): Promise<TransportWorker>
  /** Explains errors that links reject with; undefined for other errors than the server's. */
  explain?(error: unknown): UserError | undefined
}

interface WorkerOptions {
  /** Maximum number of batches in progress. */
  readonly concurrency: number
  /** May be called when the worker's connection is lost. */
  readonly onAway: (why: UserError) => void
}

/** A connection to publish and to ask, which answers or rejects within seconds. */
export interface Link {
  readonly pauseSwitch: PauseSwitch
  /** Changes nothing, and fails if a write would: on a replica, or without memory. */
  check(): Promise<unknown>
  /** Resolves when the server has stored the batches, which it delivers after `delayMs`. */
  send(batches: readonly Batch[], delayMs: number): Promise<unknown>
  /** Removes all waiting batches, also the delayed ones. */
  purge(): Promise<unknown>
  counts(): Promise<Omit<QueueCounts, 'unit'>>
  /** Never hangs. */
  close(): Promise<void>
}

export interface TransportWorker {
  /** Limits later deliveries. 0 stops them if the server cannot pause. */
  resize(concurrency: number): void
  /** Takes no more batches, and resolves when the server knows the outcome of those in progress. */
  close(): Promise<unknown>
  /** Ends the connections, even to a server that hangs. Pending calls fail. */
  end(): Promise<void>
}
