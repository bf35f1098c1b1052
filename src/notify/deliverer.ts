// Delivers events while a worker or scheduler runs. Any number of processes may do so: a lease keeps them apart.
import pMap from 'p-map'
import { type BackgroundTask, type FailureReporter, startBackground } from '../background.js'
import type { Config } from '../config/config.js'
import type { Database } from '../database/connection.js'
import { backoffMs } from '../domain/backoff.js'
import { DAY_MS, HOUR_MS } from '../domain/time.js'
import { type Delivery, type Destination, SEND_MS } from './destination.js'
import { messageOf } from './message.js'
import {
  type ClaimedEvent,
  claimEvents,
  type FailedEvent,
  markDelivered,
  postponeEvents,
  pruneEvents,
} from './outbox.js'
import { Processors } from './processors.js'

/** Pause while no event waits. */
const IDLE_MS = 1000

/** Shortest and longest pause between attempts while the destination is down. */
const FIRST_PAUSE_MS = 1000
const LONGEST_PAUSE_MS = 60_000

/** No delivery starts later than this after its claim, so that it ends before the lease. */
const ROUND_MS = 20_000
const LEASE_MS = ROUND_MS + 3 * SEND_MS

/** Events of a round for each delivery in flight. A crash repeats at most this many. */
const ROUNDS_PER_CLAIM = 10

/** Failures in a row after which a destination counts as down: the rest of the round is not sent. */
const DOWN_AFTER = 5

/** Events of a round, one a second, while the processors are busy: about 1 % of two processors. */
const BUSY_EVENTS = 100

/** How long the last round of a process may last. */
const LAST_ROUND_MS = 10_000

export interface DelivererOptions {
  readonly db: Database
  readonly config: Config
  readonly destination: Destination
  /** No delivery starts after this is aborted. */
  readonly signal: AbortSignal
  readonly reporter: FailureReporter
}

/** The destination did not take an event. */
class NotDelivered extends Error {}

/** Delivers the events of one destination until the end. */
export class Deliverer {
  readonly #options: DelivererOptions
  readonly #processors = new Processors()
  /** Assumed until it is measured, so that a drain is not slowed down while it begins. */
  #isBusy = true
  /** Rounds with failures since the last delivery. */
  #failedRounds = 0
  #pauseMs = 0
  #prunedAt = 0

  constructor(options: DelivererOptions) {
    this.#options = options
  }

  start(): BackgroundTask {
    const { reporter } = this.#options
    const run = async (isLast: boolean) => {
      await (isLast ? this.#deliverLast() : this.#round())
      return this.#failedRounds === 0
    }
    return startBackground(run, { pauseMs: () => this.#pauseMs, reporter, lastRun: true })
  }

  /** Delivers what waits before the process ends, for example after a drain, unless the destination is down. */
  async #deliverLast(): Promise<void> {
    const began = performance.now()
    this.#isBusy = false
    while (performance.now() - began < LAST_ROUND_MS && this.#failedRounds === 0) {
      if ((await this.#round(LAST_ROUND_MS)) === 0) return
    }
  }

  /** @returns how many events the destination answered. @throws NotDelivered if it failed to answer any */
  async #round(limitMs = ROUND_MS): Promise<number> {
    const { db, destination, signal } = this.#options
    this.#pauseMs = Math.max(IDLE_MS, this.#pauseMs)
    if (signal.aborted) return 0
    const most = this.#mostEvents()
    const claim = await claimEvents(db, destination.name, most, LEASE_MS)
    const { sent, failed, refused, unsent, retryAfterMs } = await this.#send(claim.events, limitMs)
    await markDelivered(db, claim, sent)
    await postponeEvents(db, claim, failed, unsent)
    await this.#prune()
    const [failure] = failed
    const answered = sent.length + refused
    if (answered > 0) this.#failedRounds = 0
    else if (failure) this.#failedRounds += 1
    this.#pauseMs = Math.max(this.#pauseAfter(claim.events.length === most), retryAfterMs)
    if (failure && answered === 0) throw new NotDelivered(failure.error)
    return answered
  }

  #pauseAfter(hasMore: boolean): number {
    if (this.#failedRounds > 0) return backoffMs(this.#failedRounds, FIRST_PAUSE_MS, LONGEST_PAUSE_MS)
    this.#isBusy = this.#processors.wereBusy()
    return hasMore && !this.#isBusy ? 0 : IDLE_MS
  }

  /** One while the destination is down; few while batches need the processors. */
  #mostEvents(): number {
    if (this.#failedRounds > 0) return 1
    const most = this.#options.config['notify.maxInFlight'] * ROUNDS_PER_CLAIM
    return this.#isBusy ? Math.min(most, BUSY_EVENTS) : most
  }

  async #send(events: readonly ClaimedEvent[], limitMs: number) {
    const { config, destination, signal } = this.#options
    const began = performance.now()
    const sent: ClaimedEvent[] = []
    const failed: FailedEvent[] = []
    const unsent: ClaimedEvent[] = []
    let [failures, refused, retryAfterMs] = [0, 0, 0]
    const record = (event: ClaimedEvent, delivery: Delivery) => {
      const isAnswered = delivery.delivered || delivery.refused === true
      failures = isAnswered ? 0 : failures + 1
      if (delivery.delivered) return sent.push(event)
      if (isAnswered) refused += 1
      retryAfterMs = Math.max(retryAfterMs, delivery.retryAfterMs ?? 0)
      return failed.push({ ...keyOf(event), deliveries: event.deliveries, error: delivery.error })
    }
    const sendOne = async (event: ClaimedEvent) => {
      const isOver = signal.aborted || failures >= DOWN_AFTER || performance.now() - began > limitMs
      if (isOver) unsent.push(event)
      else record(event, await destination.send(messageOf(event)))
    }
    await pMap(events, sendOne, { concurrency: config['notify.maxInFlight'] })
    return { sent, failed, refused, unsent, retryAfterMs }
  }

  async #prune(): Promise<void> {
    const { db, config, destination } = this.#options
    if (performance.now() - this.#prunedAt < HOUR_MS && this.#prunedAt > 0) return
    this.#prunedAt = performance.now()
    await pruneEvents(db, destination.name, config['notify.keepDays'] * DAY_MS)
  }
}

function keyOf({ order_id, destination, number }: ClaimedEvent) {
  return { order_id, destination, number }
}
