// Any orders, written as any shop may write them, are read back the same. Where the file does not say how to read it,
// the import asks.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { unpackRows } from '../../src/database/packed-rows.js'
import type { Answers } from '../../src/import/mapping/mapping.js'
import {
  bytesOf,
  CUSTOMERS,
  customerNameOf,
  type DrawnTable,
  dateText,
  drawnTable,
  emailOf,
  expressible,
  numberText,
  referenceOf,
} from '../support/drawn-table.js'
import { type FileContent, importBytes } from '../support/import-bytes.js'

test('any orders in any dialect, with any names, numbers and dates, read back the same or ask', async () => {
  await fc.assert(
    fc.asyncProperty(drawnTable.map(expressible), fc.integer({ min: 1, max: 9 }), async (table, pieceBytes) => {
      const bytes = bytesOf(table)
      const unclear = unclearIn(table)
      let outcome = await importBytes(bytes, { pieceBytes, oneChunk: true })
      if (unclear.length > 0) {
        const flags = outcome.kind === 'asked' ? outcome.questions.map(({ flag }) => flag) : outcome
        expect(flags).toEqual(unclear)
        outcome = await importBytes(bytes, { answers: answersOf(table), pieceBytes, oneChunk: true })
      }
      if (outcome.kind !== 'read') throw new Error(`${outcome.kind}: ${JSON.stringify(outcome)}`)
      expect(ordersIn(outcome)).toEqual(ordersOf(table))
    }),
    { numRuns: 250 },
  )
})

/** The flags of what the texts of the table do not show. */
function unclearIn(table: DrawnTable): string[] {
  const { orders, currencyFormat, numberFormat } = table
  const lines = orders.flatMap(({ lines }) => lines)
  const amounts = lines.map(({ price }) => numberText(price, numberFormat.decimals, numberFormat))
  const quantities = lines.map(({ quantity }) => numberText(quantity * 10_000, 0, numberFormat))
  const marks = [...amounts, ...quantities].filter((text) => /[.,]/.test(text)).map(marksOf)
  const isMarkClear = marks.length === 0 || marks.some((possible) => possible.length === 1)
  return [
    ...(isMarkClear ? [] : ['--decimal']),
    ...(isDateClear(table) ? [] : ['--date-format']),
    ...(['$', 'none'].includes(currencyFormat) ? ['--currency'] : []),
  ]
}

/** The decimal marks with which a number makes sense. */
function marksOf(text: string): string[] {
  const grouped = (thousands: string, decimal: string) =>
    new RegExp(`^(\\d+|[1-9]\\d{0,2}([${thousands} \u00a0’])\\d{3}(\\2\\d{3})*)([${decimal}]\\d+)?$`).test(text)
  return [...(grouped(',', '.') ? ['point'] : []), ...(grouped('.', ',') ? ['comma'] : [])]
}

/** Whether only one order of day, month and year makes all dates real, or all orders give the same dates. */
function isDateClear({ orders, dateFormat }: DrawnTable): boolean {
  if (dateFormat.order === 'ymd' && !dateFormat.shortYear) return true
  let possible = ['dmy', 'mdy', 'ymd']
  let hasEvidence = false
  for (const { time } of orders) {
    const text = dateText(time, dateFormat)
    const readings = ['dmy', 'mdy', 'ymd'].flatMap((order) => {
      const date = readAs(text, order)
      return date ? [{ order, date }] : []
    })
    if (readings.length > 1 && new Set(readings.map(({ date }) => date)).size === 1) continue
    possible = possible.filter((order) => readings.some((reading) => reading.order === order))
    hasEvidence = true
  }
  return !hasEvidence || possible.length === 1
}

function readAs(text: string, order: string): string | undefined {
  const numbers = text.split(/[-/.]/)
  // A year of two digits stands first only in dates such as 25-03-14.
  if (order === 'ymd' && (text.includes('/') || numbers.some((number) => number.length !== 2))) return undefined
  const of = (part: string) => Number(numbers[order.indexOf(part)])
  const year = of('y') < 70 ? of('y') + 2000 : of('y') < 100 ? of('y') + 1900 : of('y')
  const date = new Date(Date.UTC(year, of('m') - 1, of('d')))
  const isReal = date.getUTCMonth() === of('m') - 1 && date.getUTCDate() === of('d')
  return isReal ? date.toISOString() : undefined
}

function answersOf({ currency, numberFormat, dateFormat }: DrawnTable): Answers {
  const decimal = numberFormat.mark === 'comma' ? 'comma' : 'point'
  const dateOrder = (['dmy', 'mdy', 'ymd'] as const).find((order) => order === dateFormat.order)
  return { currency, decimal, dateOrder }
}

function ordersOf(table: DrawnTable) {
  const { orders, columns, currency, dateFormat } = table
  return orders.map(({ customer, time, lines }, index) => ({
    reference: referenceOf(index),
    ...customerOf(customer, columns.customers),
    ordered_at: dateRead(time, dateFormat),
    currency,
    lines: lines.map(({ product: { sku, name }, quantity, price }) => ({
      sku: columns.products.includes('product_sku') ? sku : `name:${name.replace(/\s+/g, ' ')}`,
      name: columns.products.includes('product_name') ? name : sku,
      quantity,
      unit_price: columns.amount === 'unit_price' ? price : null,
      total: totalOf(price, columns.amount === 'unit_price' ? quantity : 1, currency),
    })),
  }))
}

function customerOf(customer: number, columns: DrawnTable['columns']['customers']) {
  const name = customerNameOf(customer)
  const known = {
    customer_key: CUSTOMERS[customer],
    customer_email: emailOf(customer),
    customer_name: name,
  }
  const [first] = columns
  const customer_id = first ? known[first]?.replace('\n', ' ') : 'guest'
  return {
    customer_id,
    customer_name: columns.includes('customer_name') ? name : customer_id === 'guest' ? 'Guest' : customer_id,
  }
}

function dateRead(time: Date, format: DrawnTable['dateFormat']): string {
  const { offset } = format
  if (format.time !== 'seconds' || offset === '') return time.toISOString().slice(0, 19)
  const [sign = '+', hours = '', minutes = ''] =
    offset === 'Z' ? ['+', '00', '00'] : (offset.match(/[+-]|\d{2}/g) ?? [])
  const east = (Number(hours) * 60 + Number(minutes)) * (sign === '+' ? 60_000 : -60_000)
  return `${new Date(time.getTime() - east).toISOString().slice(0, 19)}Z`
}

/** Minor units, rounded half up. */
function totalOf(price: number, quantity: number, currency: string): number {
  const divisor = currency === 'JPY' ? 10_000n : 100n
  return Number((2n * BigInt(price) * BigInt(quantity) + divisor) / (2n * divisor))
}

function ordersIn({ chunks, understood }: FileContent) {
  const [only] = chunks
  if (!only) throw new Error('no chunk')
  const { chunk, rejected, skippedCount } = only
  expect([rejected, skippedCount, understood.questions]).toEqual([[], 0, []])
  const customers = new Map(unpackRows(chunk.customers).map(({ customer_id, name }) => [customer_id, name]))
  const products = new Map(unpackRows(chunk.products).map(({ sku, name }) => [sku, name]))
  const lines = unpackRows(chunk.lines)
  return unpackRows(chunk.orders).map(({ reference, customer_id, ordered_at, currency }) => ({
    reference,
    customer_id,
    customer_name: customers.get(customer_id),
    ordered_at,
    currency,
    lines: lines
      .filter((line) => line.reference === reference)
      .map(({ sku, quantity, unit_price, total }) => ({ sku, name: products.get(sku), quantity, unit_price, total })),
  }))
}
