// The embedded queue, with the deliveries of a bad one: lost, late, twice, out of order, or of orders of long ago.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Database } from '../../src/database/connection.js'
import type { OrderId } from '../../src/domain/ids.js'
import { EmbeddedQueue } from '../../src/queue/embedded.js'
import type { ConsumeOptions, Consumer, DeliveryHandler } from '../../src/queue/queue.js'
import type { Dice } from '../support/dice.js'

export interface DeliveryFaults {
  /** Probabilities for each delivery. */
  readonly lose: number
  readonly repeat: number
  readonly delay: number
  readonly longestDelayMs: number
}

export const NO_DELIVERY_FAULTS: DeliveryFaults = { lose: 0, repeat: 0, delay: 0, longestDelayMs: 0 }

export class FaultyQueue extends EmbeddedQueue {
  readonly #dice: Dice
  readonly #faults: () => DeliveryFaults
  #before: readonly OrderId[] = []

  constructor(db: Database, dice: Dice, faults: () => DeliveryFaults) {
    super(db)
    this.#dice = dice
    this.#faults = faults
  }

  override consume(handler: DeliveryHandler, options: ConsumeOptions): Consumer {
    return super.consume(async (ids) => {
      const dice = this.#dice
      const { lose, repeat, delay, longestDelayMs } = this.#faults()
      if (dice.chance(lose)) return 0
      if (dice.chance(delay)) await sleep(dice.next() * longestDelayMs)
      const again = dice.chance(repeat) ? [[...ids], this.#before] : []
      this.#before = ids
      const deliveries = [dice.chance(repeat) ? [...ids].reverse() : ids, ...again]
      const claimed = await Promise.all(deliveries.map((delivery) => handler(delivery)))
      return Math.max(...claimed)
    }, options)
  }
}
