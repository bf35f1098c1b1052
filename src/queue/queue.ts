// The interface of a queue. It delivers order ids. A delivery may come twice, late or never without harm, since the
// database is the source of truth. Every driver passes test/queue/contract.ts.
import type { OrderId } from '../domain/ids.js'
import type { TestSignals } from '../domain/test-signals.js'

/** Claims and processes the orders of a batch. Returns how many it claimed. A rejection ends the consumer. */
export type DeliveryHandler = (ids: readonly OrderId[]) => Promise<number>

export type ServerEvent = 'server_away' | 'server_back'

/** `polled`: one round of the consumer's loop, which polls for work unless it is busy. */
export type ConsumerStep = 'polled'

export interface ConsumeOptions {
  /** Maximum number of batches in progress. */
  readonly concurrency: number
  /** Maximum number of orders in a batch. */
  readonly batchSize: number
  /** Ends the consumer when aborted; batches in progress are finished. */
  readonly signal: AbortSignal
  /** End when no order is due or in progress, or the queue is paused. */
  readonly drain: boolean
  /** Drain the orders that are due later as well. */
  readonly waitsForLater?: boolean
  /** Called with a message once when the queue's server is unreachable, and once when it is reachable again. */
  readonly onNotice: (text: string, event: ServerEvent) => void
  readonly signals?: TestSignals<ConsumerStep>
}

export interface Consumer {
  /** Settles when the last batch is finished. Rejects with the error of a handler. */
  readonly ended: Promise<void>
  /** Changes the maximum; batches in progress are finished. */
  resize(concurrency: number): void
}

export interface QueueCounts {
  readonly unit: 'orders' | 'batches'
  readonly waiting: number
  readonly active: number
  /** To be delivered later. */
  readonly delayed: number
  /** Age of the oldest waiting entry; null if none is waiting. */
  readonly oldestWaitingSeconds: number | null
}

export interface PauseSwitch {
  /** Stops all consumers of the queue, in every process, from taking more orders. Survives restarts. */
  pause(): Promise<void>
  resume(): Promise<void>
  isPaused(): Promise<boolean>
}

export interface Queue extends PauseSwitch {
  /** The name that `status` shows. */
  readonly driver: string
  /**
   * Checks that the queue works, and creates what it needs on its server. Cheap once connected.
   *
   * @throws UserError within five seconds, naming the server and what to do (exit 4; exit 2 for an unfit server)
   */
  connect(): Promise<void>
  /**
   * Publishes orders that are due, or will be due in `delayMs`. Safe to repeat, even for settled orders.
   *
   * @throws UserError if the queue's server is unreachable (exit 4); idle workers find the orders in the database later
   */
  publish(ids: readonly OrderId[], delayMs?: number): Promise<void>
  /** Publishes due orders that the server may have lost. It may still remember their batches. Safe to repeat. */
  republish(ids: readonly OrderId[]): Promise<void>
  consume(handler: DeliveryHandler, options: ConsumeOptions): Consumer
  /** Removes all waiting orders from the queue; they stay pending in the database. Returns how many. */
  clear(): Promise<number>
  counts(): Promise<QueueCounts>
  /** Closes the connections. Never hangs. */
  close(): Promise<void>
}
