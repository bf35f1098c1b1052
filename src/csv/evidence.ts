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
