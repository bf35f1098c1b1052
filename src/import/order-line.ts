// Parses one record into a checked order line, or returns the invalid columns and the reasons.
import type { Layout } from '../csv/header.js'
import {
  type Fault,
  readCells,
  readCurrency,
  readId,
  readName,
  readPrice,
  readQuantity,
  wrongWidth,
} from '../csv/values.js'
import type { Schema } from '../database/schema.js'
import { lineTotal } from '../domain/money.js'

export const COLUMNS = [
  'order_id',
  'customer_id',
  'customer_name',
  'product_sku',
  'product_name',
  'quantity',
  'unit_price',
  'currency',
  'order_date',
] as const
export type ColumnName = (typeof COLUMNS)[number]

export const ORDER_FILE: Layout<ColumnName> = { columns: COLUMNS, required: COLUMNS }

/** Index of each column in the cells of a line. */
export type ColumnPositions = Readonly<Record<ColumnName, number>>

/**
 * A checked line. The price is scaled by 10^PRICE_DECIMALS, the total in minor units. For the date, see readDate.
 */
export type OrderLine = Omit<Schema['import_asides'], 'import_id' | 'line_number'> & { readonly total: number }

export interface Rejection extends Fault {
  /** The order that is rejected with the line, if it is known. */
  readonly reference: string | undefined
}

/** A reader for each column. */
export type LineReaders = ReturnType<typeof lineReaders>

/**
 * @param suspect whether the lines may contain control characters
 * @param readDate the reader of `order_date`
 */
export function lineReaders(suspect: boolean, readDate: (text: string) => string) {
  const id = (text: string) => readId(text, suspect)
  const name = (text: string) => readName(text, suspect)
  return {
    order_id: id,
    customer_id: id,
    customer_name: name,
    product_sku: id,
    product_name: name,
    quantity: readQuantity,
    unit_price: readPrice,
    currency: readCurrency,
    order_date: readDate,
  } satisfies Record<ColumnName, unknown>
}

const TOO_MUCH: Fault = { column: 'unit_price', reason: 'unit_price times quantity exceeds the maximum line total' }

/**
 * Reads one line.
 *
 * @param width number of cells in a valid line
 */
export function readOrderLine(
  cells: readonly string[],
  columns: ColumnPositions,
  width: number,
  readers: LineReaders,
): OrderLine | Rejection {
  const reference = cells[columns.order_id]?.trim() || undefined
  if (cells.length !== width) return { reference, column: '', reason: wrongWidth(cells, width) }
  const line = readCells(cells, columns, readers, (value): OrderLine | Fault => {
    const reference = value('order_id')
    const customer_id = value('customer_id')
    const customer_name = value('customer_name') || customer_id
    const sku = value('product_sku')
    const product_name = value('product_name') || sku
    const quantity = value('quantity')
    const unit_price = value('unit_price')
    const currency = value('currency')
    const ordered_at = value('order_date')
    const total = lineTotal(unit_price, quantity, currency)
    if (total === undefined) return TOO_MUCH
    return {
      reference,
      customer_id,
      customer_name,
      sku,
      product_name,
      quantity,
      unit_price,
      currency,
      ordered_at,
      total,
    }
  })
  return 'reason' in line ? { reference, ...line } : line
}
