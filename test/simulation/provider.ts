// The payment provider of a simulated shop, with a ledger of its own, and the network to it, which loses, delays and
// repeats requests and answers.
import type { IdempotencyKey } from '../../src/domain/ids.js'
import { EXIT, UserError } from '../../src/errors.js'
import {
  type Charge,
  type ChargeOutcome,
  type LookUp,
  type Refund,
  type RefundOutcome,
  type Unknown,
  unknown,
} from '../../src/payments/gateway.js'
import { GuardedGateway } from '../../src/payments/guard.js'
import { Dice } from '../support/dice.js'
import type { Actor, World } from './world.js'

export interface NetworkFaults {
  /** Probabilities for each request. */
  readonly loseRequest: number
  readonly loseAnswer: number
  readonly repeat: number
  readonly tooMany: number
  readonly notFinished: number
  readonly longestDelayMs: number
}

export const NO_NETWORK_FAULTS: NetworkFaults = {
  loseRequest: 0,
  loseAnswer: 0,
  repeat: 0,
  tooMany: 0,
  notFinished: 0,
  longestDelayMs: 20,
}

/** A charge or refund that was made or declined. */
export interface Entry {
  readonly key: IdempotencyKey
  readonly type: 'charge' | 'refund'
  readonly status: 'captured' | 'refunded' | 'declined'
  readonly amount: number
  readonly reference: string
  /** The key of the charge; for refunds only. */
  readonly charge?: IdempotencyKey
}

export class Provider {
  faults = NO_NETWORK_FAULTS
  /** While it is down, it refuses connections. */
  isDown = false
  readonly ledger = new Map<IdempotencyKey, Entry>()
  /** What no client may do, such as two amounts under one key. */
  readonly complaints: string[] = []
  readonly #world: World
  readonly #seed: number
  readonly #successRate: number
  /** Number of requests under way to the provider. */
  readonly #underWay = new Map<IdempotencyKey, number>()

  constructor(world: World, { seed, successRate }: { readonly seed: number; readonly successRate: number }) {
    this.#world = world
    this.#seed = seed
    this.#successRate = successRate
  }

  /** Whether a request under the key may still arrive. */
  isAwaiting(key: IdempotencyKey): boolean {
    return (this.#underWay.get(key) ?? 0) > 0
  }

  /** The gateway of a process: the real guard, over this network. */
  connect(actor: Actor, options: { readonly maxInFlight: number }): GuardedGateway {
    const ask = <Outcome>(key: IdempotencyKey, timeoutMs: number, act: () => Outcome) =>
      this.#ask(actor, { key, timeoutMs, act })
    const client = {
      charge: (charge: Charge, timeoutMs: number) => ask(charge.key, timeoutMs, () => this.#charge(charge)),
      refund: (refund: Refund, timeoutMs: number) => ask(refund.key, timeoutMs, () => this.#refund(refund)),
      lookUpCharge: ({ key }: Charge, timeoutMs: number) => {
        return ask(key, timeoutMs, (): LookUp<ChargeOutcome> => this.#chargeOutcome(key) ?? { status: 'none' })
      },
      lookUpRefund: ({ key }: Refund, timeoutMs: number) => {
        return ask(key, timeoutMs, (): LookUp<RefundOutcome> => this.#refundOutcome(key) ?? { status: 'none' })
      },
      health: async () => {
        await this.#world.step(actor, 'GET /health')
        if (this.isDown) throw unreachable()
        return undefined
      },
      unavailable: (reason: string) => problem('gateway_unavailable', reason),
      close: async () => undefined,
    }
    return new GuardedGateway(client, { ...options, perSecond: null })
  }

  /** Hands the request to the network at once: from then on, it arrives or not, whatever becomes of the process. */
  #ask<Outcome>(
    actor: Actor,
    { key, timeoutMs, act }: { key: IdempotencyKey; timeoutMs: number; act: () => Outcome },
  ): Promise<Outcome | Unknown> {
    const { dice } = this.#world
    const { loseRequest, loseAnswer, repeat, tooMany, notFinished, longestDelayMs } = this.faults
    return new Promise((resolve, reject) => {
      const back = (label: string, settle: () => void) =>
        this.#world.schedule(actor, dice.delay(longestDelayMs), label, settle)
      if (this.isDown) return back('refused', () => reject(unreachable()))
      if (dice.chance(tooMany)) {
        const retryAfterMs = dice.between(100, 2000)
        const outcome: Unknown = { ...unknown('HTTP 429'), notAsked: true, retryAfterMs }
        return back('HTTP 429', () => resolve(outcome))
      }
      this.#world.schedule(actor, timeoutMs, 'timeout', () => resolve(unknown(`no answer within ${timeoutMs} ms`)))
      if (dice.chance(loseRequest)) return undefined
      const isLost = dice.chance(loseAnswer)
      const isUnfinished = dice.chance(notFinished)
      const arrive = () => {
        this.#count(key, -1)
        const outcome = act()
        if (isLost) return
        back('answer', () => resolve(isUnfinished ? unknown('not finished') : outcome))
      }
      for (let copies = dice.chance(repeat) ? 2 : 1; copies > 0; copies--) {
        this.#count(key, 1)
        this.#world.schedule(this.#world.outside, dice.delay(longestDelayMs), `request ${key}`, arrive)
      }
      return undefined
    })
  }

  #count(key: IdempotencyKey, change: 1 | -1): void {
    this.#underWay.set(key, (this.#underWay.get(key) ?? 0) + change)
  }

  #charge({ key, amount }: Charge): ChargeOutcome {
    const amountMinor = amount.minor
    const known = this.ledger.get(key)
    if (known && known.amount !== amountMinor) this.complaints.push(`charge ${key} was repeated with another amount`)
    const status = this.#diceOf(key).chance(this.#successRate) ? 'captured' : 'declined'
    if (!known) this.#record({ key, type: 'charge', status, amount: amountMinor, reference: `ch_${key}` })
    return this.#chargeOutcome(key) ?? unknown('never')
  }

  #refund({ key, charge, amount }: Refund): RefundOutcome {
    const known = this.ledger.get(key)
    if (known && known.amount !== amount.minor) this.complaints.push(`refund ${key} was repeated with another amount`)
    if (!known) {
      const captured = this.ledger.get(charge.key)
      if (captured?.status !== 'captured') this.complaints.push(`refund ${key} is of no captured charge`)
      if (captured?.reference !== charge.reference) this.complaints.push(`refund ${key} names another reference`)
      const status = this.#diceOf(key).chance(0.8) ? 'refunded' : 'declined'
      const reference = `re_${key}`
      this.#record({ key, type: 'refund', status, amount: amount.minor, reference, charge: charge.key })
    }
    return this.#refundOutcome(key) ?? unknown('never')
  }

  #record(entry: Entry): void {
    this.ledger.set(entry.key, entry)
    this.#world.note(`${entry.status} ${entry.key}`)
  }

  /** What the provider decides depends on the key alone. */
  #diceOf(key: IdempotencyKey): Dice {
    let hash = this.#seed
    for (const letter of key) hash = Math.imul(hash ^ letter.charCodeAt(0), 0x01000193)
    return new Dice(hash)
  }

  #chargeOutcome(key: IdempotencyKey): ChargeOutcome | undefined {
    const entry = this.ledger.get(key)
    if (!entry) return undefined
    if (entry.status === 'captured') return { status: 'captured', reference: entry.reference }
    return { status: 'declined', message: 'declined by the provider' }
  }

  #refundOutcome(key: IdempotencyKey): RefundOutcome | undefined {
    const entry = this.ledger.get(key)
    if (!entry) return undefined
    if (entry.status === 'refunded') return { status: 'refunded', reference: entry.reference }
    return { status: 'declined', message: 'declined by the provider' }
  }
}

function unreachable(): UserError {
  return problem('gateway_unreachable', 'connection refused')
}

function problem(code: string, reason: string): UserError {
  const message = `The payment gateway does not work (${reason}).`
  return new UserError({ code, message, fix: 'Wait.', retryable: true, exit: EXIT.unreachable })
}
