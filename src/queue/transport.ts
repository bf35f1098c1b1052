// The interface of a server that carries batches for ServerQueue: BullMQ on Redis or PostgreSQL, and RabbitMQ.
import type { OrderId } from '../domain/ids.js'
import type { UserError } from '../errors.js'
import type { PauseSwitch, QueueCounts } from './queue.js'

export type Batch = readonly OrderId[]

/** Processes a delivered batch. Rejects if the batch has to be delivered again. */
export type Deliver = (ids: Batch) => Promise<void>

/** Reads a batch that a server delivers; undefined for one of another program, which may write to the same server. */
export function readBatch(payload: unknown): Batch | undefined {
  if (typeof payload !== 'object' || payload === null || !('ids' in payload)) return undefined
  return Array.isArray(payload.ids) && payload.ids.every(Number.isSafeInteger) ? payload.ids : undefined
}

export interface Transport {
  readonly driver: string
  /** `Redis at 127.0.0.1:6379`, without a password. */
  readonly name: string
  /** Set if the server cannot pause a queue. */
  readonly pauseSwitch?: PauseSwitch
  /**
   * Connects for publishing and for requests. Creates what the queue needs on the server.
   *
   * @param onLost called when the link is lost for good
   * @throws UserError within five seconds (exit 4; exit 2 for an unsuitable server)
   */
  connect(onLost: () => void): Promise<Link>
  /** Connects for consuming. The worker waits while the server is unreachable. */
  startWorker(deliver: Deliver, options: WorkerOptions): Promise<TransportWorker>
  /** Explains an error of a link; undefined if it is not the server's. */
  explain?(error: unknown): UserError | undefined
}

interface WorkerOptions {
  /** Maximum number of batches in progress. */
  readonly concurrency: number
  /** May be called when the worker's connection is lost. */
  readonly onUnreachable: (why: UserError) => void
}

export interface SendOptions {
  readonly delayMs: number
  /** A server may store a batch once that is sent several times in one round. 0 until it may have been lost. */
  readonly round: number
}

/** A connection for publishing and for requests, which resolve or reject within seconds. */
export interface Link {
  readonly pauseSwitch: PauseSwitch
  /** Fails if a write would fail, as on a replica or without memory. Changes nothing. */
  check(): Promise<unknown>
  /** Sends batches to be delivered after `delayMs`. Resolves when the server has stored them. */
  send(batches: readonly Batch[], options: SendOptions): Promise<unknown>
  /** Removes all waiting batches, including the delayed ones. */
  purge(): Promise<unknown>
  counts(): Promise<Omit<QueueCounts, 'unit'>>
  /** Never hangs. */
  close(): Promise<void>
}

export interface TransportWorker {
  /** Limits later deliveries. 0 stops them if the server cannot pause. */
  resize(concurrency: number): void
  /** Takes no more batches. Resolves when the server knows the outcome of those in progress. */
  close(): Promise<unknown>
  /** Ends the connections, even to a server that hangs. Pending calls fail. */
  end(): Promise<void>
}
