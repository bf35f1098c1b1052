// A mutex for the writers among the threads of a process. SQLite admits one writer at a time, but a writer that waits for
// SQLite sleeps for up to a tenth of a second between attempts. This one is woken.

/** A thread that has held the turn for so long has died. SQLite's own lock still keeps writers apart. */
const PATIENCE_MS = 1000

const [FREE, TAKEN] = [0, 1]

export class WriteTurn {
  readonly #state: Int32Array

  constructor(shared: SharedArrayBuffer) {
    this.#state = new Int32Array(shared)
  }

  /** Memory for a turn that several threads share. */
  static share(): SharedArrayBuffer {
    return new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)
  }

  take(): void {
    while (Atomics.compareExchange(this.#state, 0, FREE, TAKEN) === TAKEN) {
      if (Atomics.wait(this.#state, 0, TAKEN, PATIENCE_MS) === 'timed-out') return
    }
  }

  give(): void {
    Atomics.store(this.#state, 0, FREE)
    Atomics.notify(this.#state, 0, 1)
  }
}
