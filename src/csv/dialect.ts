// The dialect of a CSV file, and rows read with it from the start of a file.

export const DELIMITERS = [',', ';', '\t', '|'] as const
export type Delimiter = (typeof DELIMITERS)[number]

export interface Dialect {
  readonly delimiter: Delimiter
  /** False: a quote is a character like any other. */
  readonly quotes: boolean
  /** `\n` also stands for `\r\n`. */
  readonly lineEnding: '\n' | '\r'
}

/** One record with its place. */
export interface Row {
  readonly cells: readonly string[]
  /** Its first physical line, from 1. */
  readonly line: number
  /** Byte offset and line number after it. */
  readonly end: number
  readonly nextLine: number
}
