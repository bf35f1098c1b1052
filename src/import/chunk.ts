// Collects a chunk: a few thousand checked lines, packed for the database and stored in one transaction.
import { isUtf8 } from 'node:buffer'
import { readDate } from '../csv/dates.js'
import type { RecordPosition, RecordSink } from '../csv/records.js'
import { joinFaults, NOT_UTF8, readOrderDateUntil } from '../csv/values.js'
import { businessDay } from '../domain/business-day.js'
import { type Chunk, type CustomerRow, type LineRow, type OrderRow, type ProductRow, packChunk } from './chunk-rows.js'
import {
  type ColumnPositions,
  type LineReaders,
  lineReaders,
  type OrderLine,
  type Rejection,
  readOrderLine,
} from './order-line.js'
import { withoutRejectColumns } from './reject-columns.js'

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

/** Collects the lines of one chunk. */
export class ChunkBuilder implements RecordSink {
  readonly #columns: ColumnPositions
  readonly #width: number
  readonly #timeZone: string
  readonly #readers: LineReaders
  readonly #suspectReaders: LineReaders
  readonly #cleanOriginal: (original: string) => string
  readonly #orders = new Map<string, { readonly first: OrderLine; readonly firstLine: number; total: number }>()
  /** The first bad line of each order that has one. None of its lines is imported. */
  /** With the latest names. Includes customers of rejected orders, so that chunk boundaries change no result. */
  readonly #customers = new Map<string, CustomerRow>()
  readonly #rejectedOrders = new Map<string, number>()
  #lines: { readonly line: OrderLine; readonly position: RecordPosition }[] = []
  #rejected: RejectedLine[] = []
  /** The bytes that the positions of the lines refer to. */
  #window: Buffer = Buffer.alloc(0)
  /** Whether the window contains invalid UTF-8 or control characters. */
  #suspect = false

  constructor(columns: ColumnPositions, header: readonly string[], { timeZone, anyDate }: ChunkOptions) {
    this.#columns = columns
    this.#width = header.length
    this.#timeZone = timeZone
    const readAnyDate = (text: string) => readDate(text, undefined)
    const read = anyDate ? readAnyDate : readOrderDateUntil(aYearFrom(new Date()))
    this.#readers = lineReaders(false, read)
    this.#suspectReaders = lineReaders(true, read)
    this.#cleanOriginal = withoutRejectColumns(header)
  }

  record(cells: string[], position: RecordPosition, window: Buffer): void {
    if (window !== this.#window) {
      this.#window = window
      this.#suspect = isSuspect(window)
    }
    const read = this.#read(cells, position)
    const rejection = 'reason' in read ? read : this.#add(read, position)
    if (rejection) this.#reject(rejection, position.line, this.#originalAt(position))
  }

  /** Rejects a malformed line. Its order is known if no quote precedes the id. */
  malformed(raw: Buffer, line: number, reason: string): void {
    const original = originalText(raw)
    const before = original.split(',').slice(0, this.#columns.order_id + 1)
    const reference = before.some((cell) => cell.includes('"')) ? undefined : before[this.#columns.order_id]?.trim()
    this.#reject({ reference, column: '', reason: `the line ${reason}` }, line, original)
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
    for (const { line, position } of bad) {
      const reason = `product_sku is "${line.sku}", an unknown product (inventory.unknownSku is "reject")`
      this.#reject(
        { reference: line.reference, column: 'product_sku', reason },
        position.line,
        this.#originalAt(position),
      )
    }
  }

  /** Returns the collected chunk and empties the builder. Rows read = lineCount + rejected. */
  take(): { chunk: Chunk; rejected: RejectedLine[] } {
    const lines: LineRow[] = []
    const products = new Map<string, ProductRow>()
    for (const { line, position } of this.#lines) {
      const { reference, sku, quantity, unit_price, total } = line
      if (!products.has(sku)) products.set(sku, { sku, name: line.product_name })
      const rejectedBy = this.#rejectedOrders.get(reference)
      if (rejectedBy === undefined) {
        lines.push({ reference, line_number: position.line, sku, quantity, unit_price, total })
      } else {
        const original = this.#cleanOriginal(this.#originalAt(position))
        this.#rejected.push({ line: position.line, original, column: '', reason: siblingReason(rejectedBy) })
      }
    }
    const chunk = packChunk({
      customers: [...this.#customers.values()],
      orders: this.#validOrders(),
      lines,
      products: [...products.values()],
      rejectedOrders: Array.from(this.#rejectedOrders, ([reference, line_number]) => ({ reference, line_number })),
    })
    const rejected = this.#rejected.sort((a, b) => a.line - b.line)
    this.#orders.clear()
    this.#customers.clear()
    this.#rejectedOrders.clear()
    this.#lines = []
    this.#rejected = []
    return { chunk, rejected }
  }

  #validOrders(): OrderRow[] {
    const orders: OrderRow[] = []
    for (const [reference, { first, total }] of this.#orders) {
      if (this.#rejectedOrders.has(reference)) continue
      const { customer_id, ordered_at, currency } = first
      const business_day = businessDay(ordered_at, this.#timeZone)
      orders.push({ reference, customer_id, ordered_at, business_day, currency, total })
    }
    return orders
  }

  /** Adds the line. @returns the rejection if it disagrees with earlier lines of its order */
  #add(line: OrderLine, position: RecordPosition): Rejection | undefined {
    const { reference, total, customer_id, customer_name: name } = line
    // A line without a name has the id in its place, which replaces no name.
    if (name !== customer_id || !this.#customers.has(customer_id))
      this.#customers.set(customer_id, { customer_id, name })
    const order = this.#orders.get(reference)
    if (order) {
      const { first, firstLine } = order
      const differing = (['customer_id', 'currency', 'ordered_at'] as const).filter(
        (name) => first[name] !== line[name],
      )
      if (differing.length > 0) {
        const faults = differing.map((name) => {
          const column = name === 'ordered_at' ? 'order_date' : name
          return { column, reason: `${column} is "${line[name]}", unlike line ${firstLine}` }
        })
        return { reference, ...joinFaults(faults) }
      }
      order.total += total
    } else this.#orders.set(reference, { first: line, firstLine: position.line, total })
    this.#lines.push({ line, position })
    return undefined
  }

  #originalAt({ start, end }: RecordPosition): string {
    return originalText(this.#window.subarray(start, end))
  }

  #read(cells: string[], position: RecordPosition): OrderLine | Rejection {
    if (this.#suspect && !isUtf8(this.#window.subarray(position.start, position.end))) {
      return { reference: cells[this.#columns.order_id]?.trim(), column: '', reason: NOT_UTF8 }
    }
    const readers = this.#suspect || position.multiline ? this.#suspectReaders : this.#readers
    return readOrderLine(cells, this.#columns, this.#width, readers)
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

function isSuspect(window: Buffer): boolean {
  for (let at = 0; at < window.length; at++) {
    const byte = window[at] ?? 0
    if (byte < 0x20 && byte !== 0x0a && !(byte === 0x0d && window[at + 1] === 0x0a)) return true
    if (byte === 0x7f || (byte === 0xc2 && (window[at + 1] ?? 0) < 0xa0)) return true
  }
  return !isUtf8(window)
}

function originalText(raw: Buffer): string {
  return raw
    .toString('utf8')
    .replace(/^\uFEFF/, '')
    .replace(/(\r\n|\n|\r)$/, '')
}
