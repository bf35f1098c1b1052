// The same orders, however the file is written; and each value is read exactly, or rejected with its column and reason.

import { parse } from 'csv-parse/sync'
import { stringify } from 'csv-stringify/sync'
import { describe, expect } from 'vitest'
import { csv, HEADER, type LineDraft, line } from '../support/lines.js'
import { countsOf, fates, importJson, readRejects } from '../support/orders-file.js'
import { test } from '../support/shop.js'

const NAME = '"Smith, ""Ann"""'
const PLAIN = csv(
  line({ order: 'A-1', name: NAME }),
  line({ order: 'A-1', name: NAME, sku: 'S-2' }),
  line({ order: 'A-2', name: NAME, product: 'Größe L 😀' }),
)
const otherHeader = HEADER.toUpperCase().replace('ORDER_DATE', ' Order_Date ')
const reordered = parse(PLAIN.replace(HEADER, otherHeader)).map((cells: string[]) => [
  ...[cells[8], 'paid', ...cells.slice(1, 8), '', cells[0]],
])

const SHAPES: Readonly<Record<string, string>> = {
  plain: PLAIN,
  bom: `\uFEFF${PLAIN}`,
  crlf: PLAIN.replaceAll('\n', '\r\n'),
  mixed: PLAIN.replace('\n', '\r\n').replace(/\n$/, '\r\n'),
  cr: PLAIN.replaceAll('\n', '\r'),
  'no-final-newline': PLAIN.trimEnd(),
  blanks: `\n${PLAIN.replaceAll('\n', '\n\n  \n,,,,,,,,\n')}`,
  spaced: PLAIN.replaceAll(/(?<=^|,)(A-\d|C-1|S-\d|10\.00)(?=,)/gm, ' $1 ').replaceAll('USD', '"USD"'),
  reordered: stringify(reordered, { quoted: true }),
}

test('line endings, blanks, quotes and the order of columns make no difference', async ({ shop }) => {
  const storedOf = (source: string) => ({
    orders: shop.rows(
      `select reference, customers.customer_id, currency, total, ordered_at from orders
       join customers on customers.id = orders.customer_id where orders.source = ? order by reference`,
      source,
    ),
    lines: shop.rows(
      `select reference, product_id, quantity, unit_price, order_lines.total from order_lines
       join orders on orders.id = order_id where source = ? order by reference, line_number`,
      source,
    ),
  })
  for (const [source, text] of Object.entries(SHAPES)) {
    const { code, told } = await importJson(shop, shop.file(`${source}.csv`, text), '--source', source)
    // Three blank lines follow each of the four lines of the text.
    const rows = source === 'blanks' ? 15 : 3
    expect({ source, code, ...countsOf(told) }).toMatchObject({ source, code: 0, rows, orders: 2, imported: 3 })
    expect(told.skipped_reasons).toEqual(source === 'blanks' ? { blank: 12 } : {})
    expect(storedOf(source), source).toEqual(storedOf('plain'))
  }
  const piped = await shop.startWithInput(PLAIN, {}, 'import', '-', '--source', 'piped', '--json').ended
  expect(JSON.parse(piped.stdout)).toMatchObject({ file: '-', rows: 3, orders: 2, imported: 3 })
  expect(storedOf('piped')).toEqual(storedOf('plain'))
  expect(shop.rows('select distinct name from customers')).toEqual([{ name: 'Smith, "Ann"' }])
  expect(shop.rows('select name from products order by sku')).toEqual([{ name: 'Widget' }, { name: 'Widget' }])
})

test('a name may span lines; the lines after it keep their numbers', async ({ shop }) => {
  shop.file(
    'orders.csv',
    csv(line({ order: 'A-1', name: '"Ann\nMarie\r\nSmith"' }), line({ order: 'A-2', customer: 'C-2' })),
  )
  expect((await importJson(shop, 'orders.csv')).told).toMatchObject({ rows: 2, imported: 2 })
  expect(shop.value("select name from customers where customer_id = 'C-1'")).toBe('Ann\nMarie\r\nSmith')
  expect(shop.rows('select line_number from order_lines')).toEqual([{ line_number: 2 }, { line_number: 5 }])
})

/** The day so many days from now. */
const inDays = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10)

const IMPORTED: readonly LineDraft[] = [
  { name: '' },
  { name: 'Ann\tSmith' },
  { product: '' },
  { quantity: '1000000' },
  { quantity: '007' },
  { price: '1.0001' },
  { price: '0' },
  { date: '2024-02-29' },
  { date: '1970-01-01' },
  { date: inDays(364) },
  ...['XAF', 'XCD', 'XCG', 'XOF', 'XPF'].map((currency) => ({ currency })),
  { customer: 'i'.repeat(100) },
]

const LATE = inDays(367)

const NO_PRICE = 'not a number with a decimal point such as 12.50'
const NO_DATE = 'expected YYYY-MM-DD or YYYY-MM-DD HH:MM:SS'

const REJECTED: readonly (readonly [draft: LineDraft, reason: string])[] = [
  [{ order: '' }, 'order_id is empty'],
  [{ customer: ' ' }, 'customer_id is empty'],
  [{ sku: '', product: '' }, 'product_sku is empty'],
  [{ quantity: '' }, 'quantity is empty'],
  [{ quantity: 0 }, 'quantity is 0; it must be 1 or more'],
  [{ quantity: '1e3' }, 'quantity is "1e3", not a whole number'],
  [{ quantity: '1000001' }, 'quantity is 1000001; the maximum is 1000000'],
  [{ price: '' }, 'unit_price is empty'],
  [{ price: '-1' }, 'unit_price is -1; it must not be negative'],
  [{ price: 'NaN' }, `unit_price is "NaN", ${NO_PRICE}`],
  [{ price: '1.00001' }, 'unit_price is 1.00001; at most 4 decimals are allowed'],
  [{ price: '1000000001' }, 'unit_price is 1000000001; the maximum is 1000000000'],
  [{ price: '1000000000', quantity: 1000000 }, 'unit_price times quantity exceeds the maximum line total'],
  [{ currency: '' }, 'unit_price names no currency; set it with --currency'],
  [{ currency: 'XYZ' }, 'currency is "XYZ", not an ISO 4217 currency code such as USD'],
  [{ currency: 'xau' }, 'currency is "xau", a code for a metal, a fund or a test: it cannot be charged'],
  [{ currency: 'XTS' }, 'currency is "XTS", a code for a metal, a fund or a test: it cannot be charged'],
  [{ currency: 'XXX' }, 'currency is "XXX", a code for a metal, a fund or a test: it cannot be charged'],
  [{ date: '' }, 'order_date is empty'],
  [{ date: 'today' }, `order_date is "today"; ${NO_DATE}`],
  [{ date: '2025-02-29' }, 'order_date is "2025-02-29", not a valid date'],
  [{ date: '2025-01-15 25:00:00' }, 'order_date is "2025-01-15 25:00:00", not a valid time'],
  [{ date: '2025-01-15 10:00:00 +15:00' }, 'order_date is "2025-01-15 10:00:00 +15:00", not a valid UTC offset'],
  [{ date: '9999-12-31T23:00:00-05:00' }, 'order_date is "9999-12-31T23:00:00-05:00", not a valid date'],
  [{ date: '1969-12-31' }, 'order_date is "1969-12-31", before 1970; import it with --any-date if it is right'],
  [{ date: LATE }, `order_date is "${LATE}", more than a year ahead; import it with --any-date if it is right`],
  [{ customer: 'i'.repeat(101) }, 'customer_id has 101 characters; the maximum is 100'],
  [{ sku: 'i'.repeat(101) }, 'product_sku has 101 characters; the maximum is 100'],
  [{ name: 'n'.repeat(256) }, 'customer_name has 256 characters; the maximum is 255'],
  [{ order: 'A-1\x07' }, 'order_id contains a control character (U+0007)'],
  [{ customer: 'C\x1b[31m' }, 'customer_id contains a control character (U+001B)'],
  [{ sku: 'S\x7f1' }, 'product_sku contains a control character (U+007F)'],
  [{ name: 'Ann\x08' }, 'customer_name contains a control character (U+0008)'],
  [{ product: 'Wid\u0085get' }, 'product_name contains a control character (U+0085)'],
]

describe.concurrent('values', () => {
  test('are imported, or rejected with their column and the reason', async ({ shop }) => {
    const expected: Record<string, string> = {}
    const lines = [...IMPORTED.map((draft) => [draft, ''] as const), ...REJECTED].map(([draft, reason], index) => {
      const order = draft.order ?? `A-${index}`
      expected[order] = reason === '' ? 'imported' : `${reason.split(' ')[0]}: ${reason}`
      return line({ order, customer: `C-${index}`, ...draft })
    })
    expect(await fates(shop, csv(...lines))).toEqual(expected)
    expect(shop.rows("select name from customers where customer_id = 'C-0'")).toEqual([{ name: 'C-0' }])
    expect(shop.value("select quantity from order_lines join orders on id = order_id where reference = 'A-4'")).toBe(7)
  })

  test('of any date are imported with --any-date', async ({ shop }) => {
    shop.file('orders.csv', csv(line({ order: 'A-1', date: '1969-12-31' }), line({ order: 'A-2', date: LATE })))
    const { told } = await importJson(shop, 'orders.csv')
    expect(told).toMatchObject({ imported: 0, rejected: 2 })
    const { code } = await importJson(shop, 'orders.csv', '--any-date')
    expect(code).toBe(0)
    expect(shop.rows('select business_day from orders order by id')).toEqual([
      { business_day: '1969-12-31' },
      { business_day: LATE },
    ])
  })

  test.for(['A\x7f', 'A\u0085', 'A\r1'])(
    'with the only control character in their file are rejected: %j',
    async (id, { shop }) => {
      shop.file('one.csv', csv(line({ order: 'A-0' }), line({ order: id })))
      expect((await importJson(shop, 'one.csv')).told).toMatchObject({ imported: 1, rejected: 1 })
    },
  )

  test('of time are read with their offset from UTC, and fall on a day of the business time zone', async ({ shop }) => {
    const dates = [
      ['2025-01-15T00:30:00+02:00', '2025-01-14T22:30:00Z', '2025-01-14'],
      ['2025-01-15 23:30:00-0500', '2025-01-16T04:30:00Z', '2025-01-16'],
      ['2025-01-15T23:30Z', '2025-01-15T23:30:00Z', '2025-01-16'],
      ['2025-01-15T23:30:00.250', '2025-01-15T23:30:00', '2025-01-15'],
    ] as const
    shop.file('orders.csv', csv(...dates.map(([date], index) => line({ order: `A-${index}`, date }))))
    await shop.runWith({ ORDERCTL_TIME_ZONE: 'Europe/Berlin' }, 'import', 'orders.csv')
    const read = shop.sqlite.prepare('select ordered_at, business_day from orders order by id').raw().all()
    expect(read).toEqual(dates.map(([, ordered_at, business_day]) => [ordered_at, business_day]))
  })

  test.for(['Created (UTC)', 'created_at_gmt', 'createdAtUTC'])(
    'of a column that is in UTC by its name are read in UTC, but a day without a time stays that day: %s',
    async (name, { shop }) => {
      const file = (price: string) =>
        [
          `order_id,product_sku,quantity,unit_price,currency,${name}`,
          `A-1,S-1,1,${price},EUR,2025-03-31 23:30:00`,
          `A-2,S-1,1,${price},EUR,2025-03-31T23:30:00+02:00`,
          `A-3,S-1,1,${price},EUR,31 March 2025 10:30 pm`,
          `A-4,S-1,1,${price},EUR,2025-03-31`,
          `A-5,S-1,1,${price},EUR,20250331T233000`,
        ].join('\n')
      const days = () => shop.sqlite.prepare('select ordered_at, business_day from orders order by id').raw().all()
      shop.file('orders.csv', file('1.00'))
      shop.file('map.json', JSON.stringify({ columns: columnsWith(name) }))
      const environment = { ORDERCTL_TIME_ZONE: 'America/New_York' }
      const flags = ['--map', 'map.json']
      await shop.runWith(environment, 'import', 'orders.csv', ...flags)
      const expected = [
        ['2025-03-31T23:30:00Z', '2025-03-31'],
        ['2025-03-31T21:30:00Z', '2025-03-31'],
        ['2025-03-31T22:30:00Z', '2025-03-31'],
        ['2025-03-31T00:00:00', '2025-03-31'],
        ['2025-03-31T23:30:00Z', '2025-03-31'],
      ]
      expect(days()).toEqual(expected)
      // The rejects file has the same dates.
      shop.file('orders.csv', file('2.00'))
      const { result } = await shop.jsonWith(environment, 'import', 'orders.csv', ...flags)
      const { rejects_file } = result as { rejects_file: string }
      expect(readRejects(rejects_file)).toHaveLength(5)
      const updated = await shop.jsonWith(environment, 'import', rejects_file, ...flags, '--update')
      expect(updated).toMatchObject({ result: { updated: 5 } })
      expect(days()).toEqual(expected)
    },
  )

  test('of time in a column of their own are left out, with a note, if most cannot be read', async ({ shop }) => {
    const file = (...times: readonly string[]) =>
      ['Order;SKU;Qty;Price;Currency;Date;Time']
        .concat(times.map((time, order) => `${order};S-1;1;3.00;EUR;14.03.2025;${time}`))
        .join('\n')
    const dates = () => shop.sqlite.prepare('select ordered_at from orders order by id').pluck().all()
    shop.file('orders.csv', file('08.30', '09h15', '10:00'))
    const { code, stderr } = await shop.run('import', 'orders.csv')
    expect({ code, dates: dates() }).toEqual({ code: 0, dates: Array(3).fill('2025-03-14T00:00:00') })
    expect(stderr).toContain(
      'columns by name, UTF-8, semicolon, day first, without the times of Time, EUR, 2025-03-14\n',
    )
    // A wrong time costs its own line only.
    shop.file('read.csv', file('08:30', '25:00', '10:00 pm'))
    const { told } = await importJson(shop, 'read.csv', '--source', 'read')
    expect(told).toMatchObject({ imported: 2, rejected: 1 })
    expect(dates().slice(3)).toEqual(['2025-03-14T08:30:00', '2025-03-14T22:00:00'])
  })

  test('of "Created (UTC)" fall on a day of the business time zone', async ({ shop }) => {
    shop.file('orders.csv', 'Order,SKU,Qty,Price,Currency,Created (UTC)\n1,S-1,1,3.00,EUR,2025-03-31 23:30:00\n')
    await shop.runWith({ ORDERCTL_TIME_ZONE: 'Europe/Berlin' }, 'import', 'orders.csv')
    expect(shop.rows('select ordered_at, business_day from orders')).toEqual([
      { ordered_at: '2025-03-31T23:30:00Z', business_day: '2025-04-01' },
    ])
  })
})

const columnsWith = (date: string) => ({
  ...{ order_id: ['order_id'], product_sku: ['product_sku'], quantity: ['quantity'] },
  ...{ unit_price: ['unit_price'], currency: ['currency'], order_date: [date] },
})

test('asks for the year of dates such as 25-Mar-31, and reads it first with --date-format ymd', async ({ shop }) => {
  shop.file('orders.csv', csv(line({ order: 'A', date: '25-Mar-14' }), line({ order: 'B', date: '25-Mar-31' })))
  const asked = await shop.run('import', 'orders.csv')
  expect(asked.code).toBe(2)
  expect(asked.stderr.replace(/\s+/g, ' ')).toContain('can be day first or year first: line 3 has 25-Mar-31')
  const { told } = await importJson(shop, 'orders.csv', '--date-format', 'ymd')
  expect(told).toMatchObject({ imported: 2, rejected: 0 })
  expect(shop.rows('select business_day from orders')).toEqual([
    { business_day: '2025-03-14' },
    { business_day: '2025-03-31' },
  ])
})

// ISO 4217 gives the forint two decimals.
test.for([
  ['Price Ft', 'HUF'],
  ['price_ft', 'HUF'],
  ['Price (ft)', 'HUF'],
  ['Price Kč', 'CZK'],
] as const)('a price named %s is in %s, with and without a column for it', async ([name, currency], { shop }) => {
  const head = `Order,Customer,SKU,Qty,${name},Date`
  const row = (order: string, more = '') => `${order},C-1,A,1,500,2025-03-14${more}`
  shop.file('without.csv', `${head}\n${row('1')}\n`)
  shop.file('with.csv', `${head},Currency\n${row('2', `,${currency}`)}\n${row('3', ',USD')}\n`)
  expect((await importJson(shop, 'without.csv')).told).toMatchObject({ imported: 1 })
  expect((await importJson(shop, 'with.csv')).told).toMatchObject({ imported: 1, rejected: 1 })
  expect(shop.rows('select currency, total from orders')).toEqual(Array(2).fill({ currency, total: 50_000 }))
})
