// A gateway that charges nothing. Its outcome is a pure function of seed and idempotency key.
import { hash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Charge, ChargeOutcome, Gateway } from './gateway.js'

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
    const { latencyMs, seed, successRate } = this.#options
    if (latencyMs > 0) await sleep(Math.min(latencyMs, timeoutMs))
    if (latencyMs > timeoutMs)
      return { status: 'unknown', message: `the gateway did not answer within ${timeoutMs} ms` }
    const digest = hash('sha256', `${seed}\n${key}`)
    return Number.parseInt(digest.slice(0, 8), 16) / 2 ** 32 < successRate
      ? { status: 'captured', reference: `sim_${digest.slice(8, 28)}` }
      : { status: 'declined', message: 'declined by the simulated gateway' }
  }
}
