// Parses bytes into CSV records, each with its position in the file. Counts bytes and lines, and keeps a malformed line
// from affecting others.
import type { Hash } from 'node:crypto'
import type { Dialect } from './dialect.js'
import { type RecordFault, Splitter } from './splitter.js'

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
  /**
   * Takes the record at `start` if it is one line that can be read without splitting it into cells.
   *
   * @returns the offset of its end in the window; 0 if `record` must take it
   */
  plain?(window: Buffer, start: number, line: number): number
  /** @param window the bytes that the position refers to; one window for each `write` */
  record(cells: string[], position: RecordPosition, window: Buffer): void
  /** Called with the first line of a record without a value, such as an empty line. */
  blank(line: number): void
  /** Called with a line that cannot be parsed. `reason` completes "the line …". `raw` is cut after SHOWN_BYTES. */
  malformed(raw: Buffer, line: number, reason: string): void
}

export interface RecordOptions {
  readonly dialect: Dialect
  /** Byte offset and line number at which reading starts. */
  readonly offset: number
  readonly line: number
  /** SHA-256 of the bytes before `offset`; the reader continues it. */
  readonly hash: Hash
  /** Number of columns. A record may have fewer cells, which are then blank, or more, unless it spans lines. */
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
  readonly #dialect: Dialect
  readonly #splitter: Splitter
  readonly #newline: number
  /** Bytes that arrived; those before `#at` are parsed. */
  #window: Buffer = NO_BYTES
  #at = 0
  /** SHA-256 of all bytes before the window. */
  readonly #hash: Hash
  /** The malformed line being skipped. `hash` covers the bytes before it, once its window is dropped. */
  #malformed: { fault: RecordFault; start: number; hash: Hash | undefined; shown: Buffer; bytes: number } | undefined

  constructor(sink: RecordSink, { dialect, width, hash, offset, line }: RecordOptions) {
    this.#sink = sink
    this.#dialect = dialect
    this.#splitter = new Splitter(dialect, { width, longest: MAX_RECORD_BYTES })
    this.#newline = dialect.lineEnding.charCodeAt(0)
    this.#hash = hash
    this.offset = offset
    this.line = line
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
    const cut = malformed.shown.length < malformed.bytes ? `; only its first ${SHOWN_BYTES / 1024} KiB are kept` : ''
    this.#sink.malformed(malformed.shown, this.line, this.#reasonOf(malformed.fault, malformed.shown) + cut)
    this.offset += malformed.bytes
    this.line += 1
    return true
  }

  /** Parses all complete records. @returns why the record at `#at` is malformed, if it is */
  #parseLines(isEnd: boolean): RecordFault | undefined {
    const splitter = this.#splitter
    while (this.#at < this.#window.length) {
      const end = this.#sink.plain?.(this.#window, this.#at, this.line) ?? 0
      if (end > 0) {
        this.#advance(end, 1)
        continue
      }
      const cells = splitter.split(this.#window, this.#at, isEnd)
      // The rest of the record has not arrived yet.
      if (cells === undefined) return this.#window.length - this.#at > MAX_RECORD_BYTES ? 'TOO_LONG' : undefined
      if (typeof cells === 'string') return cells
      this.#accept(cells, splitter.end, splitter.lines)
    }
    return undefined
  }

  #accept(cells: string[], end: number, lines: number): void {
    const start = this.#at
    const isBlank = cells[0]?.trim() === '' && cells.every((cell) => cell.trim() === '')
    if (isBlank) this.#sink.blank(this.line)
    else this.#sink.record(cells, { line: this.line, multiline: lines > 1, start, end }, this.#window)
    this.#advance(end, lines)
  }

  #advance(end: number, lines: number): void {
    this.offset += end - this.#at
    this.#at = end
    this.line += lines
  }

  #reasonOf(fault: RecordFault, line: Buffer): string {
    const notClosed = 'has an unclosed quote'
    switch (fault) {
      case 'UNCLOSED_QUOTE':
        return notClosed
      case 'TOO_LONG':
        return line.length < SHOWN_BYTES ? notClosed : `is longer than ${MAX_RECORD_BYTES / 1024} KiB, or ${notClosed}`
      case 'LONE_LINE_END':
        return this.#dialect.lineEnding === '\n'
          ? 'contains a lone carriage return (CR); the lines of this file end with LF'
          : 'contains a line feed (LF); the lines of this file end with CR'
    }
  }
}
