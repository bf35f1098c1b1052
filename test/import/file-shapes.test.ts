// The same orders, however the file is written.

import { parse } from 'csv-parse/sync'
import { stringify } from 'csv-stringify/sync'
import { expect } from 'vitest'
import { csv, HEADER, line } from '../support/lines.js'
import { countsOf, importJson } from '../support/orders-file.js'
import { test } from '../support/shop.js'

const NAME = '"Smith, ""Ann"""'
const PLAIN = csv(
  line({ order: 'A-1', name: NAME }),
  line({ order: 'A-1', name: NAME, sku: 'S-2' }),
  line({ order: 'A-2', product: 'Größe L 😀' }),
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
      'select reference, customer_id, currency, total, ordered_at from orders where source = ? order by reference',
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
    expect({ source, code, ...countsOf(told) }).toMatchObject({ source, code: 0, rows: 3, orders: 2, imported: 3 })
    expect(storedOf(source), source).toEqual(storedOf('plain'))
  }
  const piped = await shop.startWithInput(PLAIN, {}, 'import', '-', '--source', 'piped', '--json').ended
  expect(JSON.parse(piped.stdout)).toMatchObject({ file: '-', rows: 3, orders: 2, imported: 3 })
  expect(storedOf('piped')).toEqual(storedOf('plain'))
  expect(shop.rows('select name from customers')).toEqual([{ name: 'Smith, "Ann"' }])
  expect(shop.rows('select name from products order by sku')).toEqual([{ name: 'Widget' }, { name: 'Widget' }])
})

test('a name may span lines; the lines after it keep their numbers', async ({ shop }) => {
  shop.file('orders.csv', csv(line({ order: 'A-1', name: '"Ann\nMarie\r\nSmith"' }), line({ order: 'A-2' })))
  expect((await importJson(shop, 'orders.csv')).told).toMatchObject({ rows: 2, imported: 2 })
  expect(shop.value('select name from customers')).toBe('Ann\nMarie\r\nSmith')
  expect(shop.rows('select line_number from order_lines')).toEqual([{ line_number: 2 }, { line_number: 5 }])
})
