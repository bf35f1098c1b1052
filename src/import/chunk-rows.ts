// The rows that one chunk adds to each table, packed for transfer to the writer thread and the database.
import { type Columns, type PackedRows, packRows } from '../database/packed-rows.js'
import type { Schema } from '../database/schema.js'

export type CustomerRow = Readonly<Record<'customer_id' | 'name', string>>
export type ProductRow = Readonly<Record<'sku' | 'name', string>>

/** An order. `total` is the sum of its lines in this chunk. */
export type OrderRow = Readonly<
  Pick<Schema['orders'], 'reference' | 'ordered_at' | 'business_day' | 'currency' | 'total'> & { customer_id: string }
>

export type LineRow = Readonly<
  Pick<Schema['order_lines'], 'line_number' | 'quantity' | 'unit_price' | 'total'> & Record<'reference' | 'sku', string>
>

/** Lines of an order without those of another one between them. */
export interface Run {
  readonly reference: string
  /** Number of its first line. */
  readonly from: number
}

/** What one transaction stores. */
export interface ChunkRows {
  /** Each customer in the lines, once, with its last name. */
  readonly customers: readonly CustomerRow[]
  /** Those that no earlier chunk of the run has brought with this name. */
  readonly newCustomers: readonly CustomerRow[]
  readonly orders: readonly OrderRow[]
  readonly lines: readonly LineRow[]
  /** Each product in the lines, once, with its first name. */
  readonly products: readonly ProductRow[]
  /** Numbers of the first lines of runs of orders that have lines before them in the chunk. */
  readonly laterRuns?: readonly number[]
  /** The run that began before the chunk, if the chunk has lines of it. */
  readonly continued?: Run | undefined
  /** Orders with a bad line: none of their lines is imported. */
  readonly rejectedOrders: readonly OrderPlace[]
}

type Tables = Omit<ChunkRows, 'laterRuns' | 'continued'>

export type Chunk = { readonly [Name in keyof Tables]: PackedRows<Tables[Name][number]> } & {
  readonly laterRuns: readonly number[]
  readonly continued: Run | undefined
  readonly newCustomerCount: number
  readonly orderCount: number
  readonly lineCount: number
  readonly rejectedOrderCount: number
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

export function packChunk(rows: ChunkRows): Chunk {
  const { customers, newCustomers, orders, lines, products, rejectedOrders, laterRuns = [], continued } = rows
  return {
    customers: packCustomers(customers),
    newCustomers: packCustomers(newCustomers),
    orders: packOrders(orders),
    lines: packLines(lines),
    products: packRows({ sku: 'text', name: 'text' }, products),
    rejectedOrders: packPlaces(rejectedOrders),
    laterRuns,
    continued,
    newCustomerCount: newCustomers.length,
    orderCount: orders.length,
    lineCount: lines.length,
    rejectedOrderCount: rejectedOrders.length,
  }
}

/** An order with the number of one of its lines. */
export type OrderPlace = Pick<LineRow, 'reference' | 'line_number'>

export function packPlaces(places: readonly OrderPlace[]): PackedRows<OrderPlace> {
  return packRows({ reference: 'text', line_number: 'integer' }, places)
}

function packCustomers(customers: readonly CustomerRow[]): PackedRows<CustomerRow> {
  return packRows({ customer_id: 'text', name: 'text' }, customers)
}

export function packOrders(orders: readonly OrderRow[]): PackedRows<OrderRow> {
  return packRows(ORDER_COLUMNS, orders)
}

export function packLines(lines: readonly LineRow[]): PackedRows<LineRow> {
  return packRows(LINE_COLUMNS, lines)
}
