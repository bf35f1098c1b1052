// Collects a chunk: a few thousand checked lines, packed for the database and stored in one transaction.
import type { Content } from '../csv/content.js'
import type { Dialect } from '../csv/dialect.js'
import { findInvalid, isSuspect } from '../csv/encoding.js'
import type { RecordPosition, RecordSink } from '../csv/records.js'
import { ChunkOrders } from './chunk-orders.js'
import { type Chunk, type CustomerRow, type LineRow, type ProductRow, packChunk } from './chunk-rows.js'
import { type ReaderState, seen } from './file-read.js'
import { ItemNumbers } from './items.js'
import { MADE_FROM_NAME } from './line-fields.js'
import { LineReader, REPEATED_HEADER } from './line-reader.js'
import type { Mapping } from './mapping/mapping.js'
import type { LineFate, OrderLine, Rejection } from './order-line.js'
import { PlainLines } from './plain-lines.js'
import { csvLine, withoutRejectColumns } from './reject-columns.js'
import { SentNames } from './sent-names.js'

/** A line for the rejects file. */
export interface RejectedLine extends Omit<Rejection, 'reference'> {
  readonly line: number
  /** The text in the file, without its line ending and without the values of an earlier rejects file. */
  readonly original: string
}

export interface ChunkOptions {
  readonly timeZone: string
  /** Accept order dates before 1970 and more than a year ahead. */
  readonly anyDate: boolean
}

/** How the file is read, and where an interrupted import of it stopped. */
export interface ChunkSource extends Pick<Content, 'encoding'> {
  readonly header: readonly string[]
  readonly mapping: Mapping
  readonly dialect: Dialect
  readonly state: ReaderState
}

/** A line with its place. For `number`, see ItemNumbers. */
interface PlacedLine {
  readonly line: OrderLine
  readonly number: number
  readonly position: RecordPosition
  /** Number of cells that the line lacks. */
  readonly missing: number
  /** All cells of a line that inherits some: its text alone would mean something else. */
  readonly whole: readonly string[] | undefined
}

/** What a chunk brings. Lines read = lines of the chunk + rejected + skipped. */
export interface ChunkContent {
  readonly chunk: Chunk
  readonly rejected: readonly RejectedLine[]
  readonly skippedCount: number
  /** After its last line. */
  readonly state: ReaderState
}

/** Collects the lines of one chunk. */
export class ChunkBuilder implements RecordSink {
  readonly #reader: LineReader
  readonly #numbers: ItemNumbers
  readonly #plainLines: PlainLines | undefined
  readonly #dialect: Dialect
  readonly #encoding: string
  readonly #width: number
  readonly #timeZone: string
  readonly #cleanOriginal: (original: string) => string
  readonly #orders: ChunkOrders
  /** With the latest names. Includes customers of rejected orders, so that chunk boundaries change no result. */
  readonly #customers = new Map<string, CustomerRow>()
  readonly #sentNames = new SentNames()
  /** The first bad line of each order that has one. None of its lines is imported. */
  readonly #rejectedOrders = new Map<string, number>()
  #skippedCount = 0
  readonly #skippedByReason: Record<string, number>
  #state: ReaderState
  #lines: PlacedLine[] = []
  #rejected: RejectedLine[] = []
  /** The bytes that the positions of the lines refer to. */
  #window: Buffer = Buffer.alloc(0)
  /** Whether the window contains invalid UTF-8 or control characters. */
  #suspect = false

  constructor({ header, mapping, dialect, encoding, state }: ChunkSource, { timeZone, anyDate }: ChunkOptions) {
    const latest = anyDate ? undefined : aYearFrom(new Date())
    this.#reader = new LineReader(header, mapping, { latest })
    this.#numbers = new ItemNumbers(header, mapping)
    this.#plainLines = PlainLines.of(header, mapping, dialect, { latest })
    this.#reader.order.last = state.order
    const { repeatedTotals } = mapping
    this.#orders = new ChunkOrders({ repeatedTotals, nameOf: (field) => this.#reader.nameOf(field) }, state.run)
    this.#state = state
    this.#skippedByReason = { ...state.skipped }
    this.#dialect = dialect
    this.#encoding = encoding
    this.#width = header.length
    this.#timeZone = timeZone
    this.#cleanOriginal = withoutRejectColumns(header, dialect)
  }

  plain(window: Buffer, start: number, lineNumber: number): number {
    this.#open(window)
    const line = this.#suspect ? undefined : this.#plainLines?.read(window, start)
    if (!line || !this.#plainLines) return 0
    const { end } = this.#plainLines
    const position = { line: lineNumber, multiline: false, start, end }
    const placed = { line, number: lineNumber, position, missing: 0, whole: undefined }
    const rejection = this.#add(placed)
    if (rejection) this.#reject(rejection, lineNumber, this.#originalOf(placed))
    return end
  }

  record(cells: string[], position: RecordPosition, window: Buffer): void {
    this.#open(window)
    const missing = Math.max(0, this.#width - cells.length)
    const fates = this.#read(cells, position)
    const whole = this.#reader.order.hasInherited ? cells : undefined
    for (const [index, fate] of fates.entries()) {
      if ('skipped' in fate) this.#skip(fate.skipped)
      else {
        const number = this.#numbers.numberOf(position.line, index)
        const rejection = 'reason' in fate ? fate : this.#add({ line: fate, number, position, missing, whole })
        if (rejection?.reference) this.#orders.pass(rejection.reference, number)
        if (rejection) this.#reject(rejection, position.line, this.#originalOf({ position, missing, whole }))
      }
    }
  }

  #open(window: Buffer): void {
    if (window === this.#window) return
    this.#window = window
    this.#suspect = isSuspect(window, this.#dialect.delimiter)
  }

  blank(): void {
    this.#skip('blank')
  }

  /** Rejects a malformed line. */
  malformed(raw: Buffer, line: number, reason: string): void {
    const { delimiter } = this.#dialect
    const cells = originalText(raw).split(delimiter)
    const quoted = cells.findIndex((cell) => cell.includes('"'))
    const reference = this.#reader.order.takeMalformed(cells, quoted === -1 ? cells.length : quoted)
    if (reference) this.#orders.pass(reference, this.#numbers.numberOf(line))
    this.#reject({ reference, column: '', reason: `the line ${reason}` }, line, cells.join(delimiter))
  }

  /** The SKUs of the collected lines. */
  skus(): ReadonlySet<string> {
    return new Set(this.#lines.map(({ line }) => line.sku))
  }

  /** Rejects the lines with these SKUs. */
  rejectProducts(unknown: ReadonlySet<string>): void {
    if (unknown.size === 0) return
    const bad = this.#lines.filter(({ line }) => unknown.has(line.sku))
    this.#lines = this.#lines.filter(({ line }) => !unknown.has(line.sku))
    for (const placed of bad) {
      const { reference, sku } = placed.line
      const reason = `product_sku is "${sku}", an unknown product (inventory.unknownSku is "reject")`
      this.#reject({ reference, column: 'product_sku', reason }, placed.position.line, this.#originalOf(placed))
    }
  }

  /** Returns the collected chunk and empties the builder. */
  take(): ChunkContent {
    const lines: LineRow[] = []
    const products = new Map<string, ProductRow>()
    for (const placed of this.#lines) {
      const { line, number, position } = placed
      const { reference, sku, quantity, unit_price, total } = line
      if (!products.has(sku)) products.set(sku, { sku, name: line.product_name })
      const rejectedBy = this.#rejectedOrders.get(reference)
      if (rejectedBy === undefined) {
        lines.push({ reference, line_number: number, sku, quantity, unit_price, total })
      } else {
        const original = this.#cleanOriginal(this.#originalOf(placed))
        this.#rejected.push({ line: position.line, original, column: '', reason: siblingReason(rejectedBy) })
      }
    }
    const orders = this.#orders.rows(this.#rejectedOrders, this.#timeZone)
    const customers = [...this.#customers.values()]
    const chunk = packChunk({
      customers,
      newCustomers: customers.filter((customer) => this.#sentNames.add(customer)),
      orders,
      lines,
      products: [...products.values()],
      continued: this.#orders.continued,
      laterRuns: [...this.#orders.laterRuns],
      rejectedOrders: Array.from(this.#rejectedOrders, ([reference, line]) => {
        return { reference, line_number: this.#numbers.numberOf(line) }
      }),
    })
    const rejected = this.#rejected.sort((a, b) => a.line - b.line)
    const skippedCount = this.#skippedCount
    const [order, run] = [this.#reader.order.last, this.#orders.run]
    const skipped = { ...this.#skippedByReason }
    const withoutSku = this.#state.withoutSku + lines.filter(({ sku }) => sku.startsWith(MADE_FROM_NAME)).length
    this.#state = { ...seen(this.#state, orders), order, run, skipped, withoutSku }
    for (const collected of [this.#orders, this.#customers, this.#rejectedOrders]) collected.clear()
    this.#skippedCount = 0
    this.#lines = []
    this.#rejected = []
    return { chunk, rejected, skippedCount, state: this.#state }
  }

  /** Adds the line. @returns the rejection if it disagrees with earlier lines of its order */
  #add(placed: PlacedLine): Rejection | undefined {
    const { customer_id, customer_name: name } = placed.line
    const named = this.#customers.get(customer_id)
    // A line without a name has the id in its place, which replaces no name.
    if (!named || (name !== customer_id && name !== named.name)) this.#customers.set(customer_id, { customer_id, name })
    const rejection = this.#orders.add(placed)
    if (rejection) return rejection
    this.#lines.push(placed)
    return undefined
  }

  /** With all its cells, so that values can be added behind them. */
  #originalOf({ position, missing, whole }: Pick<PlacedLine, 'position' | 'missing' | 'whole'>): string {
    if (whole) {
      const length = Math.max(whole.length, this.#width)
      return csvLine(
        Array.from({ length }, (_, at) => whole[at] ?? ''),
        this.#dialect,
      )
    }
    const { start, end } = position
    return originalText(this.#window.subarray(start, end)) + this.#dialect.delimiter.repeat(missing)
  }

  #read(cells: string[], position: RecordPosition): readonly LineFate[] {
    const invalid = this.#suspect
      ? findInvalid(this.#window.subarray(position.start, position.end), this.#encoding)
      : undefined
    if (invalid) {
      const reason = `${invalid}; convert the file to UTF-8, or name its encoding with --encoding`
      return [{ reference: this.#reader.order.take(cells), column: '', reason }]
    }
    return this.#reader.read(cells, this.#suspect || position.multiline)
  }

  #skip(reason: string): void {
    this.#skippedByReason[reason] = (this.#skippedByReason[reason] ?? 0) + 1
    this.#skippedCount++
    if (reason === REPEATED_HEADER) this.#orders.endRun()
  }

  /** Rejects the line, and with it the other lines of its order. */
  #reject({ reference, column, reason }: Rejection, line: number, original: string): void {
    this.#rejected.push({ line, original: this.#cleanOriginal(original), column, reason })
    if (reference && !this.#rejectedOrders.has(reference)) this.#rejectedOrders.set(reference, line)
  }
}

/** The reason for rejecting a valid line of an order with a bad line. */
export function siblingReason(line: number): string {
  return `another line of this order was rejected (line ${line})`
}

function aYearFrom(now: Date): string {
  const then = new Date(now)
  then.setUTCFullYear(now.getUTCFullYear() + 1)
  return then.toISOString().slice(0, 'YYYY-MM-DDTHH:MM:SS'.length)
}

function originalText(raw: Buffer): string {
  return raw
    .toString('utf8')
    .replace(/^\uFEFF/, '')
    .replace(/(\r*\n|\r)$/, '')
}
