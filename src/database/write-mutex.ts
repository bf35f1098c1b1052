// A mutex for the writers among the threads of a process. SQLite admits one writer at a time, but a writer waiting for
// SQLite sleeps up to a tenth of a second between attempts. A writer waiting for this mutex is woken.

/** A thread that holds the mutex this long has probably died. SQLite's own lock still keeps writers apart. */
const LOCK_TIMEOUT_MS = 1000

const [FREE, TAKEN] = [0, 1]

export class WriteMutex {
  readonly #state: Int32Array

  constructor(shared: SharedArrayBuffer) {
    this.#state = new Int32Array(shared)
  }

  /** Allocates the memory of a mutex that several threads share. */
  static share(): SharedArrayBuffer {
    return new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)
  }

  lock(): void {
    while (Atomics.compareExchange(this.#state, 0, FREE, TAKEN) === TAKEN) {
      if (Atomics.wait(this.#state, 0, TAKEN, LOCK_TIMEOUT_MS) === 'timed-out') return
    }
  }

  unlock(): void {
    Atomics.store(this.#state, 0, FREE)
    Atomics.notify(this.#state, 0, 1)
  }
}
