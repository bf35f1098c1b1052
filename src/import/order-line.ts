// Parses one record into a checked order line, or returns the invalid column and the reason.
import type { Layout } from '../csv/header.js'
import {
  type Fault,
  invalid,
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
 * A checked line. The price is scaled by 10^PRICE_DECIMALS, the total in minor units. For the date, see readOrderDate.
 */
export type OrderLine = Omit<Schema['import_asides'], 'import_id' | 'line_number'> & { readonly total: number }

export interface Rejection extends Fault<ColumnName> {
  /** The order that is rejected with the line, if it is known. */
  readonly reference: string | undefined
}

/**
 * Reads one line.
 *
 * @param width number of cells in a valid line
 * @param suspect whether the line may contain control characters
 * @param readDate readOrderDate, or a stricter reader
 */
export function readOrderLine(
  cells: readonly string[],
  columns: ColumnPositions,
  width: number,
  suspect: boolean,
  readDate: (text: string) => string,
): OrderLine | Rejection {
  const reference = cells[columns.order_id]?.trim() || undefined
  if (cells.length !== width) return { reference, column: '', reason: wrongWidth(cells, width) }
  const id = (text: string) => readId(text, suspect)
  const name = (text: string) => readName(text, suspect)
  const line = readCells(cells, columns, (value): OrderLine => {
    const reference = value('order_id', id)
    const customer_id = value('customer_id', id)
    const customer_name = value('customer_name', name) || customer_id
    const sku = value('product_sku', id)
    const product_name = value('product_name', name) || sku
    const quantity = value('quantity', readQuantity)
    const unit_price = value('unit_price', readPrice)
    const currency = value('currency', readCurrency)
    const ordered_at = value('order_date', readDate)
    const tooMuch = 'times quantity exceeds the maximum line total'
    const total = value('unit_price', () => lineTotal(unit_price, quantity, currency) ?? invalid(tooMuch))
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
