// One line of a catalogue -> one checked row, or the column and the reason why it is none.

import { readCurrency, readPrice, readWhole, Unusable } from '../csv/values.js'
import type { Currency } from '../domain/money.js'
import { MAX_STOCK } from './products.js'

export const COLUMNS = ['sku', 'name', 'price', 'currency', 'stock'] as const
export type CatalogueColumn = (typeof COLUMNS)[number]

/** Where each column stands among a line's cells; -1 for one that the file lacks. */
export type ColumnPositions = ReadonlyMap<CatalogueColumn, number>

/** Null where the file says nothing, so that the product keeps what it has. */
export interface ProductRow {
  readonly line: number
  readonly sku: string
  readonly name: string | null
  /** Scaled by 10^PRICE_DECIMALS. */
  readonly unitPrice: number | null
  readonly currency: Currency | null
  /** Units that shall be on hand. */
  readonly stock: number | null
}

interface Rejection {
  readonly column: CatalogueColumn | ''
  readonly reason: string
}

const MAX_SKU_LENGTH = 100
const MAX_NAME_LENGTH = 255

export function readProductRow(
  cells: readonly string[],
  columns: ColumnPositions,
  line: number,
): ProductRow | Rejection {
  const reject = (column: CatalogueColumn, reason: string): Rejection => ({ column, reason: `${column} ${reason}` })
  // Bytes that are no UTF-8 were read as U+FFFD.
  if (cells.some((cell) => cell.includes('\uFFFD'))) {
    return { column: '', reason: 'the line is not UTF-8: save the file as UTF-8 (in Excel: "CSV UTF-8")' }
  }
  const cell = (column: CatalogueColumn) => cells[columns.get(column) ?? -1]?.trim() ?? ''
  const sku = cell('sku')
  const name = cell('name')
  if (sku === '') return reject('sku', 'is empty')
  const badSku = unusableText(sku, MAX_SKU_LENGTH)
  if (badSku) return reject('sku', badSku)
  const badName = unusableText(name.replace(/[\t\r\n]/g, ' '), MAX_NAME_LENGTH)
  if (badName) return reject('name', badName)
  const unitPrice = cell('price') === '' ? null : readPrice(cell('price'))
  if (unitPrice instanceof Unusable) return reject('price', unitPrice.reason)
  const currency = cell('currency') === '' ? null : readCurrency(cell('currency'))
  if (currency instanceof Unusable) return reject('currency', currency.reason)
  const stock = cell('stock') === '' ? null : readStock(cell('stock'))
  if (stock instanceof Unusable) return reject('stock', stock.reason)
  return { line, sku, name: name === '' ? null : name, unitPrice, currency, stock }
}

function readStock(text: string): number | Unusable {
  const stock = readWhole(text)
  if (stock === undefined) return new Unusable(`is "${text}", not a whole number of 0 or more`)
  return stock > MAX_STOCK ? new Unusable(`is ${text}: more than ${MAX_STOCK}`) : stock
}

function unusableText(text: string, longest: number): string | undefined {
  if (text.length > longest) return `has ${text.length} characters: ${longest} is the most`
  return /\p{Cc}/u.test(text) ? 'holds a control character' : undefined
}
