// One record -> one checked order line, or the column and the reason why it is none.

import type { ColumnName, ColumnPositions } from '../csv/header.js'
import { readCurrency, readOrderDate, readPrice, readQuantity, Unusable } from '../csv/values.js'
import { type Currency, lineTotal } from '../domain/money.js'

/** A line of an order as the file has it, checked. */
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
  /** The order that the line costs, where that can be told. */
  readonly reference: string | undefined
  readonly column: ColumnName | ''
  readonly reason: string
}

const MAX_ID_LENGTH = 100
const MAX_NAME_LENGTH = 255

export class OrderLineReader {
  readonly #columns: ColumnPositions
  readonly #width: number

  /** @param width how many cells a line must have */
  constructor(columns: ColumnPositions, width: number) {
    this.#columns = columns
    this.#width = width
  }

  /** @param suspect whether the line may hold control characters, so that each cell is looked at */
  read(cells: readonly string[], suspect: boolean): OrderLine | Rejection {
    const columns = this.#columns
    const reference = cells[columns.order_id]?.trim() ?? ''
    const reject = (column: ColumnName | '', reason: string): Rejection => ({
      reference: reference === '' ? undefined : reference,
      column,
      reason: column === '' ? reason : `${column} ${reason}`,
    })
    if (cells.length !== this.#width) {
      return reject('', `the line has ${cells.length} values where the header names ${this.#width} columns`)
    }
    const customerId = cells[columns.customer_id]?.trim() ?? ''
    const customerName = cells[columns.customer_name]?.trim() ?? ''
    const sku = cells[columns.product_sku]?.trim() ?? ''
    const productName = cells[columns.product_name]?.trim() ?? ''

    const badText =
      unusableId('order_id', reference, suspect) ??
      unusableId('customer_id', customerId, suspect) ??
      unusableName('customer_name', customerName, suspect) ??
      unusableId('product_sku', sku, suspect) ??
      unusableName('product_name', productName, suspect)
    if (badText) return reject(...badText)

    const quantity = readQuantity(cells[columns.quantity]?.trim() ?? '')
    if (quantity instanceof Unusable) return reject('quantity', quantity.reason)
    const unitPrice = readPrice(cells[columns.unit_price]?.trim() ?? '')
    if (unitPrice instanceof Unusable) return reject('unit_price', unitPrice.reason)
    const currency = readCurrency(cells[columns.currency]?.trim() ?? '')
    if (currency instanceof Unusable) return reject('currency', currency.reason)
    const orderedAt = readOrderDate(cells[columns.order_date]?.trim() ?? '')
    if (orderedAt instanceof Unusable) return reject('order_date', orderedAt.reason)

    const total = lineTotal(unitPrice, quantity, currency)
    if (total === undefined) return reject('unit_price', 'times quantity is more than an order line may cost')

    return {
      reference,
      customerId,
      customerName: customerName === '' ? customerId : customerName,
      sku,
      productName: productName === '' ? sku : productName,
      quantity,
      unitPrice,
      currency,
      orderedAt,
      total,
    }
  }
}

function unusableId(column: ColumnName, text: string, suspect: boolean): [ColumnName, string] | undefined {
  if (text === '') return [column, 'is empty']
  if (text.length > MAX_ID_LENGTH) return tooLong(column, text, MAX_ID_LENGTH)
  return suspect ? holdsControl(column, text, '') : undefined
}

/** Names may be empty (the id stands in) and may hold line breaks and tabs. */
function unusableName(column: ColumnName, text: string, suspect: boolean): [ColumnName, string] | undefined {
  if (text.length > MAX_NAME_LENGTH) return tooLong(column, text, MAX_NAME_LENGTH)
  return suspect ? holdsControl(column, text, '\t\n\r') : undefined
}

function tooLong(column: ColumnName, text: string, longest: number): [ColumnName, string] {
  return [column, `has ${text.length} characters: ${longest} is the most`]
}

function holdsControl(column: ColumnName, text: string, allowed: string): [ColumnName, string] | undefined {
  for (const character of text) {
    const code = character.charCodeAt(0)
    if ((code < 0x20 || (code >= 0x7f && code < 0xa0)) && !allowed.includes(character)) {
      return [column, `holds a control character (U+${code.toString(16).toUpperCase().padStart(4, '0')})`]
    }
  }
  return undefined
}
