// A figure that is read again and again, at a price that is bounded whatever the size of the database.

/** Between two reads there is at least so many times what the last one took: reading takes a tenth of one core at the most. */
const PAUSE_PER_READ = 9

/** A value and the moment (epoch milliseconds) at which it was true. */
interface Reading<Value> {
  readonly value: Value
  readonly at: number
}

export class Paced<Value> {
  readonly #read: () => Promise<Value>
  #latest: Reading<Value> | undefined
  #restUntil = 0

  constructor(read: () => Promise<Value>) {
    this.#read = read
  }

  /** Reads anew, or gives what was read last where that was dear and is not long ago. */
  async take(): Promise<Reading<Value>> {
    if (this.#latest && performance.now() < this.#restUntil) return this.#latest
    const began = performance.now()
    const at = Date.now()
    this.#latest = { value: await this.#read(), at }
    const ended = performance.now()
    this.#restUntil = ended + PAUSE_PER_READ * (ended - began)
    return this.#latest
  }
}
