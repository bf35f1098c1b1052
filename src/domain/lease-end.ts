/**
 * The end of a lease. Threads of a process share it: a renewal in the thread of a batch moves it for the thread that
 * asks the gateway.
 */
export class LeaseEnd {
  readonly shared: SharedArrayBuffer
  /** By `process.hrtime`, the only clock that is the same in all threads and that no one can set. */
  readonly #at: BigInt64Array

  /** @param shared of the same lease in another thread */
  constructor(shared = new SharedArrayBuffer(BigInt64Array.BYTES_PER_ELEMENT)) {
    this.shared = shared
    this.#at = new BigInt64Array(shared)
  }

  /** @param at by `performance.now()` of this thread; a time in the past ends the lease now */
  moveTo(at: number): void {
    const left = Math.max(0, at - performance.now())
    Atomics.store(this.#at, 0, process.hrtime.bigint() + BigInt(Math.round(left * 1e6)))
  }

  endNow(): void {
    this.moveTo(Number.NEGATIVE_INFINITY)
  }

  hasPassed(): boolean {
    return process.hrtime.bigint() >= Atomics.load(this.#at, 0)
  }
}
