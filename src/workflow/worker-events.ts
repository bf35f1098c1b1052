// The events that a worker reports while it runs. The progress line, the log and systemd read this one stream.
import type { BackgroundEvent } from '../background.js'
import type { ServerEvent } from '../queue/queue.js'

export type WorkerEvent =
  /** The worker claims orders from now on. */
  | ({ readonly event: 'started' } & Limits)
  /** A batch ended. */
  | { readonly event: 'progress'; readonly processed: number }
  /** The state of the queue, every second or more rarely, if it was asked for. */
  | ({ readonly event: 'backlog' } & Backlog)
  | { readonly event: 'scaled'; readonly from: number; readonly to: number }
  /** Every two seconds, unless the process hangs: see heartbeat.ts. */
  | ({ readonly event: 'alive' } & WorkFigures)
  /** The worker claims no more orders; batches in progress are finished. */
  | { readonly event: 'stopping' }
  /** An outage or a background failure, once when it starts and once when it is over; or a thread that died or hung. */
  | { readonly event: ServerEvent | BackgroundEvent | 'thread_lost'; readonly text: string }

export interface Backlog {
  /** Number of due orders. */
  readonly due: number
  /** Orders in progress in any worker. */
  readonly inProgress: number
  readonly dueLater: number
}

/** Limits of the number of batches in progress. */
export interface Limits {
  readonly min: number
  readonly max: number
}

export interface WorkFigures {
  readonly processed: number
  /** Over the last two seconds. */
  readonly ordersPerSecond: number
  /** Maximum number of batches in progress. */
  readonly concurrency: number
}
