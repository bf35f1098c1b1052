// Parses bytes into CSV records, each with its position in the file. csv-parse handles quotes and commas. This file
// counts bytes and lines, and keeps a malformed line from affecting others.
import type { Hash } from 'node:crypto'
import { CsvError } from 'csv-parse'
import { parse } from 'csv-parse/sync'

export interface RecordPosition {
  /** The record's first physical line, from 1. */
  readonly line: number
  /** Whether a quoted value spans lines. */
  readonly multiline: boolean
  /** Range of its bytes in the window, including the line ending. */
  readonly start: number
  readonly end: number
}

export interface RecordSink {
  /** @param window the bytes that the position refers to; one window for each `write` */
  record(cells: string[], position: RecordPosition, window: Buffer): void
  /** Called with a line that cannot be parsed. `reason` completes "the line …". `raw` is cut after SHOWN_BYTES. */
  malformed(raw: Buffer, line: number, reason: string): void
}

export interface RecordOptions {
  /** `\n` includes `\r\n`. */
  readonly lineEnding: '\n' | '\r'
  /** Byte offset and line number at which reading starts. */
  readonly offset: number
  readonly line: number
  /** SHA-256 of the bytes before `offset`; the reader continues it. */
  readonly hash: Hash
  /** Number of cells in a valid record. */
  readonly width: number
}

/** Longer records are malformed. Bounds the memory for a line that never ends. */
const MAX_RECORD_BYTES = 1_048_576

/** How much of a malformed line the sink receives. */
const SHOWN_BYTES = 65_536

const NO_BYTES = Buffer.alloc(0)

export class RecordReader {
  /** Byte offset and line number of the next record. */
  offset: number
  line: number
  readonly #sink: RecordSink
  readonly #options: RecordOptions
  readonly #newline: number
  /** Bytes that arrived; those before `#at` are parsed. */
  #window: Buffer = NO_BYTES
  #at = 0
  /** SHA-256 of all bytes before the window. */
  readonly #hash: Hash
  /** The malformed line being skipped. `hash` covers the bytes before it, once its window is dropped. */
  #malformed: { fault: Fault; start: number; hash: Hash | undefined; shown: Buffer; bytes: number } | undefined

  constructor(sink: RecordSink, options: RecordOptions) {
    this.#sink = sink
    this.#options = options
    this.#newline = options.lineEnding.charCodeAt(0)
    this.#hash = options.hash
    this.offset = options.offset
    this.line = options.line
  }

  /** SHA-256, in hex, of all bytes before `offset`. */
  get digest(): string {
    return (this.#malformed?.hash ?? this.#hash).copy().digest('hex')
  }

  /** Passes every complete record to the sink. */
  write(bytes: Buffer): void {
    this.#window = this.#window.length === 0 ? bytes : Buffer.concat([this.#window, bytes])
    this.#read(false)
  }

  end(): void {
    this.#read(true)
  }

  #read(isEnd: boolean): void {
    while (this.#skipMalformedLine(isEnd)) {
      const fault = this.#parseLines(isEnd)
      if (!fault) break
      this.#malformed = { fault, start: this.#at, hash: undefined, shown: NO_BYTES, bytes: 0 }
    }
    if (this.#malformed)
      this.#malformed.hash ??= this.#hash.copy().update(this.#window.subarray(0, this.#malformed.start))
    this.#hash.update(this.#window.subarray(0, this.#at))
    this.#window = this.#window.subarray(this.#at)
    this.#at = 0
  }

  /** @returns false if the end of a malformed line has not arrived yet */
  #skipMalformedLine(isEnd: boolean): boolean {
    const malformed = this.#malformed
    if (!malformed) return true
    const newline = this.#window.indexOf(this.#newline, this.#at)
    const end = newline === -1 ? this.#window.length : newline + 1
    const shown = this.#window.subarray(this.#at, Math.min(end, this.#at + SHOWN_BYTES - malformed.shown.length))
    malformed.shown = Buffer.concat([malformed.shown, shown])
    malformed.bytes += end - this.#at
    this.#at = end
    if (newline === -1 && !isEnd) return false
    this.#malformed = undefined
    this.#sink.malformed(malformed.shown, this.line, reasonOf(malformed.fault, malformed.shown))
    this.offset += malformed.bytes
    this.line += 1
    return true
  }

  /** Parses all complete lines. @returns why the record at `#at` is malformed, if it is */
  #parseLines(isEnd: boolean): Fault | undefined {
    const end = isEnd ? this.#window.length : this.#window.lastIndexOf(this.#newline) + 1
    try {
      if (end > this.#at) parseEach(this.#window.subarray(this.#at, end), this.#options, (cells) => this.#accept(cells))
    } catch (error) {
      if (!(error instanceof MalformedRecord || error instanceof CsvError)) throw error
      if (isEnd || error.code !== 'CSV_QUOTE_NOT_CLOSED') return error.code
    }
    // The rest of the record has not arrived yet.
    return this.#window.length - this.#at > MAX_RECORD_BYTES ? 'TOO_LONG' : undefined
  }

  #accept(cells: string[]): void {
    const { lineEnding, width } = this.#options
    const start = this.#at
    // A line ending is either inside a quoted value or ends the record.
    const lines = cells.reduce(
      (count, cell) => (cell.includes(lineEnding) ? count + cell.split(lineEnding).length - 1 : count),
      1,
    )
    let end = start
    for (let line = 0; line < lines; line++) {
      // The last line of a file may have no line ending.
      end = this.#window.indexOf(this.#newline, end) + 1 || this.#window.length
    }
    if (end - start > MAX_RECORD_BYTES) throw new MalformedRecord('TOO_LONG')
    const isBlank = cells[0]?.trim() === '' && cells.every((cell) => cell.trim() === '')
    if (!isBlank) {
      // A misplaced quote can join two lines. The second line is then parsed again on its own.
      if (lines > 1 && cells.length !== width) throw new MalformedRecord('MISPLACED_QUOTE')
      this.#sink.record(cells, { line: this.line, multiline: lines > 1, start, end }, this.#window)
    }
    this.#at = end
    this.offset += end - start
    this.line += lines
  }
}

/** @throws CsvError at the first malformed record, after the records before it were accepted */
function parseEach(lines: Buffer, { lineEnding }: RecordOptions, accept: (cells: string[]) => void): void {
  const options = { record_delimiter: recordDelimiter(lineEnding), relax_column_count: true }
  try {
    for (const cells of parse(lines, options)) accept(cells)
  } catch (error) {
    if (!(error instanceof CsvError)) throw error
    // No record was accepted yet. With `on_record`, all before the fault are, but parsing is slower by half.
    const on_record = (cells: string[]) => {
      accept(cells)
      return null
    }
    parse(lines, { ...options, on_record })
  }
}

export function recordDelimiter(lineEnding: RecordOptions['lineEnding']): string[] {
  return lineEnding === '\r' ? ['\r'] : ['\r\n', '\n']
}

type Fault = CsvError['code'] | 'TOO_LONG' | 'MISPLACED_QUOTE'

class MalformedRecord extends Error {
  readonly code: Fault

  constructor(code: Fault) {
    super(code)
    this.code = code
  }
}

/** Describes the fault of the line itself. csv-parse may report it at a later line. */
function reasonOf(fault: Fault, line: Buffer): string {
  const notClosed = 'has an unclosed quote'
  switch (fault) {
    case 'INVALID_OPENING_QUOTE':
      return 'has a quote inside an unquoted value; write "5"" pipe" for 5" pipe'
    case 'CSV_INVALID_CLOSING_QUOTE':
      if (line.toString('latin1').split('"').length % 2 === 0) return notClosed
      return 'has text after a closing quote; write "5"" pipe" for 5" pipe'
    case 'TOO_LONG':
      return line.length < SHOWN_BYTES ? notClosed : `is longer than ${MAX_RECORD_BYTES / 1024} KiB, or ${notClosed}`
    default:
      return notClosed
  }
}
