// What a queue is to the rest of the program. The database holds the truth: a queue only says which orders to look at
// next, and may say so twice, late or never without harm.
import type { OrderId } from '../domain/ids.js'
import type { RedisAddress } from '../redis/address.js'

/** Where the queue is, as the configuration names it. */
export type QueueAddress = { readonly kind: 'embedded' } | RedisAddress

/**
 * Processes orders that a queue hands out; they are claimed in the database before they are touched. Resolves to how many
 * of them could be claimed; a rejection stops the consumer.
 */
export type DeliveryHandler = (ids: readonly OrderId[]) => Promise<number>

export interface ConsumeOptions {
  /** Deliveries in hand at a time. */
  readonly concurrency: number
  /** Orders in one delivery, at the most. */
  readonly batchSize: number
  /** Ends the consumer once it is aborted; deliveries in hand are finished. */
  readonly signal: AbortSignal
  /** End by itself when nothing is left to deliver, neither now nor later, or when the queue is paused. */
  readonly drain: boolean
}

export interface QueueCounts {
  /** Due now. */
  readonly waiting: number
  /** In a worker's hand. */
  readonly active: number
  /** Due later: asked again after a pause. */
  readonly delayed: number
  /** How long the oldest due order has waited; null where none waits. */
  readonly oldestWaitingSeconds: number | null
}

export interface Queue {
  /** As `status` shows it. */
  readonly driver: string
  /** Makes stored orders known to workers. Publishing an order twice is harmless. Returns how many were published. */
  publish(ids: readonly OrderId[]): Promise<number>
  /** Hands out deliveries until the signal or, when draining, the end of the work. */
  consume(handler: DeliveryHandler, options: ConsumeOptions): Promise<void>
  /** Stops every consumer of this queue, in every process, from taking more; holds over restarts. */
  pause(): Promise<void>
  resume(): Promise<void>
  isPaused(): Promise<boolean>
  /** Takes all waiting orders out of the queue; they stay pending in the database. Returns how many. */
  clear(): Promise<number>
  counts(): Promise<QueueCounts>
  /** Lets go of connections. Never hangs. */
  close(): Promise<void>
}
