// Some thousand lines of a file, checked and packed for the database: what one transaction stores.
import { isUtf8 } from 'node:buffer'
import type { Place, RecordSink } from '../csv/records.js'
import { NOT_UTF8 } from '../csv/values.js'
import { businessDay } from '../domain/business-day.js'
import { type Chunk, type CustomerRow, type LineRow, type OrderRow, type ProductRow, packChunk } from './chunk-rows.js'
import { type ColumnName, type ColumnPositions, type OrderLine, type Rejection, readOrderLine } from './order-line.js'

/** A line for the rejects file. */
export interface RejectedLine extends Omit<Rejection, 'reference'> {
  readonly line: number
  /** As it is in the file, without its line ending. */
  readonly original: string
}

interface OpenOrder {
  /** Undefined if all lines so far are bad. */
  readonly first: OrderLine | undefined
  readonly firstLine: number
  total: number
  /** The first bad line. It costs the order. */
  spoiledBy: number | undefined
}

interface ReadLine {
  readonly line: OrderLine
  readonly place: Place
}

/** Gathers the lines of one chunk. */
export class ChunkBuilder implements RecordSink {
  readonly #columns: ColumnPositions
  readonly #width: number
  readonly #timeZone: string
  #orders = new Map<string, OpenOrder>()
  #lines: ReadLine[] = []
  #rejected: RejectedLine[] = []
  /** The bytes that the places of the lines refer to. */
  #window: Buffer = Buffer.alloc(0)
  /** Whether the window has bytes that are not UTF-8, or control characters. */
  #suspect = false

  constructor(columns: ColumnPositions, width: number, timeZone: string) {
    this.#columns = columns
    this.#width = width
    this.#timeZone = timeZone
  }

  record(cells: string[], place: Place, window: Buffer): void {
    if (window !== this.#window) {
      this.#window = window
      this.#suspect = isSuspect(window)
    }
    const read = this.#read(cells, place)
    const rejection = 'reason' in read ? read : this.#addToOrder(read, place)
    if (rejection) this.#reject(rejection, place.line, this.#originalAt(place))
    else if (!('reason' in read)) this.#lines.push({ line: read, place })
  }

  /** The order of a line that is no record is known if no quote comes before its id. */
  broken(raw: Buffer, line: number, reason: string): void {
    const original = originalText(raw)
    const before = original.split(',').slice(0, this.#columns.order_id + 1)
    const reference = before.some((cell) => cell.includes('"')) ? undefined : before[this.#columns.order_id]?.trim()
    this.#reject({ reference, column: '', reason: `the line ${reason}` }, line, original)
  }

  /** The SKUs of the lines gathered. */
  skus(): ReadonlySet<string> {
    return new Set(this.#lines.map(({ line }) => line.sku))
  }

  /** Rejects the lines with these SKUs. */
  rejectProducts(unknown: ReadonlySet<string>): void {
    if (unknown.size === 0) return
    const bad = this.#lines.filter(({ line }) => unknown.has(line.sku))
    this.#lines = this.#lines.filter(({ line }) => !unknown.has(line.sku))
    for (const { line, place } of bad) {
      const reason = `product_sku is "${line.sku}", which is no product (inventory.unknownSku is "reject")`
      this.#reject({ reference: line.reference, column: 'product_sku', reason }, place.line, this.#originalAt(place))
    }
  }

  /** What was gathered; the builder is empty afterwards. Rows read = lineCount + rejected. */
  take(): { chunk: Chunk; rejected: RejectedLine[] } {
    const lines: LineRow[] = []
    // Those of rejected lines too, so that it does not matter where one chunk ends and the next begins.
    const customers = new Map<string, CustomerRow>()
    const products = new Map<string, ProductRow>()
    for (const { line, place } of this.#lines) {
      const { reference, customerId, sku, quantity, unitPrice, total } = line
      if (!customers.has(customerId)) customers.set(customerId, { customer_id: customerId, name: line.customerName })
      if (!products.has(sku)) products.set(sku, { sku, name: line.productName })
      const spoiledBy = this.#orders.get(reference)?.spoiledBy
      if (spoiledBy === undefined) {
        lines.push({ reference, line_number: place.line, sku, quantity, unit_price: unitPrice, total })
      } else {
        const original = this.#originalAt(place)
        this.#rejected.push({ line: place.line, original, column: '', reason: siblingReason(spoiledBy) })
      }
    }
    const spoiled = [...this.#orders].flatMap(([reference, { spoiledBy }]) =>
      spoiledBy === undefined ? [] : [{ reference, line_number: spoiledBy }],
    )
    const chunk = packChunk({
      customers: [...customers.values()],
      orders: this.#soundOrders(),
      lines,
      products: [...products.values()],
      spoiled,
    })
    const rejected = this.#rejected.sort((a, b) => a.line - b.line)
    this.#orders = new Map()
    this.#lines = []
    this.#rejected = []
    return { chunk, rejected }
  }

  #soundOrders(): OrderRow[] {
    const orders: OrderRow[] = []
    for (const [reference, { first, total, spoiledBy }] of this.#orders) {
      if (spoiledBy !== undefined || !first) continue
      const { customerId: customer_id, orderedAt: ordered_at, currency } = first
      const business_day = businessDay(ordered_at, this.#timeZone)
      orders.push({ reference, customer_id, ordered_at, business_day, currency, total })
    }
    return orders
  }

  /** @returns why not, if the line disagrees with earlier lines of its order */
  #addToOrder(line: OrderLine, place: Place): Rejection | undefined {
    const { reference } = line
    const order = this.#orders.get(reference)
    if (!order) {
      this.#orders.set(reference, { first: line, firstLine: place.line, total: line.total, spoiledBy: undefined })
      return undefined
    }
    const differing = order.first && differingColumn(order.first, line)
    if (differing) {
      const [column, value] = differing
      return { reference, column, reason: `${column} is "${value}", unlike line ${order.firstLine}` }
    }
    order.total += line.total
    return undefined
  }

  #originalAt({ start, end }: Place): string {
    return originalText(this.#window.subarray(start, end))
  }

  #read(cells: string[], place: Place): OrderLine | Rejection {
    if (this.#suspect && !isUtf8(this.#window.subarray(place.start, place.end))) {
      return { reference: cells[this.#columns.order_id]?.trim(), column: '', reason: NOT_UTF8 }
    }
    return readOrderLine(cells, this.#columns, this.#width, this.#suspect || place.multiline)
  }

  /** Also costs the order its other lines. */
  #reject({ reference, column, reason }: Rejection, line: number, original: string): void {
    this.#rejected.push({ line, original, column, reason })
    if (!reference) return
    const order = this.#orders.get(reference)
    if (order) order.spoiledBy ??= line
    else this.#orders.set(reference, { first: undefined, firstLine: line, total: 0, spoiledBy: line })
  }
}

/** Why a sound line is not imported. */
export function siblingReason(line: number): string {
  return `another line of this order was rejected (line ${line})`
}

/** What all lines of an order must have in common. */
function differingColumn(first: OrderLine, line: OrderLine): [ColumnName, string] | undefined {
  if (first.customerId !== line.customerId) return ['customer_id', line.customerId]
  if (first.currency !== line.currency) return ['currency', line.currency]
  return first.orderedAt === line.orderedAt ? undefined : ['order_date', line.orderedAt]
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
