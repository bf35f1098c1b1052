// Some thousand lines of a file, checked and packed for the database: what one transaction stores.
import { isUtf8 } from 'node:buffer'
import type { ColumnName, ColumnPositions } from '../csv/header.js'
import type { Place, RecordSink } from '../csv/records.js'
import { businessDay } from '../domain/business-day.js'
import {
  type Chunk,
  type CustomerRow,
  type LineRow,
  type OrderRow,
  type ProductRow,
  packChunk,
  type SpoiledRow,
} from './chunk-rows.js'
import { type OrderLine, OrderLineReader, type Rejection } from './order-line.js'

/** A line for the rejects file. */
export interface RejectedLine {
  readonly line: number
  /** As it stands in the file, without its line ending. */
  readonly original: string
  readonly column: ColumnName | ''
  readonly reason: string
}

interface OpenOrder {
  /** Undefined where only bad lines were seen. */
  readonly first: OrderLine | undefined
  readonly firstLine: number
  total: number
  /** The bad line that costs the order, once there is one. */
  spoiledBy: number | undefined
}

interface ReadLine {
  readonly line: OrderLine
  readonly place: Place
}

/** Gathers the lines of one chunk. */
export class ChunkBuilder implements RecordSink {
  readonly #reader: OrderLineReader
  readonly #referenceColumn: number
  readonly #timeZone: string
  #orders = new Map<string, OpenOrder>()
  #lines: ReadLine[] = []
  #rejected: RejectedLine[] = []
  /** The bytes that the places of the lines refer to. */
  #window: Buffer = Buffer.alloc(0)
  /** Whether the window's bytes need a closer look at each line. */
  #suspect = false

  constructor(columns: ColumnPositions, width: number, timeZone: string) {
    this.#reader = new OrderLineReader(columns, width)
    this.#referenceColumn = columns.order_id
    this.#timeZone = timeZone
  }

  record(cells: string[], place: Place, window: Buffer): void {
    if (window !== this.#window) {
      this.#window = window
      this.#suspect = isSuspect(window)
    }
    const read = this.#read(cells, place)
    const rejection = 'reason' in read ? read : this.#fitIntoOrder(read, place)
    if (rejection) this.#reject(rejection, place.line, this.#originalAt(place))
    else if (!('reason' in read)) this.#lines.push({ line: read, place })
  }

  /** A line that is no record. Its order is known where no quote stands before the order's id. */
  broken(raw: Buffer, line: number, reason: string): void {
    const original = originalText(raw)
    const before = original.split(',').slice(0, this.#referenceColumn + 1)
    const reference = before.some((cell) => cell.includes('"')) ? undefined : before[this.#referenceColumn]?.trim()
    this.#reject({ reference, column: '', reason: `the line ${reason}` }, line, original)
  }

  /** The SKUs of the lines gathered. */
  skus(): ReadonlySet<string> {
    return new Set(this.#lines.map(({ line }) => line.sku))
  }

  /** Rejects the lines with these SKUs. */
  rejectProducts(unknown: ReadonlySet<string>): void {
    if (unknown.size === 0) return
    const [bad, good] = partition(this.#lines, ({ line }) => unknown.has(line.sku))
    this.#lines = good
    for (const { line, place } of bad) {
      const reason = `product_sku is "${line.sku}", which is no product (inventory.unknownSku is "reject")`
      this.#reject({ reference: line.reference, column: 'product_sku', reason }, place.line, this.#originalAt(place))
    }
  }

  /** What was gathered; the builder is empty again. Rows read = lineCount + rejected. */
  take(): { chunk: Chunk; rejected: RejectedLine[] } {
    const kept: LineRow[] = []
    // Also those of lines that are rejected below: so it does not matter where one chunk ends and the next begins.
    const customers = new Map<string, CustomerRow>()
    const products = new Map<string, ProductRow>()
    for (const { line, place } of this.#lines) {
      if (!customers.has(line.customerId)) {
        customers.set(line.customerId, { customer_id: line.customerId, name: line.customerName })
      }
      if (!products.has(line.sku)) products.set(line.sku, { sku: line.sku, name: line.productName })
      const spoiledBy = this.#orders.get(line.reference)?.spoiledBy
      if (spoiledBy !== undefined) {
        this.#rejected.push({
          line: place.line,
          original: this.#originalAt(place),
          column: '',
          reason: siblingReason(spoiledBy),
        })
        continue
      }
      kept.push({
        reference: line.reference,
        line_number: place.line,
        sku: line.sku,
        quantity: line.quantity,
        unit_price: line.unitPrice,
        total: line.total,
      })
    }
    const { orders, spoiled } = this.#packOrders()
    const rejected = this.#rejected.sort((a, b) => a.line - b.line)
    this.#orders = new Map()
    this.#lines = []
    this.#rejected = []
    return {
      chunk: packChunk({
        customers: [...customers.values()],
        orders,
        lines: kept,
        products: [...products.values()],
        spoiled,
      }),
      rejected,
    }
  }

  #packOrders(): { orders: OrderRow[]; spoiled: SpoiledRow[] } {
    const orders: OrderRow[] = []
    const spoiled: SpoiledRow[] = []
    for (const [reference, { first, total, spoiledBy }] of this.#orders) {
      if (spoiledBy !== undefined) spoiled.push({ reference, line_number: spoiledBy })
      if (spoiledBy !== undefined || !first) continue
      orders.push({
        reference,
        customer_id: first.customerId,
        ordered_at: first.orderedAt,
        business_day: businessDay(first.orderedAt, this.#timeZone),
        currency: first.currency,
        total,
      })
    }
    return { orders, spoiled }
  }

  /** Adds the line to its order, unless it disagrees with the order's lines before it. */
  #fitIntoOrder(line: OrderLine, place: Place): Rejection | undefined {
    const order = this.#orders.get(line.reference)
    if (!order) {
      this.#orders.set(line.reference, { first: line, firstLine: place.line, total: line.total, spoiledBy: undefined })
    } else {
      const other = order.first && disagreement(order.first, line)
      if (other)
        return { ...other, reference: line.reference, reason: `${other.reason}, unlike line ${order.firstLine}` }
      order.total += line.total
    }
    return undefined
  }

  #originalAt({ start, end }: Place): string {
    return originalText(this.#window.subarray(start, end))
  }

  #read(cells: string[], place: Place): OrderLine | Rejection {
    if (this.#suspect && !isUtf8(this.#window.subarray(place.start, place.end))) {
      return { reference: cells[this.#referenceColumn]?.trim(), column: '', reason: NOT_UTF8 }
    }
    return this.#reader.read(cells, this.#suspect || place.multiline)
  }

  /** Also costs the line's order all its other lines. */
  #reject({ reference, column, reason }: Rejection, line: number, original: string): void {
    this.#rejected.push({ line, original, column, reason })
    if (!reference) return
    const order = this.#orders.get(reference)
    if (order) order.spoiledBy ??= line
    else this.#orders.set(reference, { first: undefined, firstLine: line, total: 0, spoiledBy: line })
  }
}

const NOT_UTF8 = 'the line is not UTF-8: save the file as UTF-8 (in Excel: "CSV UTF-8")'

/** Why a sound line is not imported. */
export function siblingReason(line: number): string {
  return `another line of this order was rejected (line ${line})`
}

const DISAGREEMENTS: readonly (readonly [ColumnName, (line: OrderLine) => string])[] = [
  ['customer_id', (line) => line.customerId],
  ['currency', (line) => line.currency],
  ['order_date', (line) => line.orderedAt],
]

function disagreement(first: OrderLine, line: OrderLine): Pick<Rejection, 'column' | 'reason'> | undefined {
  const other = DISAGREEMENTS.find(([, value]) => value(first) !== value(line))
  return other && { column: other[0], reason: `${other[0]} is "${other[1](line)}"` }
}

/** Bytes that are not UTF-8, or have control characters (a line ending is none). */
function isSuspect(window: Buffer): boolean {
  for (let at = 0; at < window.length; at++) {
    const byte = window[at] ?? 0
    if (byte < 0x20 && byte !== 0x0a && !(byte === 0x0d && window[at + 1] === 0x0a)) return true
    if (byte === 0x7f || (byte === 0xc2 && (window[at + 1] ?? 0) < 0xa0)) return true
  }
  return !isUtf8(window)
}

function partition<Item>(items: readonly Item[], test: (item: Item) => boolean): [Item[], Item[]] {
  return [items.filter(test), items.filter((item) => !test(item))]
}

function originalText(raw: Buffer): string {
  return raw
    .toString('utf8')
    .replace(/^\uFEFF/, '')
    .replace(/(\r\n|\n|\r)$/, '')
}
