// What a chunk is made of: rows for each table, packed for the way to the writer and into the database.
import { type Columns, type PackedRows, packRows } from '../database/packed-rows.js'
import type { Day } from '../domain/business-day.js'
import type { Currency } from '../domain/money.js'

export interface CustomerRow {
  readonly customer_id: string
  readonly name: string
}

export interface OrderRow {
  readonly reference: string
  readonly customer_id: string
  readonly ordered_at: string
  readonly business_day: Day
  readonly currency: Currency
  /** Sum of the order's lines in this chunk. */
  readonly total: number
}

export interface LineRow {
  readonly reference: string
  readonly line_number: number
  readonly sku: string
  readonly quantity: number
  readonly unit_price: number
  readonly total: number
}

export interface ProductRow {
  readonly sku: string
  readonly name: string
}

/** An order that a bad line costs. */
export interface SpoiledRow {
  readonly reference: string
  readonly line_number: number
}

export interface Chunk {
  /** Every customer in the lines, once, as first named. */
  readonly customers: PackedRows<CustomerRow>
  readonly orders: PackedRows<OrderRow>
  readonly orderCount: number
  readonly lines: PackedRows<LineRow>
  readonly lineCount: number
  /** Every product in the lines, once, as first named. */
  readonly products: PackedRows<ProductRow>
  readonly spoiled: PackedRows<SpoiledRow>
  readonly spoiledCount: number
}

const ORDER_COLUMNS = {
  reference: 'text',
  customer_id: 'text',
  ordered_at: 'text',
  business_day: 'text',
  currency: 'text',
  total: 'integer',
} as const satisfies Columns<OrderRow>

const LINE_COLUMNS = {
  reference: 'text',
  line_number: 'integer',
  sku: 'text',
  quantity: 'integer',
  unit_price: 'integer',
  total: 'integer',
} as const satisfies Columns<LineRow>

/** The rows of a chunk, packed for the way to the writer and into the database. */
export function packChunk(rows: {
  readonly customers: readonly CustomerRow[]
  readonly orders: readonly OrderRow[]
  readonly lines: readonly LineRow[]
  readonly products: readonly ProductRow[]
  readonly spoiled: readonly SpoiledRow[]
}): Chunk {
  return {
    customers: packRows({ customer_id: 'text', name: 'text' }, rows.customers),
    orders: packRows(ORDER_COLUMNS, rows.orders),
    orderCount: rows.orders.length,
    lines: packLines(rows.lines),
    lineCount: rows.lines.length,
    products: packRows({ sku: 'text', name: 'text' }, rows.products),
    spoiled: packRows({ reference: 'text', line_number: 'integer' }, rows.spoiled),
    spoiledCount: rows.spoiled.length,
  }
}

export function packLines(lines: readonly LineRow[]): PackedRows<LineRow> {
  return packRows(LINE_COLUMNS, lines)
}
