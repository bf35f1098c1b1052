// What the first lines of a file show holds only until a later line contradicts it: such a line is rejected.
import { readFileSync, writeFileSync } from 'node:fs'
import { describe, expect } from 'vitest'
import { importJson, orders, readRejects } from '../support/orders-file.js'
import { type Shop, test } from '../support/shop.js'

/** More lines than are read to find out what the columns mean. */
const many = (row: (order: string) => string) => Array.from({ length: 1000 }, (_, index) => row(`M-${index}`))

async function importRows(shop: Shop, ...rows: readonly string[]) {
  shop.file('orders.csv', `${rows.join('\n')}\n`)
  const { told } = await importJson(shop, 'orders.csv')
  const rejected = told.rejects_file === null ? [] : readRejects(told.rejects_file)
  return { told, reasons: rejected.map((row) => String(row['rejected_reason'])) }
}

describe.concurrent('the total of a line next to its price', () => {
  const HEAD = 'Order,Customer,SKU,Qty,Price,Line total,Currency,Date'
  const row = (order: string, qty: number, price: string, total: string) =>
    `${order},C-1,T-1,${qty},${price},${total},EUR,2025-03-14`

  test('rejects a line of another total, and names both figures', async ({ shop }) => {
    const rows = [row('A', 2, '5.00', '10.00'), row('B', 2, '5.00', '9.00'), row('C', 3, '5.00', '')]
    const { told, reasons } = await importRows(shop, HEAD, ...rows)
    expect(told).toMatchObject({ imported: 2, rejected: 1 })
    expect(reasons).toEqual([expect.stringContaining('Line total is 9.00, but Qty × Price is 10.00')])
    expect(orders(shop).map((order) => (order as unknown[])[2])).toEqual([1000, 1500])
  })

  test('may be rounded differently, by a cent', async ({ shop }) => {
    const rows = [row('A', 3, '3.333', '9.99'), row('B', 3, '3.333', '10'), row('C', 3, '3.33', '10.01')]
    const { told, reasons } = await importRows(shop, HEAD, ...rows)
    expect(told).toMatchObject({ imported: 2, rejected: 1 })
    expect(reasons).toEqual([expect.stringContaining('Line total is 10.01, but Qty × Price is 9.99')])
  })

  test('rejects lines that deny that the price is the total of the line', async ({ shop }) => {
    const singles = many((order) => row(order, 1, '5.00', '5.00'))
    // The first of these lines suggests that the price is that of both units.
    const rows = [row('A', 2, '5.00', '5.00'), ...singles, row('B', 2, '5.00', '10.00')]
    const { told, reasons } = await importRows(shop, HEAD, ...rows)
    expect(told).toMatchObject({ imported: 1001, rejected: 1 })
    expect(reasons).toEqual([expect.stringContaining('Line total is 10.00, but Price is 5.00')])
  })

  test('rejects lines that first show that the price is the total of the line', async ({ shop }) => {
    const head = HEAD.replace('Line total', 'Total')
    const rows = [...many((order) => row(order, 1, '5.00', '5.00')), row('B', 2, '10.00', '10'), row('C', 2, '5', '11')]
    const { told, reasons } = await importRows(shop, head, ...rows)
    expect(told).toMatchObject({ imported: 1001, rejected: 1 })
    expect(reasons).toEqual([expect.stringContaining('Total equals Price on a line of 2 units')])
    expect(orders(shop, "reference = 'C'")).toEqual([['C', 'C-1', 1000, 'EUR']])
  })

  test('counts if a mapping says so', async ({ shop }) => {
    await importRows(shop, HEAD, row('A', 2, '5.00', '10.00'), row('B', 2, '5.00', '9.00'))
    await shop.run('import', 'inspect', 'orders.csv', '--save-map', 'map.json')
    const map = `${shop.folder}/map.json`
    const { columns, ...rest } = JSON.parse(readFileSync(map, 'utf8'))
    const { unit_price: _, ...others } = columns
    writeFileSync(map, JSON.stringify({ ...rest, columns: { ...others, line_total: ['Line total'] } }))
    await importJson(shop, 'orders.csv', '--map', 'map.json')
    expect(orders(shop, "reference = 'B'")).toEqual([['B', 'C-1', 900, 'EUR']])
  })

  test('is checked next to the nine columns of orderctl, too', async ({ shop }) => {
    const head = 'order_id,customer_id,customer_name,product_sku,product_name,quantity,unit_price,currency,order_date'
    const nine = (order: string, total: string) => `${order},C-1,Ann,T-1,Tea,2,5.00,EUR,2025-03-14,${total}`
    const { told } = await importRows(shop, `${head},line_total`, nine('A', '10.00'), nine('B', '5.00'))
    expect(told).toMatchObject({ mapping: 'orderctl', imported: 1, rejected: 1 })
  })
})

test('a price with and one without tax that are the same on the first lines reject the line where they differ', async ({
  shop,
}) => {
  const row = (order: string, net: string, gross: string) => `${order},C-1,T-1,1,${net},${gross},EUR,2025-03-14`
  const same = many((order) => row(order, '5.00', '5.00'))
  const rows = [...same, row('A', '5.00', '5.95'), row('B', '5.00', ''), row('C', '5.00', '5')]
  const { told, reasons } = await importRows(
    shop,
    'Order,Customer,SKU,Qty,Net price,Gross price,Currency,Date',
    ...rows,
  )
  expect(told).toMatchObject({ imported: 1002, rejected: 1 })
  expect(reasons).toEqual([expect.stringContaining('Gross price is 5.95, but Net price is 5.00; save a mapping')])
})

test('two totals that are the same on the first lines only reject the line that has both', async ({ shop }) => {
  const row = (order: string, sku: string, amount: string, total: string) =>
    `${order},C-1,${sku},2,${amount},${total},EUR,2025-03-14`
  const singles = many((order) => row(order, 'T-1', '5.00', '5.00'))
  const several = [row('A', 'T-1', '5.00', '5.00'), row('A', 'T-2', '6.00', '6.00')]
  const { told, reasons } = await importRows(
    shop,
    'Order,Customer,SKU,Qty,Amount,Total,Currency,Date',
    ...[...several, ...singles, row('B', 'T-1', '5.00', '5.95')],
  )
  expect(told).toMatchObject({ imported: 1002, rejected: 1 })
  expect(reasons).toEqual([expect.stringContaining('5.95')])
})

describe.concurrent('what only later lines say of lines that may not be sold', () => {
  const HEAD = 'Order,Customer,SKU,Product,Qty,Price,Currency,Date'
  const row = (order: string, sku: string, last: string) => `${order},C-1,${sku},Tea,1,5.00,EUR,2025-03-14,${last}`

  test('rejects orders with a line of another type, which the rejects file shows to be shipping', async ({ shop }) => {
    const sold = many((order) => row(order, 'T-1', 'product'))
    const later = [row('B', 'T-1', 'product'), row('B', 'DHL', 'Shipping')]
    const { told, reasons } = await importRows(shop, `${HEAD},Line type`, ...sold, ...later)
    expect(told).toMatchObject({ imported: 1000, skipped: 0, rejected: 2 })
    expect(reasons[1]).toContain('Line type is "Shipping", and the line may not be sold (shipping)')
    const again = await importJson(shop, String(told.rejects_file))
    expect(again.told).toMatchObject({ imported: 1, skipped: 1, rejected: 0 })
    expect(orders(shop, "reference = 'B'")).toEqual([['B', 'C-1', 500, 'EUR']])
  })

  test('rejects lines of which units came back, which the rejects file can correct', async ({ shop }) => {
    // The third line inherits the customer and the date, but no returned units.
    const rows = [row('A', 'T-1', '0'), row('B', 'T-1', '2'), 'B,,T-2,Cup,1,5.00,EUR,,', row('C', 'T-1', '-1')]
    const { told, reasons } = await importRows(shop, `${HEAD},Returned Qty`, ...rows)
    expect(told).toMatchObject({ imported: 1, skipped: 0, rejected: 3 })
    expect(reasons).toEqual([
      expect.stringMatching(
        /^Returned Qty is "2", .* \(returned units\); set Qty to the units to charge and empty Returned Qty/,
      ),
      expect.stringContaining('another line of this order was rejected'),
      expect.stringContaining('Returned Qty is "-1"'),
    ])
    const rejects = String(told.rejects_file)
    writeFileSync(rejects, readFileSync(rejects, 'utf8').replace(/(?<=T-1.*2025-03-14),-?[12]/g, ','))
    const again = await importJson(shop, rejects)
    expect(again.told).toMatchObject({ imported: 3, rejected: 0 })
  })

  test('takes lines of which units came back if the quantity is net', async ({ shop }) => {
    const rows = [row('A', 'T-1', '2')]
    const { told } = await importRows(shop, `${HEAD.replace('Qty', 'Net quantity')},Returned quantity`, ...rows)
    expect(told).toMatchObject({ imported: 1, rejected: 0 })
  })

  test('takes types that the first orders have as a whole', async ({ shop }) => {
    const sold = many((order) => row(order, 'T-1', 'Delivery'))
    const { told } = await importRows(
      shop,
      `${HEAD},Type`,
      ...sold,
      row('B', 'T-1', 'Pickup'),
      row('C', 'T-1', 'delivery'),
    )
    expect(told).toMatchObject({ imported: 1002, rejected: 0 })
  })

  test('rejects an unclear status, which a mapping can charge or skip', async ({ shop }) => {
    // More than are read to find out whether there is such a status.
    const note = 'x'.repeat(1100)
    const sold = many((order) => `${row(order, 'T-1', 'paid')},${note}`)
    const rows = [...sold, `${row('B', 'T-1', 'failed')},${note}`, `${row('C', 'T-1', 'cancelled')},${note}`]
    const { told, reasons } = await importRows(shop, `${HEAD},Status,Note`, ...rows)
    expect(told).toMatchObject({ imported: 1000, skipped: 1, rejected: 1 })
    expect(reasons).toEqual([expect.stringContaining('Status is "failed", and the line may not be sold (failed)')])
    await shop.run('import', 'inspect', 'orders.csv', '--save-map', 'map.json')
    const map = `${shop.folder}/map.json`
    const { reject: _, ...mapping } = JSON.parse(readFileSync(map, 'utf8'))
    writeFileSync(map, JSON.stringify(mapping))
    const charged = await importJson(shop, 'orders.csv', '--map', 'map.json')
    expect(charged.told).toMatchObject({ imported: 1, duplicates: 1000, skipped: 1, rejected: 0 })
  })
})
