// What a queue is to the rest of the program. The database holds the truth: a queue only delivers ids of orders, and may
// do so twice, late or never without harm. Every driver passes test/queue/contract.ts.
import type { OrderId } from '../domain/ids.js'
import type { TestSignals } from '../domain/test-signals.js'

/**
 * Processes a batch: claims its orders in the database before it touches them. Resolves to how many it could claim. A
 * rejection stops the consumer.
 */
export type DeliveryHandler = (ids: readonly OrderId[]) => Promise<number>

export type ServerEvent = 'server_away' | 'server_back'

/** `looked`: a round of the consumer's loop, which looks for work if it could take more. */
export type ConsumerStep = 'looked'

export interface ConsumeOptions {
  /** Batches in progress at a time. */
  readonly concurrency: number
  /** Maximum number of orders in a batch. */
  readonly batchSize: number
  /** Ends the consumer when it is aborted; batches in progress are finished. */
  readonly signal: AbortSignal
  /** End when nothing is left to deliver, neither now nor later, or when the queue is paused. */
  readonly drain: boolean
  /** Called with a message when the queue's server is unreachable, and when it is back. */
  readonly onNotice: (text: string, event: ServerEvent) => void
  readonly signals?: TestSignals<ConsumerStep>
}

export interface Consumer {
  /** Settles when the last batch in progress is finished; rejects with what a handler rejected with. */
  readonly ended: Promise<void>
  /** Changes how many batches are in progress at a time; those that are in progress are finished. */
  resize(concurrency: number): void
}

export interface QueueCounts {
  /** What is counted. */
  readonly unit: 'orders' | 'batches'
  /** To be delivered now. */
  readonly waiting: number
  /** In progress. */
  readonly active: number
  /** To be delivered later. */
  readonly delayed: number
  /** Age of the oldest waiting entry; null if none waits. */
  readonly oldestWaitingSeconds: number | null
}

export interface PauseSwitch {
  /** Keeps every consumer of the queue, in every process, from taking more; holds over restarts. */
  pause(): Promise<void>
  resume(): Promise<void>
  isPaused(): Promise<boolean>
}

export interface Queue extends PauseSwitch {
  /** As `status` shows it. */
  readonly driver: string
  /**
   * Makes sure that the queue takes and delivers orders. Creates what it needs on its server. Cheap once it is connected.
   *
   * @throws UserError within five seconds, naming the server and what to do (exit 4; exit 2 if the server is unfit)
   */
  connect(): Promise<void>
  /**
   * Publishes orders that are due, or will be in `delayMs`. Publishing an order twice, or one that is done, is harmless.
   *
   * @throws UserError if the queue's server is away (exit 4): workers find the orders in the database later
   */
  publish(ids: readonly OrderId[], delayMs?: number): Promise<void>
  /** Delivers batches until the signal or, when draining, the end of the work. */
  consume(handler: DeliveryHandler, options: ConsumeOptions): Consumer
  /** Removes all waiting orders from the queue; they stay pending in the database. Returns how many. */
  clear(): Promise<number>
  counts(): Promise<QueueCounts>
  /** Closes the connections. Never hangs. */
  close(): Promise<void>
}
