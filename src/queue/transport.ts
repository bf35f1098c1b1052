// What a server must do to carry batches: BullMQ on Redis or PostgreSQL, and RabbitMQ. ServerQueue makes a queue of each.
import type { OrderId } from '../domain/ids.js'
import type { UserError } from '../errors.js'
import type { PauseSwitch, QueueCounts } from './queue.js'

export type Batch = readonly OrderId[]

/** Resolves when the batch is done; rejects if it is to be delivered again. */
export type Deliver = (ids: Batch) => Promise<void>

export interface Transport {
  readonly driver: string
  /** `Redis at 127.0.0.1:6379`, without a password. */
  readonly name: string
  /** Pauses the queue if the server cannot. */
  readonly pauseSwitch?: PauseSwitch
  /**
   * Connects to publish and to ask, and creates what is missing on the server.
   *
   * @param onLost called when the link is lost for good
   * @throws UserError within five seconds (exit 4; exit 2 for a server that is unfit)
   */
  connect(onLost: () => void): Promise<Link>
  /** Connects to work. While the server is away, the worker waits and goes on by itself. */
  startWorker(deliver: Deliver, options: WorkerOptions): Promise<TransportWorker>
  /** Explains an error to users if it says that the server is away, or not for us. Left out if links do it. */
  explain?(error: unknown): UserError | undefined
}

interface WorkerOptions {
  /** Batches in progress at a time. */
  readonly concurrency: number
  /** Called when the worker's connection is lost, by drivers that know. */
  readonly onAway: (why: UserError) => void
}

/** A connection to publish and to ask, which answers or rejects within seconds. */
export interface Link {
  readonly pauseSwitch: PauseSwitch
  /** Changes nothing, and fails if a write would: on a replica, or for want of memory. */
  check(): Promise<unknown>
  /** Resolves when the server has the batches, which it delivers after `delayMs`. */
  send(batches: readonly Batch[], delayMs: number): Promise<unknown>
  /** Removes the batches that wait, now or for later. */
  purge(): Promise<unknown>
  counts(): Promise<Omit<QueueCounts, 'unit'>>
  /** Never hangs. */
  close(): Promise<void>
}

export interface TransportWorker {
  /** Holds for batches that are delivered from now on. 0 stops deliveries if the server cannot pause. */
  resize(concurrency: number): void
  /** Takes no more at once, and resolves when the server knows the outcome of the batches in progress. */
  close(): Promise<unknown>
  /** Ends the connections, even to a server that hangs. What waits for an answer fails. */
  end(): Promise<void>
}
