// One record -> one checked order line, or the column and the reason why it is none.

import type { Layout } from '../csv/header.js'
import {
  type Fault,
  readCells,
  readCurrency,
  readId,
  readName,
  readOrderDate,
  readPrice,
  readQuantity,
  unusable,
  wrongWidth,
} from '../csv/values.js'
import { type Currency, lineTotal } from '../domain/money.js'

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

export const ORDER_FILE: Layout<ColumnName> = { columns: COLUMNS, needed: COLUMNS }

/** Where each column is among the cells of a line. */
export type ColumnPositions = Readonly<Record<ColumnName, number>>

/** A checked line of an order. */
export interface OrderLine {
  readonly reference: string
  readonly customerId: string
  readonly customerName: string
  readonly sku: string
  readonly productName: string
  readonly quantity: number
  /** Scaled by 10^PRICE_DECIMALS. */
  readonly unitPrice: number
  readonly currency: Currency
  /** See readOrderDate. */
  readonly orderedAt: string
  /** Minor units of the currency. */
  readonly total: number
}

export interface Rejection extends Fault<ColumnName> {
  /** The order that the line costs, if it is known. */
  readonly reference: string | undefined
}

/**
 * @param width cells of a sound line
 * @param suspect whether the line may hold control characters
 */
export function readOrderLine(
  cells: readonly string[],
  columns: ColumnPositions,
  width: number,
  suspect: boolean,
): OrderLine | Rejection {
  const reference = cells[columns.order_id]?.trim() || undefined
  if (cells.length !== width) return { reference, column: '', reason: wrongWidth(cells, width) }
  const id = (text: string) => readId(text, suspect)
  const name = (text: string) => readName(text, suspect)
  const line = readCells(cells, columns, (value): OrderLine => {
    const reference = value('order_id', id)
    const customerId = value('customer_id', id)
    const customerName = value('customer_name', name) || customerId
    const sku = value('product_sku', id)
    const productName = value('product_name', name) || sku
    const quantity = value('quantity', readQuantity)
    const unitPrice = value('unit_price', readPrice)
    const currency = value('currency', readCurrency)
    const orderedAt = value('order_date', readOrderDate)
    const tooMuch = 'times quantity is more than an order line may cost'
    const total = value('unit_price', () => lineTotal(unitPrice, quantity, currency) ?? unusable(tooMuch))
    return { reference, customerId, customerName, sku, productName, quantity, unitPrice, currency, orderedAt, total }
  })
  return 'reason' in line ? { reference, ...line } : line
}
