// What consumers have in common whose batches come from a server: deliveries go to the handler, and the database is looked
// at as well. What the server lost is published again, and whether a drain is at its end the database alone knows.
import type { Database } from '../database/connection.js'
import { inBatches } from '../domain/batches.js'
import type { OrderId } from '../domain/ids.js'
import { EXIT, UserError } from '../errors.js'
import { findDue, isWorkLeft, lastDueIn } from './due-orders.js'
import type { ConsumeOptions, DeliveryHandler, Queue } from './queue.js'

/** How often a consumer with free hands looks around, in milliseconds. */
const LOOK_MS = 200

/** A consumer that was handed nothing for so long although batches wait is not heard of by its server. */
const IGNORED_MS = 10_000

/** Due orders that one look publishes again, at the most; the next look brings the next ones. */
const REPUBLISHED_AT_ONCE = 20_000

interface Surroundings {
  readonly queue: Queue
  readonly db: Database
  /** As people know it: `Redis at 127.0.0.1:6379`. */
  readonly server: string
  /** Due orders may be in a worker's hand for so long before they are claimed, where anything is in hand. */
  readonly leaseMs: number
}

/** What a look found: that the queue is paused, that batches wait while we were handed none for ten seconds, or neither. */
type Found = 'paused' | 'ignored' | 'nothing'

export class Deliveries {
  /** Aborted when nothing more is to be taken. */
  readonly signal: AbortSignal
  readonly #here: Surroundings
  readonly #handler: DeliveryHandler
  readonly #options: ConsumeOptions
  readonly #over = new AbortController()
  readonly #inHand = new Set<Promise<void>>()
  #failure: { readonly error: unknown } | undefined
  #isServerAway = false
  /** When batches were first seen to wait although nothing was in hand. */
  #ignoredSince: number | undefined
  /** Whether the last look found nothing to wait, and nothing came or went since. */
  #isQuiet = false
  #wake = () => {}

  constructor(here: Surroundings, handler: DeliveryHandler, options: ConsumeOptions) {
    this.#here = here
    this.#handler = handler
    this.#options = options
    this.signal = AbortSignal.any([options.signal, this.#over.signal])
    this.signal.addEventListener('abort', () => this.#wake(), { once: true })
  }

  get inHand(): number {
    return this.#inHand.size
  }

  get isServerAway(): boolean {
    return this.#isServerAway
  }

  /** Whether to look: with free hands, or for a server that was away, which a look tells to be back. */
  isLookDue(concurrency: number): boolean {
    return this.#isServerAway || this.inHand < concurrency
  }

  /** Gives a delivery to the handler, in batches. Rejects with what the handler rejected with, which is the end. */
  take(ids: readonly OrderId[]): Promise<void> {
    this.#ignoredSince = undefined
    this.#isQuiet = false
    const delivery = this.#handle(ids).finally(() => {
      this.#inHand.delete(delivery)
      this.#isQuiet = false
      if (this.#inHand.size === 0) this.#wake()
    })
    this.#inHand.add(delivery)
    return delivery
  }

  /** The part of a look that needs no server: whether there is anything to do, for whomever. Ends a drain that has nothing. */
  async isWorkLeft(): Promise<boolean> {
    const idle = this.#inHand.size === 0
    const isLeft = await isWorkLeft(this.#here.db)
    if (this.#options.drain && idle && !isLeft) this.#over.abort()
    return isLeft
  }

  /** What no event tells: that the work is done, that the server has lost some of it, that it has forgotten us. */
  async look(): Promise<Found> {
    const { db, queue, leaseMs } = this.#here
    if (!(await this.isWorkLeft())) return 'nothing'
    const idle = this.#inHand.size === 0
    try {
      await queue.connect()
      const paused = await queue.isPaused()
      if (this.#options.drain && idle && paused) this.#over.abort()
      const { waiting, active } = await queue.counts()
      this.noticeBack()
      if (paused) return 'paused'
      // A batch that waits no longer may be on its way to us.
      const wasQuiet = this.#isQuiet
      this.#isQuiet = waiting === 0
      if (waiting > 0) return this.#isIgnored() ? 'ignored' : 'nothing'
      if (!wasQuiet) return 'nothing'
      // Batches that were handed out may not have been claimed yet; of a worker that died, the lease tells.
      const isInHand = active > 0 || this.#inHand.size > 0
      await queue.publish(await findDue(db, isInHand ? leaseMs : 0, REPUBLISHED_AT_ONCE))
    } catch (error) {
      this.noticeAway(error)
    }
    return 'nothing'
  }

  /** Until the next look is due, or there is a reason not to wait for it. */
  rest(): Promise<void> {
    if (this.signal.aborted) return Promise.resolve()
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, LOOK_MS)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  /** Tells that the server is away, once for each time that it is. @throws an error that says anything else */
  noticeAway(error: unknown): void {
    if (!(error instanceof UserError && error.exit === EXIT.unreachable)) throw error
    if (this.#isServerAway) return
    this.#isServerAway = true
    this.#options.onNotice(`${error.message} Waiting for it.`, 'server_away')
  }

  noticeBack(): void {
    if (!this.#isServerAway) return
    this.#isServerAway = false
    this.#options.onNotice(`${this.#here.server} is back.`, 'server_back')
  }

  /** Resolves when nothing is in hand. */
  async finished(): Promise<void> {
    await Promise.allSettled(this.#inHand)
  }

  /** Resolves when one that is in hand is finished. */
  async oneFinished(): Promise<void> {
    await Promise.race(this.#inHand).catch(() => undefined)
  }

  /** @throws what a handler rejected with, if one did */
  throwFailure(): void {
    if (this.#failure) throw this.#failure.error
  }

  #isIgnored(): boolean {
    if (this.#inHand.size > 0) return false
    this.#ignoredSince ??= Date.now()
    if (Date.now() - this.#ignoredSince < IGNORED_MS) return false
    this.#ignoredSince = undefined
    return true
  }

  async #handle(ids: readonly OrderId[]): Promise<void> {
    try {
      for (const batch of inBatches(ids, this.#options.batchSize)) {
        if (this.signal.aborted) break
        await this.#handler(batch)
      }
      await this.#deliverAgain(ids)
    } catch (error) {
      this.#failure ??= { error }
      this.#over.abort()
      throw error
    }
  }

  /** Orders to be asked for again, and those that another worker holds: they are looked at when they fall due. */
  async #deliverAgain(ids: readonly OrderId[]): Promise<void> {
    const dueIn = await lastDueIn(this.#here.db, ids)
    if (dueIn === null) return
    // Where the server is away: a worker with nothing to do finds them.
    await this.#here.queue.publish(ids, Math.max(dueIn, LOOK_MS) + 1).catch(() => undefined)
  }
}
