// Follows the provider's ledger while it grows.
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

export class LedgerFollower {
  readonly #path: string
  #offset = 0
  #entries = 0

  constructor(path: string) {
    this.#path = path
  }

  /** Number of entries so far. */
  get entries(): number {
    const file = openSync(this.#path, 'r')
    const block = Buffer.alloc(fstatSync(file).size - this.#offset)
    const length = readSync(file, block, 0, block.length, this.#offset)
    closeSync(file)
    this.#offset += length
    for (const byte of block.subarray(0, length)) if (byte === 10) this.#entries += 1
    return this.#entries
  }

  /**
   * Waits for this number of entries, or until there have been no new ones for a while: work may be paused, done, or
   * wait for a lease.
   *
   * @returns whether they came
   */
  async reach(entries: number, patienceMs: () => number): Promise<boolean> {
    let last = this.entries
    let since = performance.now()
    while (last < entries) {
      await sleep(10)
      const now = this.entries
      if (now > last) since = performance.now()
      else if (performance.now() - since > patienceMs()) return false
      last = now
    }
    return true
  }
}
