// One record -> one checked order line, or the column and the reason why it is none.

import type { Layout } from '../csv/header.js'
import {
  checkId,
  checkName,
  readCurrency,
  readOrderDate,
  readPrice,
  readQuantity,
  Unusable,
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

export interface Rejection {
  /** The order that the line costs, if it is known. */
  readonly reference: string | undefined
  /** Empty if the line as a whole is at fault. */
  readonly column: ColumnName | ''
  readonly reason: string
}

export class OrderLineReader {
  readonly #columns: ColumnPositions
  readonly #width: number

  /** @param width cells of a sound line */
  constructor(columns: ColumnPositions, width: number) {
    this.#columns = columns
    this.#width = width
  }

  /** @param suspect whether the line may hold control characters */
  read(cells: readonly string[], suspect: boolean): OrderLine | Rejection {
    const columns = this.#columns
    const cell = (column: ColumnName) => cells[columns[column]]?.trim() ?? ''
    const reference = cell('order_id')
    const reject = (column: ColumnName, { reason }: Unusable): Rejection => {
      return { reference: reference || undefined, column, reason: `${column} ${reason}` }
    }
    if (cells.length !== this.#width) {
      return { reference: reference || undefined, column: '', reason: wrongWidth(cells, this.#width) }
    }
    const badReference = checkId(reference, suspect)
    if (badReference) return reject('order_id', badReference)
    const customerId = cell('customer_id')
    const badCustomer = checkId(customerId, suspect)
    if (badCustomer) return reject('customer_id', badCustomer)
    const customerName = cell('customer_name')
    const badCustomerName = checkName(customerName, suspect)
    if (badCustomerName) return reject('customer_name', badCustomerName)
    const sku = cell('product_sku')
    const badSku = checkId(sku, suspect)
    if (badSku) return reject('product_sku', badSku)
    const productName = cell('product_name')
    const badProductName = checkName(productName, suspect)
    if (badProductName) return reject('product_name', badProductName)
    const quantity = readQuantity(cell('quantity'))
    if (quantity instanceof Unusable) return reject('quantity', quantity)
    const unitPrice = readPrice(cell('unit_price'))
    if (unitPrice instanceof Unusable) return reject('unit_price', unitPrice)
    const currency = readCurrency(cell('currency'))
    if (currency instanceof Unusable) return reject('currency', currency)
    const orderedAt = readOrderDate(cell('order_date'))
    if (orderedAt instanceof Unusable) return reject('order_date', orderedAt)
    const total = lineTotal(unitPrice, quantity, currency)
    if (total === undefined) {
      return reject('unit_price', new Unusable('times quantity is more than an order line may cost'))
    }
    return {
      reference,
      customerId,
      customerName: customerName || customerId,
      sku,
      productName: productName || sku,
      quantity,
      unitPrice,
      currency,
      orderedAt,
      total,
    }
  }
}
