// Parses one line of a catalogue into a checked row, or returns the invalid columns and the reasons.
import type { Layout } from '../csv/header.js'
import { invalid } from '../csv/invalid.js'
import {
  type Fault,
  readCells,
  readCurrency,
  readId,
  readName,
  readPrice,
  readWhole,
  wrongWidth,
} from '../csv/values.js'
import type { Currency } from '../domain/money.js'
import { MAX_STOCK } from './products.js'

const COLUMNS = ['sku', 'name', 'price', 'currency', 'stock'] as const
export type CatalogueColumn = (typeof COLUMNS)[number]

export const CATALOGUE_FILE: Layout<CatalogueColumn> = { columns: COLUMNS, required: ['sku'] }

/** A checked row. Null means that the file has no value and the product keeps its own. */
export interface ProductRow {
  readonly line: number
  readonly sku: string
  readonly name: string | null
  /** Scaled by 10^PRICE_DECIMALS. */
  readonly unitPrice: number | null
  readonly currency: Currency | null
  /** New number of units on hand. */
  readonly stock: number | null
}

export interface RejectedRow extends Fault {
  readonly line: number
}

const READERS = {
  sku: (text: string) => readId(text),
  name: unlessEmpty(readName),
  price: unlessEmpty(readPrice),
  currency: unlessEmpty(readCurrency),
  stock: unlessEmpty(readStock),
}

const NOT_UTF8 = 'the line is not valid UTF-8; save the file as UTF-8 (in Excel: "CSV UTF-8")'

/** @param columns index of each column in the cells; -1 if it is missing */
export function readProductRow(
  cells: readonly string[],
  columns: Readonly<Record<CatalogueColumn, number>>,
  width: number,
  line: number,
): ProductRow | RejectedRow {
  if (cells.length !== width) return { line, column: '', reason: wrongWidth(cells, width) }
  // Invalid UTF-8 was decoded as U+FFFD.
  if (cells.some((cell) => cell.includes('\uFFFD'))) return { line, column: '', reason: NOT_UTF8 }
  const row = readCells(cells, columns, READERS, (value) => ({
    sku: value('sku'),
    name: value('name'),
    unitPrice: value('price'),
    currency: value('currency'),
    stock: value('stock'),
  }))
  return { line, ...row }
}

function unlessEmpty<Value>(read: (text: string) => Value): (text: string) => Value | null {
  return (text) => (text === '' ? null : read(text))
}

function readStock(text: string): number {
  const stock = readWhole(text) ?? invalid(`is "${text}", not a whole number of 0 or more`)
  return stock > MAX_STOCK ? invalid(`is ${text}; the maximum is ${MAX_STOCK}`) : stock
}
