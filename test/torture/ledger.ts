// Follows the provider's ledger while it grows.
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/** After this time without a new entry, a run goes on: work may be paused, done, or wait for a lease. */
const STALL_MS = 2000

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

  /** Waits for this number of entries, or until there are no new ones. @returns whether they came */
  async reach(entries: number, isOver: () => boolean = () => false): Promise<boolean> {
    let last = this.entries
    let since = performance.now()
    while (last < entries && !isOver()) {
      await sleep(10)
      const now = this.entries
      if (now > last) since = performance.now()
      else if (performance.now() - since > STALL_MS) return false
      last = now
    }
    return true
  }
}
