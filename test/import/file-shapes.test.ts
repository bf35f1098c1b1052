// However a file is written, the same orders come of it.

import { expect } from 'vitest'
import { csv, HEADER, line } from '../support/lines.js'
import { countsOf, importJson } from '../support/orders-file.js'
import { test } from '../support/shop.js'

test('however the file is written, the same orders come of it', async ({ shop }) => {
  const name = '"Smith, ""Ann"""'
  const rows = [
    line({ order: 'A-1', name }),
    line({ order: 'A-1', name, sku: 'S-2' }),
    line({ order: 'A-2', product: 'Größe L 😀' }),
  ]
  const plain = csv(...rows)
  const reordered = rows.map((row) => {
    const cells = /^(.*?),(.*?),(".*"|[^"]*?),(.*),(.*),(.*),(.*),(.*),(.*)$/.exec(row)?.slice(1) ?? []
    return [cells[8], 'paid', ...cells.slice(1, 8), '', cells[0]].join(',')
  })
  const files: Record<string, string> = {
    plain,
    bom: `\uFEFF${plain}`,
    crlf: plain.replaceAll('\n', '\r\n'),
    mixed: plain.replace('\n', '\r\n').replace(/\n$/, '\r\n'),
    cr: plain.replaceAll('\n', '\r'),
    'no-final-newline': plain.trimEnd(),
    blanks: `\n${plain.replaceAll('\n', '\n\n  \n,,,,,,,,\n')}`,
    quoted: plain.replaceAll(/(?<=^|,)(A-\d|C-1|S-\d|10\.00)(?=,)/gm, ' $1 ').replaceAll('USD', '"USD"'),
    reordered: [
      ` Order_Date ,status,${HEADER.split(',')
        .slice(1, 8)
        .map((column) => `"${column.toUpperCase()}"`)
        .join(',')},,order_id`,
      ...reordered,
    ].join('\n'),
  }
  await importJson(shop, shop.file('plain.csv', plain), '--source', 'expected')
  const of = (source: string) => ({
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
  for (const [source, text] of Object.entries(files)) {
    const { code, told } = await importJson(shop, shop.file(`${source}.csv`, text), '--source', source)
    expect({ source, code, ...countsOf(told) }).toMatchObject({ source, code: 0, rows: 3, orders: 2, imported: 3 })
    expect(of(source), source).toEqual(of('expected'))
  }
  const piped = await shop.startWithInput(plain, {}, 'import', '-', '--source', 'piped', '--json').ended
  expect(JSON.parse(piped.stdout)).toMatchObject({ file: '-', rows: 3, orders: 2, imported: 3 })
  expect(of('piped')).toEqual(of('expected'))
  expect(shop.rows('select name from customers')).toEqual([{ name: 'Smith, "Ann"' }])
  expect(shop.rows('select name from products order by sku')).toEqual([{ name: 'Widget' }, { name: 'Widget' }])
})

test('a name may span lines; the lines after it keep their numbers', async ({ shop }) => {
  shop.file('orders.csv', csv(line({ order: 'A-1', name: '"Ann\nMarie\r\nSmith"' }), line({ order: 'A-2' })))
  expect((await importJson(shop, 'orders.csv')).told).toMatchObject({ rows: 2, imported: 2 })
  expect(shop.value('select name from customers')).toBe('Ann\nMarie\r\nSmith')
  expect(shop.rows('select line_number from order_lines')).toEqual([{ line_number: 2 }, { line_number: 5 }])
})
