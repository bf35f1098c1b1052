// What a queue is to the rest of the program. The database holds the truth: a queue only says which orders to look at
// next, and may say so twice, late or never without harm. Every driver passes test/queue/contract.ts.

import type { OrderId } from '../domain/ids.js'

/**
 * Processes orders that a queue hands out; they are claimed in the database before they are touched. Resolves to how many
 * of them could be claimed. A rejection stops the consumer.
 */
export type DeliveryHandler = (ids: readonly OrderId[]) => Promise<number>

export type ServerEvent = 'server_away' | 'server_back'

export interface ConsumeOptions {
  /** Deliveries in hand at a time. */
  readonly concurrency: number
  /** Orders in one delivery, at the most. */
  readonly batchSize: number
  /** Ends the consumer once it is aborted; deliveries in hand are finished. */
  readonly signal: AbortSignal
  /** End by itself when nothing is left to deliver, neither now nor later, or when the queue is paused. */
  readonly drain: boolean
  /** Told, in a sentence for people, when the queue's server is away and when it is back. */
  readonly onNotice: (text: string, event: ServerEvent) => void
}

export interface Consumer {
  /** Settles when the last delivery in hand is finished; rejects with what a handler rejected with. */
  readonly ended: Promise<void>
  /** Changes how many deliveries are in hand at a time; those in hand are finished. */
  resize(concurrency: number): void
}

export interface QueueCounts {
  /** What is counted. */
  readonly unit: 'orders' | 'batches'
  /** To be handed out now. */
  readonly waiting: number
  /** In a worker's hand. */
  readonly active: number
  /** To be handed out later. */
  readonly delayed: number
  /** How long the oldest one has waited; null where none waits. */
  readonly oldestWaitingSeconds: number | null
}

export interface Queue {
  /** As `status` shows it. */
  readonly driver: string
  /**
   * Makes sure that the queue takes and hands out orders, or rejects within five seconds with the reason. Creates what it
   * needs on its server. Cheap once it is connected.
   *
   * @throws UserError naming the server and what to do (exit 4; exit 2 for one that is unfit)
   */
  connect(): Promise<void>
  /**
   * Tells workers about orders that are due, or will be in `delayMs`. Telling them twice is harmless, and so is telling
   * them of orders that are done.
   *
   * @throws UserError where the queue's server is away (exit 4): workers find the orders in the database later
   */
  publish(ids: readonly OrderId[], delayMs?: number): Promise<void>
  /** Hands out deliveries until the signal or, when draining, the end of the work. */
  consume(handler: DeliveryHandler, options: ConsumeOptions): Consumer
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
