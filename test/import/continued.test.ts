// Files in which lines 2..n of an order leave the order blank: what a line that cannot be read does to its order, and
// to the lines after it.
import { readFileSync, writeFileSync } from 'node:fs'
import { describe, expect } from 'vitest'
import { importJson, readRejects } from '../support/orders-file.js'
import { type Shop, test } from '../support/shop.js'

const HEAD = 'Order ID,Customer,SKU,Product,Qty,Price,Currency,Order date'

async function importText(shop: Shop, lines: readonly string[], head = HEAD) {
  const { told } = await importJson(shop, shop.file('orders.csv', `${[head, ...lines].join('\n')}\n`))
  return told
}

/** The SKUs of each order. */
const sold = (shop: Shop) =>
  Object.fromEntries(
    shop.sqlite
      .prepare(
        `select reference, group_concat(sku, ' ') from (select reference, sku from orders
          join order_lines on order_id = orders.id join products on products.id = product_id order by sku)
          group by reference`,
      )
      .raw()
      .all() as [string, string][],
  )

const LAST = '1009,Zoe,X-9,Jar,1,5.00,EUR,2025-03-02'

describe.concurrent('an item of an order that cannot be read', () => {
  test.for([
    ['lacks its quantity', ',,T-2,Cup,,4.90,,'],
    ['has an unclosed quote', ',,T-2,"Cup,1,4.90,,'],
    ['has bytes that are not UTF-8', Buffer.from(',,T-2,P\xe9t,1,4.90,,', 'latin1')],
    ['has too many values', ',,T-2,Cup,1,4,90,EUR,2025-03-01'],
    ['repeats the date', ',,T-2,Cup,1,4.90,,2025-03-01'],
  ] as const)('and %s takes the order with it', async ([, line], { shop }) => {
    const text = [
      Buffer.from(`${HEAD}\n1001,Åsa Öberg,T-1,Té,2,3.00,EUR,2025-03-01\n`),
      Buffer.from(line),
      `\n${LAST}\n`,
    ]
    const file = shop.file('orders.csv', Buffer.concat(text.map((part) => Buffer.from(part))))
    expect((await importJson(shop, file)).told).toMatchObject({ imported: 1, rejected: 2 })
    expect(sold(shop)).toEqual({ 1009: 'X-9' })
  })

  test('begins no item of the order before its own', async ({ shop }) => {
    const torn = ['1004,"Di,X-2,Jar,1,6.00,EUR,2025-03-02', ',,X-3,Lid,1,7.00,,']
    const wide = ['1005,Ed,X-2,Jar,1,6.00,EUR,2025-03-02,oops', ',,X-4,Lid,1,8.00,,']
    const nameless = [',Bob,X-5,Jar,1,6.00,EUR,2025-03-02', ',,X-6,Lid,1,8.00,,']
    const sound = (id: number) => `${id},Cy,Y-${id},Cup,1,5.00,EUR,2025-03-02`
    const lines = [sound(1), ...torn, sound(2), ...wide, sound(3), ...nameless]
    expect(await importText(shop, lines)).toMatchObject({ imported: 3, rejected: 6 })
    expect(sold(shop)).toEqual({ 1: 'Y-1', 2: 'Y-2', 3: 'Y-3' })
  })

  test('and quotes its name before the id takes the order of that id with it', async ({ shop }) => {
    const head = 'Product,Order ID,Customer,SKU,Qty,Price,Currency,Order date'
    const lines = ['Tea,1001,Ann,T-1,2,3.00,EUR,2025-03-01', '"Mug 9,1001,Ann,T-2,1,30.00,EUR,2025-03-01']
    await importText(shop, [...lines, 'Pot,1002,Bob,T-3,1,4.90,EUR,2025-03-01'], head)
    expect(sold(shop)).toEqual({ 1002: 'T-3' })
  })
})

test('a rejected line has the values that it inherits, so that its correction is of the same order', async ({
  shop,
}) => {
  const lines = ['1001,Ann,T-1,Tea,two,3.00,EUR,2025-03-01', '1002,Bob,T-2,Cup,0,4.90,EUR,2025-03-01']
  const { rejects_file } = await importText(shop, [...lines, ',,T-3,Pot,one,9.00,,', LAST])
  expect(readRejects(String(rejects_file))).toMatchObject([
    { 'Order ID': '1001', Customer: 'Ann', SKU: 'T-1' },
    { 'Order ID': '1002', Customer: 'Bob', SKU: 'T-3' },
  ])
  const rejects = String(rejects_file)
  writeFileSync(rejects, readFileSync(rejects, 'utf8').replace(',two,', ',2,').replace(',one,', ',1,'))
  expect((await importJson(shop, String(rejects_file))).told).toMatchObject({ imported: 2, rejected: 0 })
  expect(sold(shop)).toEqual({ 1001: 'T-1', 1002: 'T-3', 1009: 'X-9' })
})

describe.concurrent('a line that repeats customer, currency and date of its order', () => {
  const head = 'Order ID,Customer,SKU,Product,Qty,Price,Currency,Order date,Item status,Cancelled,Cancelled at'

  test.for([
    ['item status', 'cancelled,,'],
    ['cancellation', ',yes,2025-03-02'],
  ] as const)('does not inherit the %s of the line before it', async ([, cells], { shop }) => {
    const first = `1,Ann,T-1,Tea,2,10.00,EUR,2025-03-01,${cells}`
    await importText(shop, [first, '1,Ann,T-2,Cup,1,30.00,EUR,2025-03-01,,,'], head)
    expect(sold(shop)).toEqual({ 1: 'T-2' })
  })

  test('does not inherit a product', async ({ shop }) => {
    const lines = ['1002,Bob,,Shipping,1,4.90,EUR,2025-03-01', '1002,,SKU-9,,2,10.00,,', LAST]
    await importText(shop, lines)
    expect(sold(shop)).toEqual({ 1002: 'SKU-9', 1009: 'X-9' })
  })
})

test('a rejects file is not imported with a � in place of bytes that could not be read', async ({ shop }) => {
  const text = [Buffer.from(`${HEAD}\n1001,Åsa Öberg,T-1,Té,2,3.00,EUR,2025-03-01\n`), Buffer.from(LAST)]
  const file = shop.file(
    'orders.csv',
    Buffer.concat([...text, Buffer.from('\n1002,P\xe9ter,T-2,Cup,1,4.90,EUR,2025-03-01\n', 'latin1')]),
  )
  const { rejects_file } = (await importJson(shop, file)).told
  expect((await importJson(shop, String(rejects_file))).told).toMatchObject({ imported: 0, rejected: 1 })
  expect(sold(shop)).toEqual({ 1001: 'T-1', 1009: 'X-9' })
})

test('a line that ends with CR CR LF can be corrected in the rejects file', async ({ shop }) => {
  const lines = ['1001,Ann,T-1,Tea,two,3.00,EUR,2025-03-01', LAST].map((line) => `${line}\r\r`)
  const { rejects_file } = await importText(shop, lines)
  const rejects = String(rejects_file)
  writeFileSync(rejects, readFileSync(rejects, 'utf8').replace(',two,', ',2,'))
  expect((await importJson(shop, rejects)).told).toMatchObject({ imported: 1, rejected: 0 })
})

test('a value behind the last column with a name is not ignored: it may be the cents of a price', async ({ shop }) => {
  const head = 'Order ID,Customer,SKU,Order date,Currency,Qty,Price,'
  const { rejected, rejects_file } = await importText(shop, ['1,Ann,T-1,2025-03-01,EUR,2,12,50'], head)
  expect(rejected).toBe(1)
  expect((await importJson(shop, String(rejects_file))).told).toMatchObject({ imported: 0, rejected: 1 })
})

test('a line with an order and a price is no note, however bad its quantity and date are', async ({ shop }) => {
  const lines = ['1002,Bob,T-3,Tea,1,4.90,EUR,2025-03-01', '1002,Bob,T-4,Pot,one,9.90,EUR,n/a', LAST]
  expect(await importText(shop, lines)).toMatchObject({ imported: 1, rejected: 2 })
})
