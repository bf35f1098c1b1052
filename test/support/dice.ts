// Random numbers of a seed. The same seed gives the same numbers, on every machine.

export class Dice {
  #state: number

  constructor(seed: number) {
    this.#state = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) >>> 0
    for (let warmUp = 0; warmUp < 8; warmUp++) this.next()
  }

  /** From 0 to 1, without 1. Mulberry32. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  chance(probability: number): boolean {
    return this.next() < probability
  }

  /** A whole number; both ends count. */
  between(least: number, most: number): number {
    return least + Math.floor(this.next() * (most - least + 1))
  }

  pick<Item>(items: readonly [Item, ...Item[]]): Item {
    return items[Math.floor(this.next() * items.length)] ?? items[0]
  }

  /** Some of the items, in their order. */
  some<Item>(items: readonly Item[], most: number): Item[] {
    const share = most / Math.max(1, items.length)
    return items.filter(() => this.chance(share)).slice(0, most)
  }

  /** A short time in milliseconds: usually none, sometimes long, so that steps overtake each other. */
  delay(longestMs: number): number {
    const roll = this.next()
    if (roll < 0.7) return this.next() * 2
    return this.next() * longestMs * (roll < 0.97 ? 0.02 : 1)
  }
}
