// A gateway that takes no money: its answer is a pure function of seed and idempotency key, so runs can be repeated and
// compared, and a key that is asked twice gets one answer.
import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Charge, ChargeOutcome, Gateway } from './gateway.js'

export interface SimulatedOptions {
  /** Share of keys that are captured, 0 to 1. */
  readonly successRate: number
  readonly latencyMs: number
  readonly seed: string
}

export class SimulatedGateway implements Gateway {
  readonly #options: SimulatedOptions

  constructor(options: SimulatedOptions) {
    this.#options = options
  }

  async charge({ key }: Charge, signal: AbortSignal): Promise<ChargeOutcome> {
    if (this.#options.latencyMs > 0) await sleep(this.#options.latencyMs, undefined, { signal })
    const digest = createHash('sha256').update(`${this.#options.seed}\n${key}`).digest()
    return digest.readUInt32BE(0) / 2 ** 32 < this.#options.successRate
      ? { status: 'captured', reference: `sim_${digest.toString('hex', 4, 14)}` }
      : { status: 'declined', message: 'declined by the simulated gateway' }
  }
}
