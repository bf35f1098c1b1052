// How many orders were settled in each step of time (a second, say): what a chart that moves is drawn from.
import type { Database } from '../database/connection.js'
import { startOf } from '../domain/time.js'

export interface SettledSteps {
  readonly stepMs: number
  /** Orders settled in each step that is over, the latest last. */
  readonly counts: readonly number[]
}

/** So that a chart is not empty at first. */
const STEPS_AT_FIRST = 120

/** More than any screen has columns. */
const STEPS_KEPT = 500

/** The instant of settling is taken before the commit: orders may show up in a step that was counted already. */
const LATE_MS = 3000

/**
 * Each step is counted by a range of the index on settled_at, and again only while late orders may show up in it. Counting
 * steps by one `group by` costs thirty times as much: it sorts what the index has in order.
 */
export class SettledStepReader {
  readonly #db: Database
  readonly #stepMs: number
  readonly #counts = new Map<number, number>()
  #final: number | undefined

  constructor(db: Database, stepMs: number) {
    this.#db = db
    this.#stepMs = stepMs
  }

  /** @param now epoch milliseconds */
  async read(now: number): Promise<SettledSteps> {
    const end = startOf(now, this.#stepMs)
    const oldest = end - STEPS_KEPT * this.#stepMs
    const from = Math.max(this.#final ?? end - STEPS_AT_FIRST * this.#stepMs, oldest)
    for (let step = from; step < end; step += this.#stepMs) this.#counts.set(step, await this.#count(step))
    this.#final = Math.max(from, startOf(now - LATE_MS, this.#stepMs))
    for (const step of this.#counts.keys()) if (step < oldest || step >= end) this.#counts.delete(step)
    return { stepMs: this.#stepMs, counts: [...this.#counts.entries()].sort(([a], [b]) => a - b).map(([, n]) => n) }
  }

  async #count(from: number): Promise<number> {
    const { orders } = await this.#db
      .selectFrom('orders')
      .select((eb) => eb.fn.countAll<number>().as('orders'))
      .where('settled_at', '>=', from)
      .where('settled_at', '<', from + this.#stepMs)
      .executeTakeFirstOrThrow()
    return orders
  }
}
