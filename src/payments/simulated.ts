// A gateway that charges nothing. Its outcome is a pure function of the seed and the order: it leaves the shop out of
// the idempotency key, so that each new database gives the same example.
import { hash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { type IdempotencyKey, withoutShop } from '../domain/ids.js'
import type { Charge, ChargeOutcome, Gateway, LookUp, Refund, RefundOutcome } from './gateway.js'

interface SimulatedOptions {
  /** Fraction of keys that are captured, 0 to 1. */
  readonly successRate: number
  readonly latencyMs: number
  readonly seed: string
}

export class SimulatedGateway implements Gateway {
  readonly #options: SimulatedOptions

  constructor(options: SimulatedOptions) {
    this.#options = options
  }

  async charge({ key }: Charge, timeoutMs: number): Promise<ChargeOutcome> {
    const waiting = this.#wait(timeoutMs)
    return (waiting && (await waiting)) ?? this.#outcomeOf(key)
  }

  /** A simulated charge needs no record: its key determines the outcome. */
  async lookUpCharge({ key }: Charge, timeoutMs: number): Promise<LookUp<ChargeOutcome>> {
    const late = await this.#wait(timeoutMs)
    return late ?? this.#outcomeOf(key)
  }

  async refund({ key }: Pick<Refund, 'key'>, timeoutMs: number): Promise<RefundOutcome> {
    const late = await this.#wait(timeoutMs)
    return late ?? { status: 'refunded', reference: `sim_${hash('sha256', key).slice(0, 20)}` }
  }

  lookUpRefund(refund: Pick<Refund, 'key'>, timeoutMs: number): Promise<LookUp<RefundOutcome>> {
    return this.refund(refund, timeoutMs)
  }

  /** Returns a promise only if there is something to wait for. */
  #wait(timeoutMs: number) {
    const { latencyMs } = this.#options
    if (latencyMs === 0) return undefined
    const late = { status: 'unknown', message: `the gateway did not answer within ${timeoutMs} ms` } as const
    return sleep(Math.min(latencyMs, timeoutMs), latencyMs <= timeoutMs ? undefined : late)
  }

  #outcomeOf(key: IdempotencyKey): ChargeOutcome {
    const { seed, successRate } = this.#options
    const digest = hash('sha256', `${seed}\n${withoutShop(key)}`)
    return Number.parseInt(digest.slice(0, 8), 16) / 2 ** 32 < successRate
      ? { status: 'captured', reference: `sim_${digest.slice(8, 28)}` }
      : { status: 'declined', message: 'declined by the simulated gateway' }
  }
}
