// Orders, and the ways in which shops write them: dialect, names of columns, numbers, currencies and dates.
import { gzipSync } from 'node:zlib'
import { stringify } from 'csv-stringify/sync'
import fc from 'fast-check'
import iconv from 'iconv-lite'
import { type Meaning, SYNONYMS } from '../../src/import/mapping/synonyms.js'

export const CUSTOMERS = ['C-1', 'C-2', '1003']
const CUSTOMER_NAMES = ['Zoë Müller', 'Ann, of "Tea"', 'José\nPeña']
const PRODUCTS = [
  { sku: 'S-1', name: 'Widget' },
  { sku: '00017', name: 'Käse; jung | alt' },
  { sku: 'É 3', name: 'Mug "XL",\tblue' },
  { sku: 'B-9', name: 'Two\nlines' },
]

const line = fc.record({
  product: fc.constantFrom(...PRODUCTS),
  quantity: fc.oneof({ weight: 4, arbitrary: fc.integer({ min: 1, max: 9 }) }, fc.integer({ min: 1, max: 20_000 })),
  /** In ten-thousandths: the price of a unit, or the total of the line. */
  price: fc.oneof(
    fc.integer({ min: 0, max: 50_000 }).map((cents) => cents * 100),
    fc.integer({ min: 0, max: 20_000_000 }).map((tenths) => tenths * 10),
    fc.integer({ min: 0, max: 5_000 }).map((units) => units * 10_000),
    fc.nat({ max: 99_999_999 }),
  ),
})
/** Local time, as if it were UTC. Half of the days have another date with day and month exchanged. */
const time = fc
  .tuple(fc.date({ min: new Date('2020-01-01'), max: new Date('2025-12-31'), noInvalidDate: true }), fc.boolean())
  .map(([date, isEarly]) => {
    const at = new Date(Math.floor(date.getTime() / 1000) * 1000)
    if (isEarly) at.setUTCDate(1 + (at.getUTCDate() % 12))
    return at
  })
const order = fc.record({
  customer: fc.nat({ max: CUSTOMERS.length - 1 }),
  time,
  lines: fc.array(line, { minLength: 1, maxLength: 3 }),
})

const dateFormat = fc.record({
  order: fc.constantFrom('dmy', 'mdy', 'ymd'),
  separator: fc.constantFrom('/', '-', '.'),
  shortYear: fc.boolean(),
  padded: fc.boolean(),
  time: fc.constantFrom('none', 'minutes', 'seconds', '12 hours', 'column'),
  offset: fc.constantFrom('', '', 'Z', '+02:00', '-0530'),
})
const numberFormat = fc.record({
  mark: fc.constantFrom('point', 'comma'),
  thousands: fc.constantFrom('', '', 'other', ' ', '\u00a0', '’'),
  decimals: fc.constantFrom(0, 2, 2, 3),
})
/** Where the currency is: `sign` names one, `$` none. */
const currencyFormat = fc.constantFrom('column', 'sign', 'code', 'header', '$', 'none')

const style = fc.constantFrom('lower', 'UPPER', 'Title', 'snake', 'kebab', 'camel')
const nameOf = (meaning: Meaning) => {
  const names = SYNONYMS[meaning].split(',').map((name) => name.trim())
  return fc
    .record({ name: fc.constantFrom(...names), style, plain: fc.boolean() })
    .map(({ name, style, plain }) => styled(plain ? name.normalize('NFD').replace(/\p{M}/gu, '') : name, style))
}

const capital = (word: string) => word.slice(0, 1).toUpperCase() + word.slice(1)

function styled(name: string, style: string): string {
  const words = name.split(/[ _]/)
  const [first = '', ...others] = words
  switch (style) {
    case 'UPPER':
      return name.toUpperCase()
    case 'Title':
      return words.map(capital).join(' ')
    case 'snake':
      return words.join('_')
    case 'kebab':
      return words.join('-')
    case 'camel':
      // As programs write names, which have letters only.
      return /^[a-z ]+$/.test(name) ? [first, ...others.map(capital)].join('') : name
    default:
      return name
  }
}

const COLUMNS = [
  ...['order_id', 'customer_key', 'customer_email', 'customer_name', 'product_sku', 'product_name', 'quantity'],
  ...['unit_price', 'line_total', 'currency', 'order_date', 'time', 'status'],
] as const satisfies readonly Meaning[]
const names = fc.record(
  Object.fromEntries(COLUMNS.map((meaning) => [meaning, nameOf(meaning)])) as Record<Column, fc.Arbitrary<string>>,
)
type Column = (typeof COLUMNS)[number]

export const drawnTable = fc.record({
  orders: fc.array(order, { minLength: 1, maxLength: 4 }),
  names,
  columns: fc.record({
    customers: fc.subarray(['customer_key', 'customer_email', 'customer_name'] as const),
    products: fc.subarray(['product_sku', 'product_name'] as const, { minLength: 1 }),
    amount: fc.constantFrom('unit_price', 'line_total'),
    status: fc.boolean(),
    extra: fc.subarray(['cost price', 'customer note', 'Weight (kg)', 'unit price cents', 'Tracking']),
    sortBy: fc.array(fc.nat(), { minLength: 20, maxLength: 20 }),
  }),
  currency: fc.constantFrom<'EUR' | 'GBP' | 'JPY' | 'USD'>('EUR', 'GBP', 'JPY'),
  currencyFormat,
  numberFormat,
  dateFormat,
  /** Lines after the first of an order leave the fields of the order blank. */
  continued: fc.boolean(),
  dialect: fc.record({
    delimiter: fc.constantFrom(',', ';', '\t', '|'),
    lineEnding: fc.constantFrom('\n', '\r\n', '\r'),
    quoteAll: fc.boolean(),
    lastLineEnds: fc.boolean(),
    preamble: fc.constantFrom('', '', 'sep', 'Orders of the shop'),
  }),
  encoding: fc.constantFrom('utf-8', 'utf-8', 'utf-8 mark', 'utf-16le', 'utf-16be', 'windows-1252'),
  gzip: fc.boolean(),
})
export type DrawnTable = typeof drawnTable extends fc.Arbitrary<infer Table> ? Table : never
type DrawnOrder = DrawnTable['orders'][number]
type DrawnLine = DrawnOrder['lines'][number]

export const referenceOf = (index: number) => `#${1001 + index}`

/**
 * The table without what its format cannot express: smaller units of time, more decimals. Dates that start with a year
 * of two digits are written as in `25-03-14` or `25.03.14`.
 */
export function expressible(table: DrawnTable): DrawnTable {
  const { dateFormat, numberFormat } = table
  const unit = dateFormat.time === 'none' ? 86_400_000 : dateFormat.time === 'seconds' ? 1000 : 60_000
  const step = 10 ** (4 - numberFormat.decimals)
  const isShort = dateFormat.order === 'ymd' && dateFormat.shortYear
  const separator = isShort && dateFormat.separator === '/' ? '-' : dateFormat.separator
  return {
    ...table,
    currency: table.currencyFormat === '$' ? 'USD' : table.currency,
    dateFormat: { ...dateFormat, separator, padded: isShort || dateFormat.padded },
    orders: table.orders.map(({ time, lines, ...order }) => ({
      ...order,
      time: new Date(Math.floor(time.getTime() / unit) * unit),
      lines: lines.map((line) => ({ ...line, price: Math.floor(line.price / step) * step })),
    })),
  }
}

export function numberText(scaled: number, decimals: number, { mark, thousands }: DrawnTable['numberFormat']): string {
  const digits = String(scaled).padStart(5, '0')
  const [point, other] = mark === 'point' ? ['.', ','] : [',', '.']
  const whole = digits.slice(0, -4).replace(/\B(?=(\d{3})+$)/g, thousands === 'other' ? other : thousands)
  return decimals === 0 ? whole : `${whole}${point}${digits.slice(-4).slice(0, decimals)}`
}

export function dateText(time: Date, { order, separator, shortYear, padded }: DrawnTable['dateFormat']): string {
  const pad = (number: number) => String(number).padStart(padded ? 2 : 1, '0')
  const year = String(time.getUTCFullYear()).slice(shortYear ? 2 : 0)
  const parts: Record<string, string> = { y: year, m: pad(time.getUTCMonth() + 1), d: pad(time.getUTCDate()) }
  return [...order].map((part) => parts[part]).join(separator)
}

function timeText(time: Date, { time: format, offset }: DrawnTable['dateFormat']): string {
  const [hour, minute, second] = [time.getUTCHours(), time.getUTCMinutes(), time.getUTCSeconds()].map((number) =>
    String(number).padStart(2, '0'),
  )
  switch (format) {
    case 'none':
      return ''
    case 'seconds':
      return `${hour}:${minute}:${second}${offset}`
    case '12 hours':
      return `${Number(hour) % 12 || 12}:${minute} ${Number(hour) < 12 ? 'AM' : 'PM'}`
    default:
      return `${hour}:${minute}`
  }
}

const SIGNS: Readonly<Record<string, string>> = { EUR: '€', GBP: '£', JPY: 'JP¥' }

function amountText(price: number, { currency, currencyFormat, numberFormat }: DrawnTable): string {
  const number = numberText(price, numberFormat.decimals, numberFormat)
  if (currencyFormat === '$') return `$${number}`
  if (currencyFormat === 'code') return `${number} ${currency}`
  return currencyFormat === 'sign' ? `${SIGNS[currency]}${number}` : number
}

function cellOf(column: string, table: DrawnTable, index: number, order: DrawnOrder, line: DrawnLine): string {
  const isContinued = table.continued && order.lines.indexOf(line) > 0
  const { dateFormat } = table
  const ofOrder = (text: string) => (isContinued ? '' : text)
  switch (column) {
    case 'order_id':
      return referenceOf(index)
    case 'customer_key':
      return ofOrder(CUSTOMERS[order.customer] ?? '')
    case 'customer_email':
      return ofOrder(emailOf(order.customer))
    case 'customer_name':
      return ofOrder(CUSTOMER_NAMES[order.customer] ?? '')
    case 'product_sku':
      return line.product.sku
    case 'product_name':
      return line.product.name
    case 'quantity':
      return numberText(line.quantity * 10_000, 0, table.numberFormat)
    case 'unit_price':
    case 'line_total':
      return amountText(line.price, table)
    case 'currency':
      return ofOrder(table.currency)
    case 'order_date': {
      const separate = dateFormat.time === 'column' ? '' : timeText(order.time, dateFormat)
      return ofOrder(`${dateText(order.time, dateFormat)} ${separate}`.trim())
    }
    case 'time':
      return ofOrder(timeText(order.time, dateFormat))
    case 'status':
      return 'shipped'
    default:
      return '7'
  }
}

export const emailOf = (customer: number) => `${customer}@example.com`
export const customerNameOf = (customer: number) => CUSTOMER_NAMES[customer] ?? ''

function columnsOf({ columns, currencyFormat, dateFormat }: DrawnTable): string[] {
  const { customers, products, amount, status, extra, sortBy } = columns
  const all: string[] = ['order_id', ...customers, ...products, 'quantity', amount, 'order_date', ...extra]
  if (currencyFormat === 'column') all.push('currency')
  if (dateFormat.time === 'column') all.push('time')
  if (status) all.push('status')
  const place = new Map(all.map((column, at) => [column, sortBy[at] ?? 0]))
  return all.sort((one, other) => (place.get(one) ?? 0) - (place.get(other) ?? 0))
}

export function bytesOf(table: DrawnTable): Buffer {
  const columns = columnsOf(table)
  const known: Readonly<Record<string, string>> = table.names
  const header = columns.map((column) => {
    const isPriced = table.currencyFormat === 'header' && column === table.columns.amount
    return `${known[column] ?? column}${isPriced ? ` (${table.currency})` : ''}`
  })
  const rows = table.orders.flatMap((order, index) =>
    order.lines.map((line) => columns.map((column) => cellOf(column, table, index, order, line))),
  )
  const { delimiter, lineEnding, quoteAll, lastLineEnds, preamble } = table.dialect
  const text = stringify([header, ...rows], {
    delimiter,
    record_delimiter: lineEnding,
    quoted: quoteAll,
    quoted_match: /[\r\n]/,
    eof: lastLineEnds,
  })
  const before = preamble === '' ? '' : `${preamble === 'sep' ? `sep=${delimiter}` : preamble}${lineEnding}`
  const [encoding = '', mark] = table.encoding.split(' ')
  const bytes = iconv.encode(before + text, encoding, { addBOM: mark !== undefined || encoding.startsWith('utf-16') })
  return table.gzip ? gzipSync(bytes) : bytes
}
