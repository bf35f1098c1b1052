// A line that cannot be read as an order line is rejected with the reason, and costs its own order and no other.

import { readFileSync } from 'node:fs'
import { describe, expect } from 'vitest'
import type { ImportResult } from '../../src/command-line/import-view.js'
import { csv, HEADER, line } from '../support/lines.js'
import { conflictsAndRejects, fates, importJson, importLines, moreThanABlock, orders } from '../support/orders-file.js'
import { test } from '../support/shop.js'

/** The rows of the rejects file, as they are: some are not CSV. */
function rejectedRows(told: ImportResult): string[] {
  return readFileSync(String(told.rejects_file), 'utf8').split('\n').slice(1, -1)
}

/** Order, line and reason of each rejected line, in the order of the file. */
function rejectedLines(told: ImportResult) {
  return conflictsAndRejects(told)
    .map((row) => [row['order_id'], Number(row['rejected_line']), row['rejected_reason']] as const)
    .sort((a, b) => a[1] - b[1])
}

const sibling = (number: number) => `another line of this order was rejected (line ${number})`
const NOT_CLOSED = 'the line has an unclosed quote'

describe.concurrent('a line that is not a CSV record', () => {
  test('is rejected alone: an open quote, too few and too many cells; misplaced quotes are text', async ({ shop }) => {
    const lines = [
      line({ order: 'A-1' }),
      line({ order: 'A-2', name: '"Ann' }),
      line({ order: 'A-3' }),
      line({ order: 'A-4', name: '"Ann" Smith' }),
      line({ order: 'A-5', name: '"Smith, Bob"' }),
      line({ order: 'A-6', sku: 'S-6', product: '5" pipe' }),
      line({ order: 'A-7' }),
      'A-8',
      `${line({ order: 'A-9' })},more`,
      line({ order: 'A-10' }),
    ]
    const { code, told } = await importLines(shop, ...lines)
    expect({ code, ...told }).toMatchObject({ code: 3, rows: 10, imported: 7, rejected: 3 })
    const imported = ['A-1', 'A-3', 'A-4', 'A-5', 'A-6', 'A-7', 'A-10']
    expect(orders(shop).map((row) => (row as string[])[0])).toEqual(imported)
    const missing = ['customer_id', 'product_sku', 'quantity', 'unit_price', 'order_date']
      .map((column) => `${column} is empty`)
      .join('; ')
    expect(rejectedRows(told)).toEqual([
      `${lines[1]},3,,${NOT_CLOSED}`,
      `A-8,,,,,,,,,9,"customer_id, product_sku, quantity, unit_price, order_date",${missing}`,
      `${lines[8]},10,,the line has 10 values; the header has 9 columns`,
    ])
    // Imported again as they are, the rejects are rejected again.
    const again = await importJson(shop, String(told.rejects_file))
    expect(again).toMatchObject({ code: 3, told: { rows: 3, imported: 0, rejected: 3 } })
    expect(shop.rows("select name from products where name like '%pipe'")).toEqual([{ name: '5" pipe' }])
  })

  test.for([
    ['"Ann', NOT_CLOSED],
    ['A\rnn', 'the line contains a lone carriage return (CR)'],
  ] as const)('costs the other lines of its order: %s', async ([name, reason], { shop }) => {
    const annabel = { order: 'A-1', customer: 'C-2', name: 'Annabel' }
    const [first, last] = [line(annabel), line({ ...annabel, sku: 'S-2' })]
    const bad = line({ ...annabel, name })
    const { told } = await importLines(shop, first, bad, line({ order: 'A-2' }), last)
    expect(told).toMatchObject({ orders: 1, imported: 1, rejected: 3 })
    expect(orders(shop)).toEqual([['A-2', 'C-1', 1000, 'USD']])
    const rows = [`${first},2,,${sibling(3)}`, `${last},5,,${sibling(3)}`]
    const whole = expect.stringContaining(`${bad},3,,${reason}`)
    expect(rejectedRows(told)).toEqual(expect.arrayContaining([...rows, whole]))
  })

  test('is rejected for one byte of Latin-1, and the lines around it are imported', async ({ shop }) => {
    const drafts = [
      { order: 'A-1', name: 'Zoë' },
      { order: 'A-2', name: 'M?ller' },
      { order: 'A-3', name: 'Zoë' },
    ]
    const file = Buffer.from(csv(...drafts.map((draft) => line(draft))))
    file[file.indexOf('?')] = 0xfc
    const notUtf8 = expect.stringContaining('byte 0xFC at column 10 is not UTF-8; convert the file')
    expect(await fates(shop, file)).toMatchObject({ 'A-1': 'imported', 'A-2': notUtf8, 'A-3': 'imported' })
    expect(shop.rows('select distinct name from customers')).toEqual([{ name: 'Zoë' }])
  })

  test('of 50 MB is rejected in bounded memory, and the lines after it are imported', async ({ shop }) => {
    shop.file(
      'peak.cjs',
      `if (require('worker_threads').isMainThread) process.on('exit', () =>
         require('fs').writeFileSync('peak.txt', String(process.resourceUsage().maxRSS)))`,
    )
    const [start, end] = [`${HEADER}\n${line({ order: 'A-1' })}\nLONG,`, `\n${line({ order: 'A-2' })}\n`]
    shop.file('orders.csv', Buffer.concat([Buffer.from(start), Buffer.alloc(50_000_000, 'x'), Buffer.from(end)]))
    const { code, result } = await shop.jsonWith({ NODE_OPTIONS: '--require ./peak.cjs' }, 'import', 'orders.csv')
    expect({ code, result }).toMatchObject({ code: 3, result: { rows: 3, imported: 2, rejected: 1 } })
    const lines = shop.rows('select reference, line_number from order_lines join orders on id = order_id order by id')
    expect(lines).toEqual([
      { reference: 'A-1', line_number: 2 },
      { reference: 'A-2', line_number: 4 },
    ])
    const kibibytes = Number(readFileSync(`${shop.folder}/peak.txt`, 'utf8'))
    expect(kibibytes).toBeGreaterThan(30_000)
    expect(kibibytes).toBeLessThan(300_000)
  })
})

describe.concurrent('an order is rejected', () => {
  const plain = ['CUSTOMER', 'CURRENCY', 'DATE', 'NAME'].map((order) => line({ order }))
  const other = [
    line({ order: 'CUSTOMER', customer: 'C-2' }),
    line({ order: 'CURRENCY', currency: 'EUR' }),
    line({ order: 'DATE', quantity: 2, date: '2025-01-16' }),
    line({ order: 'NAME', quantity: 2, name: 'Anna' }),
  ]

  test('if its lines disagree on customer or currency; its first line dates it', async ({ shop }) => {
    expect(await fates(shop, csv(...plain, ...other))).toEqual({
      CUSTOMER: 'customer_id: customer_id is "C-2", but "C-1" in line 2',
      CURRENCY: 'currency: currency is "EUR", but "USD" in line 3',
      DATE: 'imported',
      NAME: 'imported',
    })
  })

  test('if its lines disagree or one is bad, near or blocks apart, with all that it created', async ({ shop }) => {
    const filler = moreThanABlock('F')
    const bad = { sku: 'S-2', quantity: 0 }
    const end = filler.length + 10
    const { told } = await importLines(
      shop,
      line({ order: 'NEAR' }),
      line({ order: 'NEAR', ...bad }),
      line({ order: 'GOOD-THEN-BAD', sku: 'S-3' }),
      line({ order: 'BAD-THEN-GOOD', ...bad }),
      ...plain,
      ...filler,
      line({ order: 'GOOD-THEN-BAD', ...bad }),
      line({ order: 'BAD-THEN-GOOD', sku: 'S-3' }),
      ...other,
    )
    const imported = filler.length + 4
    expect(told).toMatchObject({ rows: filler.length + 14, imported, rejected: 10, conflicts: 0, products_created: 2 })
    const zero = 'quantity is 0; it must be 1 or more'
    const differs = {
      CUSTOMER: 'customer_id is "C-2", but "C-1" before',
      CURRENCY: 'currency is "EUR", but "USD" before',
    }
    expect(rejectedLines(told)).toEqual([
      ['NEAR', 2, sibling(3)],
      ['NEAR', 3, zero],
      ['GOOD-THEN-BAD', 4, sibling(end)],
      ['BAD-THEN-GOOD', 5, zero],
      ...['CUSTOMER', 'CURRENCY'].map((order, index) => [order, 6 + index, sibling(end + 2 + index)]),
      ['GOOD-THEN-BAD', end, zero],
      ['BAD-THEN-GOOD', end + 1, sibling(5)],
      ...Object.entries(differs).map(([order, reason], index) => [order, end + 2 + index, reason]),
    ])
    expect(orders(shop, "reference not like 'F-%'")).toEqual([
      ['DATE', 'C-1', 3000, 'USD'],
      ['NAME', 'C-1', 3000, 'USD'],
    ])
    expect(shop.value("select ordered_at from orders where reference = 'DATE'")).toBe('2025-01-15T10:00:00')
    const customers = shop.rows('select customer_id from customers order by 1')
    expect(customers).toEqual([{ customer_id: 'C-1' }, { customer_id: 'C-FILLER' }])
    expect(shop.rows('select sku from products order by 1')).toEqual([{ sku: 'FILLER' }, { sku: 'S-1' }])
    expect(shop.value('select count(*) from stock_adjustments')).toBe(2)
  })

  test('for the first line that differs, if its lines are known, blocks apart and in turns', async ({ shop }) => {
    const known = line({ order: 'A-1' })
    await importLines(shop, known)
    const [one, two] = [moreThanABlock('F'), moreThanABlock('G')]
    const middle = one.length + 3
    const { told } = await importLines(shop, known, ...one, line({ order: 'A-1', customer: 'C-2' }), ...two, known)
    expect(rejectedLines(told)).toEqual([
      ['A-1', 2, sibling(middle)],
      ['A-1', middle, 'customer_id is "C-2", but "C-1" before'],
      ['A-1', middle + two.length + 1, sibling(middle)],
    ])
  })
})
