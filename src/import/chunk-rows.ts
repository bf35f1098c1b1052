// The rows that one chunk adds to each table, packed for the way to the writer and into the database.
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
interface SpoiledRow {
  readonly reference: string
  readonly line_number: number
}

/** What one transaction stores. */
export interface ChunkRows {
  /** Every customer in the lines, once, as first named. */
  readonly customers: readonly CustomerRow[]
  readonly orders: readonly OrderRow[]
  readonly lines: readonly LineRow[]
  /** Every product in the lines, once, as first named. */
  readonly products: readonly ProductRow[]
  readonly spoiled: readonly SpoiledRow[]
}

export type Chunk = { readonly [Name in keyof ChunkRows]: PackedRows<ChunkRows[Name][number]> } & {
  readonly orderCount: number
  readonly lineCount: number
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

export function packChunk({ customers, orders, lines, products, spoiled }: ChunkRows): Chunk {
  return {
    customers: packRows({ customer_id: 'text', name: 'text' }, customers),
    orders: packRows(ORDER_COLUMNS, orders),
    lines: packLines(lines),
    products: packRows({ sku: 'text', name: 'text' }, products),
    spoiled: packRows({ reference: 'text', line_number: 'integer' }, spoiled),
    orderCount: orders.length,
    lineCount: lines.length,
    spoiledCount: spoiled.length,
  }
}

export function packLines(lines: readonly LineRow[]): PackedRows<LineRow> {
  return packRows(LINE_COLUMNS, lines)
}
