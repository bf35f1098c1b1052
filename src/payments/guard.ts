// Shares one gateway among everything in a process: one budget of calls, one rate limit and one circuit breaker
// (ADR 24). While the gateway is in trouble, calls end at once and ask nothing.
import { type CircuitBreakerPolicy, CountBreaker, circuitBreaker, handleWhenResult } from 'cockatiel'
import PQueue from 'p-queue'
import { asError } from '../background.js'
import { backoffMs } from '../domain/backoff.js'
import { MINUTE_MS, SECOND_MS } from '../domain/time.js'
import { UserError } from '../errors.js'
import {
  type CallOptions,
  type Charge,
  type Gateway,
  LATE,
  type OpenGateway,
  type Refund,
  type Unknown,
  unknown,
} from './gateway.js'

export interface GuardOptions {
  /** Maximum number of open calls. */
  readonly maxInFlight: number
  /** Maximum number of calls per second. */
  readonly perSecond: number | null
}

/** Opens when more than half of the latest 100 calls, and of at least 20, had no known outcome. */
const BREAKER = { threshold: 0.5, size: 100, minimumNumberOfCalls: 20 }

/** How long the circuit stays open although the gateway says that it is well: longer each time in a row. */
const FIRST_OPEN_MS = 500
const LONGEST_OPEN_MS = 30 * SECOND_MS

/** Time limit of a check. */
const CHECK_MS = 5 * SECOND_MS

/** Longest pause of all calls after HTTP 429. */
const LONGEST_PAUSE_MS = 30 * SECOND_MS

interface Watched extends Gateway {
  /** @returns its time. @throws UserError */
  health(timeoutMs: number): Promise<number | undefined>
  unavailable(reason: string): UserError
  close(): Promise<void>
}

/** Limits how many calls are open at a time, and how many start per second. */
export class Budget {
  readonly #queue: PQueue
  #resume: NodeJS.Timeout | undefined
  #resumeAt = 0

  constructor({ maxInFlight, perSecond }: GuardOptions) {
    this.#queue = new PQueue({ concurrency: maxInFlight, ...(perSecond === null ? {} : paceOf(perSecond)) })
  }

  run<Result>(call: () => Promise<Result>, { turn = 0, leaseEnd }: CallOptions = {}): Promise<Result | Unknown> {
    const start = async () => (leaseEnd?.hasPassed() ? LATE : call())
    return this.#queue.add(start, { priority: -turn })
  }

  /** Forgets the calls that wait: their promises stay open. */
  clear(): void {
    this.#queue.clear()
  }

  /** Starts no calls for this long. */
  pause(ms: number): void {
    const until = performance.now() + Math.min(ms, LONGEST_PAUSE_MS)
    if (until <= this.#resumeAt) return
    this.#resumeAt = until
    this.#queue.pause()
    clearTimeout(this.#resume)
    this.#resume = setTimeout(() => this.#queue.start(), until - performance.now())
  }

  close(): void {
    clearTimeout(this.#resume)
  }
}

/** Spreads the calls of a second over ten intervals, or over one per call if they are fewer. */
function paceOf(perSecond: number) {
  const intervalCap = Math.max(1, Math.round(perSecond / 10))
  return { intervalCap, interval: Math.ceil((SECOND_MS * intervalCap) / perSecond) }
}

export class GuardedGateway implements OpenGateway {
  readonly #gateway: Watched
  readonly #budget: Budget
  #breaker: CircuitBreakerPolicy
  #trouble: UserError | undefined
  #hasWorked = false
  /** Ends the calls that wait for the budget. */
  readonly #waiting = new Set<() => void>()
  /** When the trouble that the breaker found may end, when the last one ended, and how many came in a row. */
  #openUntil = 0
  #closedAt = Number.NEGATIVE_INFINITY
  #opened = 0

  constructor(gateway: Watched, options: GuardOptions) {
    this.#gateway = gateway
    this.#budget = new Budget(options)
    this.#breaker = this.#newBreaker()
  }

  get trouble(): UserError | undefined {
    return this.#trouble
  }

  charge(charge: Charge, timeoutMs: number, options?: CallOptions) {
    return this.#call(() => this.#gateway.charge(charge, timeoutMs), options)
  }

  lookUpCharge(charge: Charge, timeoutMs: number, options?: CallOptions) {
    return this.#call(() => this.#gateway.lookUpCharge(charge, timeoutMs), options)
  }

  refund(refund: Refund, timeoutMs: number, options?: CallOptions) {
    return this.#call(() => this.#gateway.refund(refund, timeoutMs), options)
  }

  lookUpRefund(refund: Refund, timeoutMs: number, options?: CallOptions) {
    return this.#call(() => this.#gateway.lookUpRefund(refund, timeoutMs), options)
  }

  async check(): Promise<number | undefined> {
    if (this.#trouble && performance.now() < this.#openUntil) throw this.#trouble
    let time: number | undefined
    try {
      time = await this.#gateway.health(CHECK_MS)
    } catch (error) {
      if (!(error instanceof UserError)) throw error
      // A gateway that has worked is at the right address, but may be missing behind its proxy for a while.
      const isGone = this.#hasWorked && error.code === 'gateway_wrong_url'
      const trouble = isGone ? this.#gateway.unavailable('GET /health answered 404') : error
      this.#begin(trouble)
      throw trouble
    }
    this.#hasWorked = true
    if (!this.#trouble) return time
    this.#trouble = undefined
    this.#closedAt = performance.now()
    // A new one, since calls that began before must not count.
    this.#breaker = this.#newBreaker()
    return time
  }

  close(): Promise<void> {
    this.#budget.close()
    return this.#gateway.close()
  }

  #call<Outcome extends { readonly status: string }>(ask: () => Promise<Outcome>, options?: CallOptions) {
    return new Promise<Outcome | Unknown>((answer, fail) => {
      const end = () => answer(this.#notAsked())
      const start = () => {
        this.#waiting.delete(end)
        return this.#ask(ask)
      }
      const isLate = () => this.#waiting.delete(end)
      this.#waiting.add(end)
      this.#budget.run(start, options).then(answer, fail).finally(isLate)
    })
  }

  async #ask<Outcome extends { readonly status: string }>(ask: () => Promise<Outcome>): Promise<Outcome | Unknown> {
    if (this.#trouble) return this.#notAsked()
    try {
      const outcome = await this.#breaker.execute(ask)
      if (isUnknown(outcome) && outcome.notAsked && outcome.retryAfterMs) this.#budget.pause(outcome.retryAfterMs)
      return outcome
    } catch (error) {
      if (!(error instanceof UserError)) return unknown(asError(error).message)
      this.#begin(error)
      return this.#notAsked()
    }
  }

  #notAsked(): Unknown {
    return { ...unknown(this.#trouble?.message ?? 'the gateway was unavailable'), notAsked: true }
  }

  #newBreaker(): CircuitBreakerPolicy {
    const breaker = circuitBreaker(handleWhenResult(isUnknown), {
      // Never half open: a check closes the circuit.
      halfOpenAfter: Number.POSITIVE_INFINITY,
      breaker: new CountBreaker(BREAKER),
    })
    breaker.onBreak((reason) => {
      const last = reason && 'value' in reason && isUnknown(reason.value) ? `, last: ${reason.value.message}` : ''
      if (performance.now() - this.#closedAt > MINUTE_MS) this.#opened = 0
      this.#opened += 1
      this.#openUntil = performance.now() + backoffMs(this.#opened, FIRST_OPEN_MS, LONGEST_OPEN_MS)
      this.#begin(this.#gateway.unavailable(`most calls have no known outcome${last}`))
    })
    return breaker
  }

  #begin(trouble: UserError): void {
    this.#trouble = trouble
    this.#budget.clear()
    for (const end of this.#waiting) end()
    this.#waiting.clear()
  }
}

function isUnknown(outcome: unknown): outcome is Unknown {
  return typeof outcome === 'object' && outcome !== null && 'status' in outcome && outcome.status === 'unknown'
}
