// One line of a catalogue -> one checked row, or the column and the reason why it is none.

import type { Layout } from '../csv/header.js'
import {
  checkId,
  checkName,
  NOT_UTF8,
  readCurrency,
  readPrice,
  readWhole,
  Unusable,
  wrongWidth,
} from '../csv/values.js'
import type { Currency } from '../domain/money.js'
import { MAX_STOCK } from './products.js'

const COLUMNS = ['sku', 'name', 'price', 'currency', 'stock'] as const
export type CatalogueColumn = (typeof COLUMNS)[number]

export const CATALOGUE_FILE: Layout<CatalogueColumn> = { columns: COLUMNS, needed: ['sku'] }

/** Null if the file says nothing: the product keeps what it has. */
export interface ProductRow {
  readonly line: number
  readonly sku: string
  readonly name: string | null
  /** Scaled by 10^PRICE_DECIMALS. */
  readonly unitPrice: number | null
  readonly currency: Currency | null
  /** Units on hand afterwards. */
  readonly stock: number | null
}

export interface RejectedRow {
  readonly line: number
  /** Empty if the line as a whole is at fault. */
  readonly column: CatalogueColumn | ''
  readonly reason: string
}

/** @param columns where each column is among the cells, -1 if it is missing */
export function readProductRow(
  cells: readonly string[],
  columns: Readonly<Record<CatalogueColumn, number>>,
  width: number,
  line: number,
): ProductRow | RejectedRow {
  const reject = (column: CatalogueColumn, { reason }: Unusable) => ({ line, column, reason: `${column} ${reason}` })
  if (cells.length !== width) return { line, column: '', reason: wrongWidth(cells, width) }
  // Bytes that are not UTF-8 were read as U+FFFD.
  if (cells.some((cell) => cell.includes('\uFFFD'))) return { line, column: '', reason: NOT_UTF8 }
  const cell = (column: CatalogueColumn) => cells[columns[column]]?.trim() ?? ''
  const optional = <Value>(column: CatalogueColumn, read: (text: string) => Value | Unusable) =>
    cell(column) === '' ? null : read(cell(column))
  const sku = cell('sku')
  const badSku = checkId(sku)
  if (badSku) return reject('sku', badSku)
  const name = optional('name', (text) => checkName(text) ?? text)
  if (name instanceof Unusable) return reject('name', name)
  const unitPrice = optional('price', readPrice)
  if (unitPrice instanceof Unusable) return reject('price', unitPrice)
  const currency = optional('currency', readCurrency)
  if (currency instanceof Unusable) return reject('currency', currency)
  const stock = optional('stock', readStock)
  if (stock instanceof Unusable) return reject('stock', stock)
  return { line, sku, name, unitPrice, currency, stock }
}

function readStock(text: string): number | Unusable {
  const stock = readWhole(text)
  if (stock === undefined) return new Unusable(`is "${text}", not a whole number of 0 or more`)
  return stock > MAX_STOCK ? new Unusable(`is ${text}: more than ${MAX_STOCK}`) : stock
}
