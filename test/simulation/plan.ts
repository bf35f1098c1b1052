// What a seed does to its shop. Each seed draws which faults it has: with all faults at
// once, no process lives long enough for the rarer states (Groce et al., Swarm Testing, 2012).
import type { Dice } from '../support/dice.js'
import type { DeliveryFaults } from './faulty-queue.js'
import type { NetworkFaults } from './provider.js'
import type { ProcessFaults } from './world.js'

export interface Plan {
  readonly orders: number
  readonly workers: number
  readonly batchSize: number
  readonly leaseMs: number
  readonly successRate: number
  readonly poisonOrders: number
  /** How long faults last. */
  readonly chaosMs: number
  /** Average time between two commands of people. */
  readonly commandMs: number
  /** Largest difference between the clocks of two processes, a sixth of a lease at most. */
  readonly skewMs: number
  /** Longest step of the machine's clock. */
  readonly clockStepMs: number
  /** Longest outage of the provider. */
  readonly outageMs: number
  readonly diskFullMs: number
  readonly processFaults: ProcessFaults
  readonly networkFaults: NetworkFaults
  readonly deliveryFaults: DeliveryFaults
  /** Charges without an answer after which an order needs review. */
  readonly attempts: number
}

export function drawPlan(dice: Dice): Plan {
  const maybe = (most: number) => (dice.chance(0.6) ? dice.next() * most : 0)
  const leaseMs = dice.pick([900, 1500])
  return {
    orders: dice.pick([dice.between(1, 3), dice.between(4, 12)]),
    workers: dice.between(2, 3),
    batchSize: dice.between(1, 6),
    leaseMs,
    successRate: dice.pick([0.3, 0.6, 1]),
    poisonOrders: dice.chance(0.4) ? 1 : 0,
    chaosMs: dice.between(6000, 20_000),
    commandMs: dice.pick([200, 500]),
    skewMs: maybe(leaseMs / 6),
    clockStepMs: dice.chance(0.4) ? dice.pick([leaseMs, 20_000, 2 * 3_600_000]) : 0,
    outageMs: maybe(4000),
    attempts: dice.pick([1, 3, 5]),
    deliveryFaults: {
      lose: maybe(0.3),
      repeat: maybe(0.3),
      delay: maybe(0.3),
      longestDelayMs: 2 * leaseMs,
    },
    diskFullMs: dice.chance(0.2) ? 2000 : 0,
    processFaults: {
      crash: maybe(0.005),
      stop: maybe(0.03),
      longestStopMs: 12_000,
      longestStepMs: dice.pick([5, 50, 300]),
    },
    networkFaults: {
      loseRequest: maybe(0.3),
      loseAnswer: maybe(0.5),
      repeat: maybe(0.3),
      tooMany: maybe(0.2),
      notFinished: maybe(0.2),
      longestDelayMs: dice.pick([20, leaseMs / 2, leaseMs]),
    },
  }
}
