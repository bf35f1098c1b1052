// Splits a record into cells. Reads quotes as Excel and Python's csv module do: a quote opens a cell only as its first
// character, `""` in a quoted cell is a quote, and text after a closing quote belongs to the cell. csv-parse rejects
// such quotes or keeps them in the cell.

/** Why a record is malformed. */
export type RecordFault = 'UNCLOSED_QUOTE' | 'TOO_LONG' | 'LONE_LINE_END'

/** A Dialect. */
interface Marks {
  readonly delimiter: string
  readonly quotes: boolean
  readonly lineEnding: '\n' | '\r'
}

interface Bounds {
  /** Number of columns. A record that spans lines must have as many values, since a misplaced quote can join lines. */
  readonly width: number | undefined
  /** Longer records are malformed. In bytes. */
  readonly longest: number
  /** Maximum number of physical lines of a record [default: MOST_LINES]. */
  readonly lines?: number
}

/** Bounds the time for a file in which a cell opens in each line and closes in the next one. */
const MOST_LINES = 1000

export class Splitter {
  /** Offset of the end of the last record, with its line ending, and its number of physical lines. */
  end = 0
  lines = 1
  readonly #dialect: Marks
  readonly #bounds: Bounds
  readonly #newline: number
  /** The line ending that ends no line in this file. */
  readonly #foreign: '\r' | '\n'
  /** The physical line at `end`: its text and its line ending. */
  #text = ''
  #ending = ''

  constructor(dialect: Marks, bounds: Bounds) {
    this.#dialect = dialect
    this.#bounds = bounds
    this.#newline = dialect.lineEnding.charCodeAt(0)
    this.#foreign = dialect.lineEnding === '\n' ? '\r' : '\n'
  }

  /**
   * @param isEnd whether the file ends with the window; its last line may have no line ending
   * @returns the cells of the record at `start`, its fault, or undefined if the window lacks its end
   */
  split(window: Buffer, start: number, isEnd: boolean): string[] | RecordFault | undefined {
    this.end = start
    this.lines = 1
    const missing = this.#nextLine(window, start, isEnd)
    if (missing !== 'complete') return missing
    const { delimiter, quotes } = this.#dialect
    if (quotes && this.#text.includes('"')) return this.#splitQuoted(window, start, isEnd)
    return this.#text.includes(this.#foreign) ? 'LONE_LINE_END' : this.#text.split(delimiter)
  }

  /** Takes the physical line at `end`. */
  #nextLine(window: Buffer, start: number, isEnd: boolean): 'complete' | RecordFault | undefined {
    const newline = window.indexOf(this.#newline, this.end)
    if (newline === -1 && !isEnd) return undefined
    const end = newline === -1 ? window.length : newline + 1
    if (end - start > this.#bounds.longest) return 'TOO_LONG'
    let stop = newline === -1 ? end : newline
    // Programs that write line endings twice end a line with CR CR LF.
    if (this.#newline === 10) while (stop > this.end && window[stop - 1] === 13) stop--
    this.#text = window.toString('utf8', this.end, stop)
    this.#ending = stop === newline && stop < end ? this.#dialect.lineEnding : window.toString('latin1', stop, end)
    this.end = end
    return 'complete'
  }

  #splitQuoted(window: Buffer, start: number, isEnd: boolean): string[] | RecordFault | undefined {
    const { delimiter } = this.#dialect
    const cells: string[] = []
    for (let at = 0; ; at++) {
      let cell = ''
      if (this.#text[at] === '"') {
        const line = this.lines
        const read = this.#readQuoted(window, start, at + 1, cells.length, isEnd)
        if (typeof read !== 'object') return read
        cell = read.cell
        at = read.at
        // In a cell that spans lines, the closing quote is more likely one that opens a cell of a later line.
        if (this.lines > line && at < this.#text.length && this.#text[at] !== delimiter) return 'UNCLOSED_QUOTE'
      }
      const next = this.#text.indexOf(delimiter, at)
      const rest = this.#text.slice(at, next === -1 ? undefined : next)
      if (rest.includes(this.#foreign)) return 'LONE_LINE_END'
      cells.push(cell + rest)
      if (next === -1) return this.lines === 1 || this.#fits(cells) ? cells : 'UNCLOSED_QUOTE'
      at = next
    }
  }

  /** Reads a quoted cell from behind its opening quote to behind its closing one. */
  #readQuoted(window: Buffer, start: number, from: number, index: number, isEnd: boolean) {
    let cell = ''
    for (let at = from; ; ) {
      const quote = this.#text.indexOf('"', at)
      if (quote === -1) {
        cell += this.#text.slice(at) + this.#ending
        // A later cell than the last cannot span lines. Ending here keeps the search for a closing quote short.
        if (this.end === window.length ? isEnd : index >= (this.#bounds.width ?? index + 1)) return 'UNCLOSED_QUOTE'
        if (this.lines >= (this.#bounds.lines ?? MOST_LINES)) return 'TOO_LONG'
        const missing = this.#nextLine(window, start, isEnd)
        if (missing !== 'complete') return missing
        this.lines += 1
        at = 0
      } else {
        cell += this.#text.slice(at, quote)
        if (this.#text[quote + 1] !== '"') return { cell, at: quote + 1 }
        cell += '"'
        at = quote + 2
      }
    }
  }

  /** Whether a record that spans lines has a value for each column, and none behind them. */
  #fits(cells: readonly string[]): boolean {
    const width = this.#bounds.width ?? cells.length
    if (cells.every((cell) => cell.trim() === '')) return true
    return cells.length >= width && cells.every((cell, index) => index < width || cell === '')
  }
}
