// What the values of a column say about how to read them.

export interface Sample {
  readonly text: string
  readonly line: number
}

/** `irrelevant`: every value reads the same either way. `open`: each reading is possible. */
export type Verdict<Reading> =
  | { readonly kind: 'settled'; readonly reading: Reading; readonly by: Sample }
  | { readonly kind: 'irrelevant' }
  | { readonly kind: 'open'; readonly example: Sample; readonly readings: readonly Reading[] }
  | { readonly kind: 'contradiction'; readonly one: Sample; readonly other: Sample }

/** Keeps the readings that are possible for all values of a column. Further values only ever rule readings out. */
export class Evidence<Reading> {
  #left: readonly Reading[]
  readonly #ruledOut = new Map<Reading, Sample>()
  #verdict: Verdict<Reading> = { kind: 'irrelevant' }

  constructor(readings: readonly Reading[]) {
    this.#left = readings
  }

  /** @param possible the readings in which the value makes sense, at least one */
  narrow(possible: readonly Reading[], text: string, line: number): void {
    if (this.#verdict.kind === 'contradiction') return
    const left = this.#left.filter((reading) => possible.includes(reading))
    if (left.length === this.#left.length && this.#verdict.kind !== 'irrelevant') return
    const sample = { text, line }
    const one = possible.map((reading) => this.#ruledOut.get(reading)).find((earlier) => earlier !== undefined)
    const [reading] = left
    if (reading === undefined) {
      if (one) this.#verdict = { kind: 'contradiction', one, other: sample }
      return
    }
    for (const other of this.#left) if (!left.includes(other)) this.#ruledOut.set(other, sample)
    this.#left = left
    const example = this.#verdict.kind === 'open' ? this.#verdict.example : sample
    this.#verdict =
      left.length === 1 ? { kind: 'settled', reading, by: sample } : { kind: 'open', example, readings: left }
  }

  verdict(): Verdict<Reading> {
    return this.#verdict
  }
}
