// Bytes -> CSV records, each with the place that it stands at. csv-parse reads the quotes and commas; what is here gives
// every record its bytes and line number, and gets past a broken line at the cost of that line alone.
import type { Hash } from 'node:crypto'
import { CsvError, type Options, Parser } from 'csv-parse'

/** Where a record stands in the file. */
export interface Place {
  /** Its first physical line, from 1. */
  readonly line: number
  /** Whether a quoted value spans lines. */
  readonly multiline: boolean
  /** Its bytes within the window at hand; with its line ending. */
  readonly start: number
  readonly end: number
}

export interface RecordSink {
  /** @param window the bytes that the place refers to */
  record(cells: string[], place: Place, window: Buffer): void
  /** A line that is no record; `reason` completes "the line …". Of a very long one, `raw` is the beginning. */
  broken(raw: Buffer, line: number, reason: string): void
}

export interface RecordOptions {
  /** How the file ends its lines; with `\n`, also `\r\n` ends one. */
  readonly lineEnding: '\n' | '\r'
  /** Place of the first byte that will be written. */
  readonly offset: number
  readonly line: number
  /** SHA-256 of the bytes before it, to be continued. */
  readonly hash: Hash
  /** How many cells a record has: as many as the header. */
  readonly width: number
}

const NO_BYTES = Buffer.alloc(0)

/** A record that is longer is no order line; it also bounds the memory that a line without an end can take. */
export const MAX_RECORD_BYTES = 1_048_576

/** How much of a broken line is shown: all of any that a person wrote. */
const SHOWN_BYTES = 65_536

export class RecordReader {
  /** The bytes at hand, which places refer to: from `offset` at the time of the last `write`. */
  window: Buffer = Buffer.alloc(0)
  /** Everything before was handed out: the next record begins here. Bytes from the file's start. */
  offset: number
  /** The line that begins there. */
  line: number

  readonly #sink: RecordSink
  readonly #newline: number
  readonly #recordDelimiter: string[]
  /** Of the bytes that left the window. */
  readonly #hash: Hash
  #windowStart: number
  #parser: SynchronousParser
  /** Place of the parser's first byte. */
  #parserStart: number
  #parserLine = 0
  /** A line that failed and whose end we look for. */
  #broken: { readonly error: Error; readonly digest: string; shown: Buffer } | undefined
  readonly #width: number

  constructor(sink: RecordSink, options: RecordOptions) {
    this.#sink = sink
    this.#newline = options.lineEnding.charCodeAt(0)
    this.#recordDelimiter = options.lineEnding === '\r' ? ['\r'] : ['\r\n', '\n']
    this.#width = options.width
    this.#hash = options.hash
    this.offset = options.offset
    this.line = options.line
    this.#windowStart = options.offset
    this.#parserStart = options.offset
    this.#parser = this.#newParser()
  }

  /** SHA-256, in hex, of all bytes before `offset`. */
  get digest(): string {
    // Bytes of a broken line may have left the window, and so count in the hash already.
    if (this.#broken) return this.#broken.digest
    const begun = this.window.subarray(0, this.offset - this.#windowStart)
    return this.#hash.copy().update(begun).digest('hex')
  }

  /** Reads on. Records whose last byte is here are handed to the sink before the promise resolves. */
  async write(bytes: Buffer): Promise<void> {
    this.#moveWindow(bytes)
    let next = this.#broken ? this.#dropBrokenLine() : bytes
    while (next.length > 0) next = this.#afterFailure(await write(this.#parser, next))
  }

  async end(): Promise<void> {
    this.#moveWindow(NO_BYTES)
    for (;;) {
      if (this.#broken) return this.#reportBroken(this.window.length)
      const error = await finish(this.#parser)
      if (error === undefined) return
      let next = this.#afterFailure(error)
      while (next.length > 0) next = this.#afterFailure(await write(this.#parser, next))
    }
  }

  /** Lets go of what was handed out, and of a broken line but for its beginning; adds the bytes. */
  #moveWindow(bytes: Buffer): void {
    const begin = this.offset - this.#windowStart
    if (this.#broken) this.#broken.shown = this.#shownUpTo(this.#broken.shown, this.window.length)
    const keepFrom = this.#broken ? this.window.length : begin
    this.#hash.update(this.window.subarray(0, keepFrom))
    const rest = this.window.subarray(keepFrom)
    this.#windowStart += keepFrom
    this.window = rest.length === 0 ? bytes : Buffer.concat([rest, bytes])
  }

  /** After csv-parse gave up on a record: only its first line is broken. Returns what is to be read again. */
  #afterFailure(error: unknown): Buffer {
    if (error === undefined) return NO_BYTES
    if (!(error instanceof CsvError || error instanceof StrayQuote)) throw error
    this.#broken = { error, digest: this.digest, shown: NO_BYTES }
    return this.#dropBrokenLine()
  }

  #dropBrokenLine(): Buffer {
    const newline = this.window.indexOf(this.#newline, Math.max(0, this.offset - this.#windowStart))
    if (newline === -1) return NO_BYTES
    this.#reportBroken(newline + 1)
    return this.window.subarray(newline + 1)
  }

  /** Tells the sink, and begins anew behind the line. */
  #reportBroken(end: number): void {
    if (!this.#broken) return
    const shown = this.#shownUpTo(this.#broken.shown, end)
    const reason = brokenReason(this.#broken.error, shown)
    this.#broken = undefined
    this.#sink.broken(shown, this.line, reason)
    this.offset = this.#windowStart + end
    this.line += 1
    this.#parserStart = this.offset
    this.#parser = this.#newParser()
  }

  /** What is shown of the broken line: what was kept as it left the window, and what the window holds of it. */
  #shownUpTo(kept: Buffer, end: number): Buffer {
    const begin = Math.max(0, this.offset - this.#windowStart)
    const more = this.window.subarray(begin, Math.min(end, begin + SHOWN_BYTES - kept.length))
    return Buffer.concat([kept, more])
  }

  #newParser(): SynchronousParser {
    this.#parserLine = 0
    const parser: SynchronousParser = new SynchronousParser((cells) => this.#accept(cells, parser), {
      record_delimiter: this.#recordDelimiter,
      relax_column_count: true,
      max_record_size: MAX_RECORD_BYTES,
    })
    parser.on('error', () => undefined)
    parser.resume()
    return parser
  }

  #accept(cells: string[], parser: Parser): void {
    const start = this.offset - this.#windowStart
    const end = this.#parserStart + parser.info.bytes - this.#windowStart
    // csv-parse counts a quoted \r\n twice, so its count only tells that there is something to count.
    const multiline = parser.info.lines - this.#parserLine > 1
    const lines = multiline ? this.#countLines(start, end) : 1
    if (!isBlank(cells)) {
      // Of two lines that a stray quote ties together, the second may be sound: begin again behind the first.
      if (multiline && cells.length !== this.#width) throw new StrayQuote()
      this.#sink.record(cells, { line: this.line, multiline, start, end }, this.window)
    }
    this.#parserLine = parser.info.lines
    this.offset = this.#windowStart + end
    this.line += lines
  }

  #countLines(start: number, end: number): number {
    let lines = 0
    for (let at = this.window.indexOf(this.#newline, start); at !== -1 && at < end; lines++) {
      at = this.window.indexOf(this.#newline, at + 1)
    }
    // The last line of a file may lack its line ending.
    return this.window[end - 1] === this.#newline ? lines : lines + 1
  }
}

class StrayQuote extends Error {}

/** Hands records over while it parses, when its count of bytes stands right behind the record, and buffers none. */
class SynchronousParser extends Parser {
  /** Why a record was refused; those behind it are not handed over. */
  failure: unknown
  readonly #accept: (cells: string[]) => void

  constructor(accept: (cells: string[]) => void, options: Options) {
    super(options)
    this.#accept = accept
  }

  override push(record: string[] | null): boolean {
    if (record === null) return super.push(null)
    if (this.failure !== undefined) return true
    try {
      this.#accept(record)
    } catch (error) {
      this.failure = error
    }
    return true
  }
}

const NOT_CLOSED = 'has a quote that is not closed'

/** csv-parse may have noticed only lines further on; the reason is one of the line itself. */
function brokenReason(error: Error, line: Buffer): string {
  if (error instanceof StrayQuote) return NOT_CLOSED
  switch (error instanceof CsvError && error.code) {
    case 'CSV_MAX_RECORD_SIZE':
      return line.length < SHOWN_BYTES ? NOT_CLOSED : `is longer than ${MAX_RECORD_BYTES / 1024} KiB, or ${NOT_CLOSED}`
    case 'CSV_QUOTE_NOT_CLOSED':
      return NOT_CLOSED
    case 'INVALID_OPENING_QUOTE':
      return 'has a quote inside a value that is not quoted: write "5"" pipe" for 5" pipe'
    case 'CSV_INVALID_CLOSING_QUOTE':
      return hasOddQuotes(line) ? NOT_CLOSED : 'has text behind a closing quote: write "5"" pipe" for 5" pipe'
    default:
      throw error
  }
}

function hasOddQuotes(line: Buffer): boolean {
  return line.toString('latin1').split('"').length % 2 === 0
}

function isBlank(cells: readonly string[]): boolean {
  return cells[0]?.trim() === '' && cells.every((cell) => cell.trim() === '')
}

/** @returns what ended the parser early, if anything did */
function write(parser: SynchronousParser, bytes: Buffer): Promise<unknown> {
  return new Promise((resolve) => parser.write(bytes, (error) => resolve(parser.failure ?? error ?? undefined)))
}

function finish(parser: SynchronousParser): Promise<unknown> {
  return new Promise((resolve) => {
    parser.once('error', (error) => resolve(parser.failure ?? error))
    parser.once('end', () => resolve(parser.failure))
    parser.end()
  })
}
