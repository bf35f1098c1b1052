// What the order files say, worked out without any code of orderctl.
import { parse } from 'csv-parse/sync'
import type { OrderFile } from '../order-files.js'

export interface FileLine {
  readonly sku: string
  readonly quantity: bigint
  /** Minor units. */
  readonly total: bigint
}

/** One version of an order: two files may disagree. */
export interface FileOrder {
  readonly customer: string
  readonly name: string
  readonly currency: string
  readonly day: string
  readonly lines: readonly FileLine[]
  readonly total: bigint
  /** Equal texts are the same version. */
  readonly content: string
}

export interface FileContent {
  readonly source: string
  readonly rows: number
  readonly skipped: number
  /** Lines of orders with a wrong line. */
  readonly rejected: number
  /** The good orders by reference. */
  readonly orders: ReadonlyMap<string, FileOrder>
}

export const MINOR_DIGITS: Readonly<Record<string, number>> = { USD: 2, EUR: 2, JPY: 0, KWD: 3 }

type Cells = Readonly<Record<string, string>>

export function readOrderFile({ source, text }: OrderFile): FileContent {
  const rows: Cells[] = parse(text, { columns: true })
  const kept = rows.filter((row) => row['status'] !== 'void')
  const byReference = new Map<string, Cells[]>()
  for (const row of kept) {
    const reference = cell(row, 'order_id')
    byReference.set(reference, [...(byReference.get(reference) ?? []), row])
  }
  const good = [...byReference].filter(([, lines]) => lines.every((row) => /^\d+$/.test(cell(row, 'quantity'))))
  const orders = new Map(good.map(([reference, lines]) => [reference, orderOf(lines)]))
  const stored = good.reduce((sum, [, lines]) => sum + lines.length, 0)
  return { source, rows: rows.length, skipped: rows.length - kept.length, rejected: kept.length - stored, orders }
}

function cell(row: Cells, column: string): string {
  const text = row[column]
  if (text === undefined) throw new Error(`the file has no column ${column}`)
  return text
}

function orderOf(rows: readonly Cells[]): FileOrder {
  const [first] = rows
  if (!first) throw new Error('an order has no lines')
  const [customer, name, currency] = [cell(first, 'customer_id'), cell(first, 'customer_name'), cell(first, 'currency')]
  const day = cell(first, 'order_date').slice(0, 10)
  const lines = rows.map((row) => {
    const quantity = BigInt(cell(row, 'quantity'))
    return { sku: cell(row, 'product_sku'), quantity, total: totalOf(quantity, cell(row, 'unit_price'), currency) }
  })
  const total = lines.reduce((sum, line) => sum + line.total, 0n)
  return { customer, name, currency, day, lines, total, content: contentOf({ customer, currency, day, lines }) }
}

export function contentOf({ customer, currency, day, lines }: Omit<FileOrder, 'name' | 'total' | 'content'>): string {
  const sorted = lines.map(({ sku, quantity, total }) => `${sku}*${quantity}=${total}`).sort()
  return [customer, currency, day, ...sorted].join(' ')
}

/** Quantity times price, rounded half up to minor units. */
function totalOf(quantity: bigint, price: string, currency: string): bigint {
  const [whole = '', fraction = ''] = price.split('.')
  const digits = MINOR_DIGITS[currency]
  if (digits === undefined) throw new Error(`unexpected currency ${currency}`)
  const scaled = BigInt(whole + fraction) * quantity * 10n ** BigInt(digits)
  const divisor = 10n ** BigInt(fraction.length)
  return (2n * scaled + divisor) / (2n * divisor)
}
