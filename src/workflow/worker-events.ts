// What a worker reports while it runs: one stream, which the progress line, the log and systemd read.
import type { BackgroundEvent } from '../background.js'
import type { ServerEvent } from '../queue/queue.js'

export type WorkerEvent =
  /** Orders are claimed from now on. */
  | ({ readonly event: 'started' } & Limits)
  /** A batch ended. */
  | { readonly event: 'progress'; readonly processed: number }
  | { readonly event: 'scaled'; readonly from: number; readonly to: number }
  /** Every two seconds, unless the process hangs: see heartbeat.ts. */
  | ({ readonly event: 'alive' } & WorkFigures)
  /** No more orders are claimed; batches in progress are finished. */
  | { readonly event: 'stopping' }
  /** An outage or a failure in the background, once when it begins and once when it is over; a thread that died or hung. */
  | { readonly event: ServerEvent | BackgroundEvent | 'thread_lost'; readonly text: string }

/** Batches in progress at a time. */
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
