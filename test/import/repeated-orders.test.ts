// A file that has an order twice, since one export was appended to another, charges no line twice.
import { expect } from 'vitest'
import { csv, HEADER, line } from '../support/lines.js'
import { conflictsAndRejects, importJson, importLines, moreThanABlock, orders } from '../support/orders-file.js'
import { test } from '../support/shop.js'

const reasons = (rows: Record<string, string>[]) => rows.map((row) => [row['rejected_line'], row['rejected_reason']])

test('rejects orders that come again with a line that they had, and takes all others', async ({ shop }) => {
  const first = [line({ order: 'A', sku: 'S-1' }), line({ order: 'A', sku: 'S-2' }), line({ order: 'B' })]
  const { code, told } = await importLines(shop, ...first, ...first.slice(0, 1), line({ order: 'B', sku: 'S-3' }))
  expect({ code, ...told }).toMatchObject({ code: 3, rows: 5, imported: 2, rejected: 3 })
  expect(orders(shop)).toEqual([['B', 'C-1', 2000, 'USD']])
  expect(reasons(conflictsAndRejects(told))).toEqual([
    ['2', 'another line of this order was rejected (line 5)'],
    ['3', 'another line of this order was rejected (line 5)'],
    ['5', expect.stringContaining('has this line of the order before lines of other orders, too')],
  ])
  expect((await shop.json('rebuild', '--check')).code).toBe(0)
})

test('rejects an order whose third part repeats the second one', async ({ shop }) => {
  const parts = ['S-1', 'S-2', 'S-2'].map((sku) => line({ order: 'A', sku }))
  const between = (order: string) => line({ order })
  const { told } = await importLines(shop, `${parts[0]}`, between('B'), `${parts[1]}`, between('C'), `${parts[2]}`)
  expect(told).toMatchObject({ imported: 2, rejected: 3 })
})

test('takes the same line twice if no other order is in between', async ({ shop }) => {
  const { told } = await importLines(shop, line({ order: 'A' }), line({ order: 'A' }), line({ order: 'B' }))
  expect(told).toMatchObject({ imported: 3, rejected: 0 })
  expect(orders(shop, "reference = 'A'")).toEqual([['A', 'C-1', 2000, 'USD']])
})

test('rejects the order of a file with its header twice', async ({ shop }) => {
  const { told } = await importLines(shop, line({ order: 'A' }), HEADER, line({ order: 'A' }))
  expect(told).toMatchObject({ imported: 0, skipped: 1, rejected: 2 })
})

test('finds an order that comes again far behind, and lets one continue over the end of a block', async ({ shop }) => {
  const filler = moreThanABlock('F')
  const rows = [line({ order: 'A' }), ...filler.slice(0, 10), ...filler.map((row) => row.replace(/^F-\d+/, 'LONG'))]
  const { told } = await importLines(shop, ...rows, line({ order: 'A' }), ...filler.slice(0, 1))
  expect(told).toMatchObject({ imported: 9 + filler.length, rejected: 4 })
  expect(orders(shop, "reference = 'LONG'")).toEqual([['LONG', 'C-FILLER', filler.length * 1000, 'USD']])
  expect(shop.value("select count(*) from orders where reference in ('A', 'F-0000', 'F-0')")).toBe(0)
})

test('--update applies no order that the file has twice', async ({ shop }) => {
  await importLines(shop, line({ order: 'A' }), line({ order: 'B' }))
  shop.file('twice.csv', csv(line({ order: 'A' }), line({ order: 'B', quantity: 2 }), line({ order: 'A' })))
  const { told } = await importJson(shop, 'twice.csv', '--update')
  expect(told).toMatchObject({ updated: 1, conflicts: 2 })
  expect(orders(shop)).toEqual([
    ['A', 'C-1', 1000, 'USD'],
    ['B', 'C-1', 2000, 'USD'],
  ])
})

test('finds the total of an order on two lines over the end of a block', async ({ shop }) => {
  const row = (order: string, sku: string) => `${order},C-1,${sku},1,30.00,EUR,2025-03-14,${'x'.repeat(500)}`
  const head = 'Order,Customer,SKU,Qty,Total,Currency,Date,Note'
  // Two lines of each later order, one of which is cut by the end of a block.
  const several = Array.from({ length: 1100 }, (_, index) => [row(`S-${index}`, 'A'), row(`S-${index}`, 'B')]).flat()
  const singles = Array.from({ length: 1000 }, (_, index) => row(`O-${index}`, 'A'))
  shop.file('orders.csv', `${[head, ...singles, ...several].join('\n')}\n`)
  const { told } = await importJson(shop, 'orders.csv')
  expect(told).toMatchObject({ imported: 1000, rejected: 2200 })
})
