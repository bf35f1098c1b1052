// Files in other layouts than orderctl's own: rejected and conflicting lines come back in the layout of their file, and
// an interrupted import continues in the middle of an order.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { describe, expect } from 'vitest'
import { importJson, moreThanABlock, orders, readRejects } from '../support/orders-file.js'
import { type Shop, test } from '../support/shop.js'
import { expectRefusal } from './refusal.js'

const GERMAN = 'Bestellnummer;Kunde;Artikelnummer;Bezeichnung;Menge;Einzelpreis;Währung;Datum'
const german = (...lines: readonly string[]) => `${[GERMAN, ...lines].join('\n')}\n`

const lines = (shop: Shop) =>
  shop.rows(`select reference, sku, quantity, order_lines.unit_price, order_lines.total from order_lines
    join orders on orders.id = order_id join products on products.id = product_id order by reference, line_number`)

/** Interrupts the import of a long file. @returns the number of lines that it has stored */
async function stopAfterAChunk(shop: Shop, file: string): Promise<number> {
  shop.sqlite.exec(`create trigger stop before update of byte_offset on imports when old.byte_offset > 0
    begin select raise(abort, 'stopped'); end`)
  expect((await shop.run('import', file)).code).not.toBe(0)
  shop.sqlite.exec('drop trigger stop')
  await shop.endLeases()
  return Number(shop.value('select count(*) from order_lines'))
}

describe.concurrent('a German file', () => {
  const good = 'B-1;Änne Groß;T-1;Tee;2;1.249,50;EUR;14.03.2025 08:00'
  const bad = 'B-2;Jörg Müßig;T-1;Tee;zwei;8,90;EUR;03.04.2025 09:05'

  test('has its rejected lines written as they were, and read with what the whole file has shown', async ({ shop }) => {
    shop.file('orders.csv', Buffer.from(german(good, bad), 'latin1'))
    const { code, stderr } = await shop.run('import', 'orders.csv')
    expect(code).toBe(3)
    const rejects = `${shop.folder}/orders.rejects.csv`
    // 03.04.2025 alone does not say that the day comes first.
    const again = `orderctl import ${rejects} --encoding utf-8 --decimal comma --date-format dmy`
    expect(stderr).toContain(again)
    const text = readFileSync(rejects, 'utf8')
    expect(text).toBe(`${GERMAN};rejected_line;rejected_column;rejected_reason
${bad};3;Menge;"Menge is ""zwei"", not a whole number"
`)
    writeFileSync(rejects, text.replace('zwei', '2'))
    const flags = again.split(' ').slice(3)
    expect(await importJson(shop, 'orders.rejects.csv', ...flags)).toMatchObject({ code: 0, told: { imported: 1 } })
    expect(orders(shop)).toEqual([
      ['B-1', 'Änne Groß', 249_900, 'EUR'],
      ['B-2', 'Jörg Müßig', 1780, 'EUR'],
    ])
    expect(shop.value("select ordered_at from orders where reference = 'B-2'")).toBe('2025-04-03T09:05:00')
  })

  test('has its conflicts written so that --update applies them', async ({ shop }) => {
    await importJson(shop, shop.file('orders.csv', german(good, bad.replace('zwei', '2'))))
    shop.file('changed.csv', german(good, bad.replace('zwei', '3')))
    const { told } = await importJson(shop, 'changed.csv')
    expect(told).toMatchObject({ duplicates: 1, conflicts: 1 })
    const flags = ['--decimal', 'comma', '--date-format', 'dmy', '--update']
    const { told: updated } = await importJson(shop, String(told.rejects_file), ...flags)
    expect(updated).toMatchObject({ rows: 1, updated: 1, conflicts: 0 })
    expect(orders(shop, "reference = 'B-2'")).toEqual([['B-2', 'Jörg Müßig', 2670, 'EUR']])
  })
})

describe.concurrent('a file with totals of lines', () => {
  const file = (total: string) =>
    `order number,sku,quantity,line total,currency,order date\nW-1,A-1,3,${total},GBP,2025-05-02\nW-1,B-1,1,0.125,GBP,2025-05-02\n`

  test('keeps each total exactly, and is a duplicate of itself', async ({ shop }) => {
    await importJson(shop, shop.file('orders.csv', file('20.00')))
    expect(lines(shop)).toEqual([
      { reference: 'W-1', sku: 'A-1', quantity: 3, unit_price: null, total: 2000 },
      { reference: 'W-1', sku: 'B-1', quantity: 1, unit_price: null, total: 13 },
    ])
    const { told } = await importJson(shop, 'orders.csv')
    expect(told).toMatchObject({ duplicates: 2, conflicts: 0 })
    expect((await shop.json('rebuild', '--check')).code).toBe(0)
    const { result } = await shop.json('orders', 'show', 'W-1')
    expect(result).toMatchObject({ lines: [{ quantity: 3, unit_price: null, total: 20 }, {}] })
  })

  test.for([
    ['a decimal comma', '17,80', '2', 1780],
    ['a decimal point', '17.80', '2', 1780],
    ['units in thousands with either mark', '17,80', '2.000', 1780],
    ['no line with several units', '17,80', '1,000', 1780],
  ] as const)('reads a price that equals them once, with %s', async ([, price, units, total], { shop }) => {
    const head = 'Bestellnummer;Artikel;Menge;Preis;Gesamt;Währung;Bestelldatum'
    shop.file('orders.csv', `${head}\n1;Tee;${units};${price};${price};EUR;14.03.2025\n`)
    const { told } = await importJson(shop, 'orders.csv', '--decimal', price.includes(',') ? 'comma' : 'point')
    expect({ imported: told.imported, orders: orders(shop) }).toEqual({
      imported: 1,
      orders: [['1', 'guest', total, 'EUR']],
    })
  })

  test('conflicts if a total changes, and shows both', async ({ shop }) => {
    await importJson(shop, shop.file('orders.csv', file('20.00')))
    shop.file('orders.csv', file('21.00'))
    const { told } = await importJson(shop, 'orders.csv')
    expect(told.conflicting_orders[0]?.differences).toContainEqual({
      field: 'line',
      sku: 'A-1',
      stored: '3 for 20.00',
      file: '3 for 21.00',
    })
    const { told: updated } = await importJson(shop, String(told.rejects_file), '--update')
    expect(updated).toMatchObject({ updated: 2, conflicts: 0 })
    expect(orders(shop)).toEqual([['W-1', 'guest', 2113, 'GBP']])
  })
})

describe.concurrent('a file of which the mapping skips lines with a blank cell', () => {
  const EBAY =
    'Sales Record Number,Order Number,Buyer Username,Item Number,Item Title,Custom Label,Quantity,Sold For,Sale Date'
  const ebay = (price: string) => `${EBAY}\n1,19-1,ann,336,Flag,FLAG-C,3,US $${price},30-May-25\n`
  const itemTypes = (type: string, quantity: string) =>
    `Order,Kind,Status,SKU,Qty,Price,Currency,Date\n1,${type},,A-1,${quantity},2.00,EUR,2025-05-02\n`

  test('has its conflicts written so that --update applies them, and no line is lost', async ({ shop }) => {
    await importJson(shop, shop.file('orders.csv', ebay('12.40')))
    const { told } = await importJson(shop, shop.file('changed.csv', ebay('13.40')))
    expect(told).toMatchObject({ mapping: 'ebay', conflicts: 1 })
    const again = await importJson(shop, String(told.rejects_file), '--update')
    expect(again.told).toMatchObject({ rows: 1, updated: 1, skipped: 0 })
    expect(lines(shop)).toMatchObject([{ reference: '19-1', sku: 'FLAG-C', total: 4020 }])
    expect(existsSync(String(told.rejects_file))).toBe(false)
  })

  test('has a text in a column without a field', async ({ shop }) => {
    const columns = { order_id: ['Order'], product_sku: ['SKU'], quantity: ['Qty'], unit_price: ['Price'] }
    const skip = [
      { reason: 'no kind', column: 'Kind', cell: 'blank' },
      { reason: 'cancelled', column: 'Status', cell: 'filled' },
    ]
    const mapping = { columns: { ...columns, currency: ['Currency'], order_date: ['Date'] }, skip }
    shop.file('map.json', JSON.stringify(mapping))
    const map = ['--map', 'map.json']
    await importJson(shop, shop.file('orders.csv', itemTypes('item', '1')), ...map)
    const { told } = await importJson(shop, shop.file('changed.csv', itemTypes('item', '2')), ...map)
    expect(readRejects(String(told.rejects_file))).toMatchObject([{ Kind: 'stored', Status: '' }])
    const again = await importJson(shop, String(told.rejects_file), ...map, '--update')
    expect(again.told).toMatchObject({ updated: 1, skipped: 0 })
  })

  test('keeps a rejects file of which it skips lines', async ({ shop }) => {
    const rejects = shop.file(
      'orders.rejects.csv',
      `${EBAY},rejected_line,rejected_column,rejected_reason\n1,19-1,ann,,Flag,FLAG-C,3,US $1.00,30-May-25,2,,x\n\n`,
    )
    expect((await importJson(shop, rejects)).told).toMatchObject({ imported: 0, skipped: 2 })
    expect(existsSync(rejects)).toBe(true)
  })
})

test('the encoding of a mapping counts for files of the shop, and not for rejects files', async ({ shop }) => {
  const table = (name: string) => `Order;Customer;SKU;Qty;Price;Currency;Date\n1;${name};A-1;two;2.00;PLN;2025-05-02\n`
  const columns = { order_id: ['Order'], customer_name: ['Customer'], product_sku: ['SKU'], quantity: ['Qty'] }
  const mapping = { columns: { ...columns, unit_price: ['Price'], currency: ['Currency'], order_date: ['Date'] } }
  shop.file('map.json', JSON.stringify({ ...mapping, encoding: 'iso-8859-2' }))
  // Ł and ó.
  shop.file('orders.csv', Buffer.from(table('\u00a3. W\u00f3jcik'), 'latin1'))
  const { told } = await importJson(shop, 'orders.csv', '--map', 'map.json')
  const rejects = String(told.rejects_file)
  expect(readFileSync(rejects, 'utf8')).toContain(';Ł. Wójcik;')
  writeFileSync(rejects, readFileSync(rejects, 'utf8').replace('two', '2'))
  await importJson(shop, rejects, '--map', 'map.json')
  expect(shop.rows('select name from customers')).toEqual([{ name: 'Ł. Wójcik' }])
  const inspected = await shop.json('import', 'inspect', 'orders.csv', '--map', 'map.json')
  expect(inspected.result).toMatchObject({ encoding: 'iso-8859-2' })
})

describe.concurrent('two columns of the same name that skip lines', () => {
  const head = 'Order,SKU,Qty,Price,Currency,Date,Status,status,Note'
  const row = (order: number, first: string, second: string, note = '') =>
    `${order},A-1,1,2.00,EUR,2025-05-02,${first},${second},${note}`

  test.for([['Status,Status'], ['Status,status'], ['Order status,Order status']])(
    'are both tested: %s',
    async ([names], { shop }) => {
      const rows = [row(1, 'shipped', 'ok'), row(2, 'shipped', 'cancelled'), row(3, 'cancelled', '')]
      shop.file('orders.csv', `${[head.replace('Status,status', names ?? ''), ...rows].join('\n')}\n`)
      const { told } = await importJson(shop, 'orders.csv')
      expect(told).toMatchObject({ imported: 1, skipped_reasons: { cancelled: 2 } })
      // As a resumed import reads it.
      await shop.run('import', 'inspect', 'orders.csv', '--save-map', 'map.json')
      expect((await importJson(shop, 'orders.csv', '--map', 'map.json', '--source', 'mapped')).told).toMatchObject({
        ...{ imported: 1, skipped_reasons: { cancelled: 2 } },
      })
    },
  )

  test('let an interrupted import continue', async ({ shop }) => {
    const count = moreThanABlock('F').length * 2
    const rows = Array.from({ length: count }, (_, order) => row(order, 'shipped', 'ok', 'n'.repeat(250)))
    shop.file('orders.csv', `${[head.replace('status', 'Status'), ...rows].join('\n')}\n`)
    const before = await stopAfterAChunk(shop, 'orders.csv')
    const { code, stderr } = await shop.run('import', 'orders.csv', '--resume', '--log-format', 'json')
    const ended = stderr
      .trim()
      .split('\n')
      .map((text) => JSON.parse(text))
      .find(({ event }) => event === 'ended')
    expect({ code, ...ended }).toMatchObject({ code: 0, rows: count, imported: count })
    // The rate is that of the lines that this run has read.
    const rate = Math.round((count - before) / ended.seconds).toLocaleString('en-US')
    expect(ended.message).toContain(`(${rate} lines/s)`)
  })
})

describe.concurrent('a currency that contradicts the amount', () => {
  const file = (price: string, amount: string, currency: string) =>
    `Order,SKU,Qty,${price},Currency,Date\n1,A-1,2,${amount},${currency},2025-05-02\n`
  const withoutColumn = (price: string, amount: string) => `Order,SKU,Qty,${price},Date\n1,A-1,2,${amount},2025-05-02\n`
  const NAME = 'has another currency in its name than USD, the currency of the line; correct the header or the line'
  const sign = (text: string, currency: string) =>
    `is "${text}", which cannot be in ${currency}, the currency of the line; correct it, or the currency of the line`

  test.for([
    ['in the name of its column', file('Price (EUR)', '10.00', 'USD'), [], `Price (EUR) ${NAME}`],
    ['in the name of a total', file('Line total (EUR)', '10.00', 'USD'), [], `Line total (EUR) ${NAME}`],
    ['by the sign in the name of its column', file('Price €', '10.00', 'USD'), [], `Price € ${NAME}`],
    ['by its sign', file('Price', '$10.00', 'EUR'), [], sign('$10.00', 'EUR')],
    ['by its sign, with --currency', withoutColumn('Price', 'kr 10.00'), ['EUR'], sign('kr 10.00', 'EUR')],
    ['by its sign, with the name of its column', withoutColumn('Price (EUR)', '$10'), [], sign('$10', 'EUR')],
  ] as const)('%s, rejects the line', async ([, text, currency, reason], { shop }) => {
    const flags = currency.flatMap((code) => ['--currency', code])
    const { told } = await importJson(shop, shop.file('orders.csv', text), ...flags)
    expect(told).toMatchObject({ imported: 0, rejected: 1 })
    expect(readRejects(String(told.rejects_file))[0]?.['rejected_reason']).toContain(reason)
  })

  test.for([
    ['in the name of its column', withoutColumn('Price (EUR)', '10.00'), 'USD'],
    ['by the sign in the name of its column', withoutColumn('Price ($)', '10.00'), 'EUR'],
  ] as const)('%s, stops the import if it is that of --currency', async ([, text, currency], { shop }) => {
    shop.file('orders.csv', text)
    const args = ['orders.csv', '--currency', currency]
    const says = new RegExp(`are not in ${currency}: the column Price`)
    await expectRefusal(shop, args, { code: 'other_currency', says, fix: `without --currency ${currency}` })
  })

  test.for([
    ['in the name of its column', file('Price (EUR)', '10.00', 'EUR'), [], 'EUR'],
    ['in the name of its column, also with --currency', withoutColumn('Price (EUR)', '10.00'), ['EUR'], 'EUR'],
    ['by its sign', file('Price', '$10.00', 'AUD'), [], 'AUD'],
    ['by its sign, with --currency', withoutColumn('Price', 'kr 10.00'), ['SEK'], 'SEK'],
    ['by the sign in the name of its column', withoutColumn('Price ($)', '10.00'), ['CAD'], 'CAD'],
  ] as const)('is none if it is that of the amount %s', async ([, text, currency, code], { shop }) => {
    const flags = currency.flatMap((code) => ['--currency', code])
    await importJson(shop, shop.file('orders.csv', text), ...flags)
    expect(orders(shop)).toEqual([['1', 'guest', 2000, code]])
  })
})

const HEADER =
  'Name,Email,Financial Status,Currency,Created at,Lineitem quantity,Lineitem name,Lineitem price,Cancelled at'

test('an interrupted import of a Shopify file continues in the middle of an order', async ({ shop }) => {
  // One order of many lines, which is longer than a block: only its first line has the fields of the order.
  const count = moreThanABlock('F').length * 2
  const first = '#1,ann@example.com,paid,USD,2025-01-14 19:40:05 -0500,1,'
  const name = 'n'.repeat(250)
  const rows = Array.from({ length: count }, (_, index) => `${index === 0 ? first : '#1,,,,,1,'}${name}${index},1.00,`)
  const text = `${[HEADER, ...rows].join('\n')}\n`
  shop.file('orders.csv', text)
  const before = await stopAfterAChunk(shop, 'orders.csv')
  expect(before).toBeGreaterThan(0)
  expect(before).toBeLessThan(count)
  const { code, told } = await importJson(shop, 'orders.csv', '--resume')
  expect({ code, ...told }).toMatchObject({ code: 0, rows: count, orders: 1, imported: count, rejected: 0 })
  expect(orders(shop)).toEqual([['#1', 'ann@example.com', count * 100, 'USD']])
  expect(shop.value('select ordered_at from orders')).toBe('2025-01-15T00:40:05Z')
})

test('an order of several items on a line is one line in the rejects file, and counts each item', async ({ shop }) => {
  const item = (sku: string, quantity: string) => `name:Tea|sku:${sku}|quantity:${quantity}|sub_total:10.00`
  const head =
    'order_id,order_number,order_date,status,order_currency,customer_id,billing_email,line_item_1,line_item_2,line_item_3'
  const order = (number: string, quantity: string) =>
    `${number},${number},2025-06-11 14:03:27,completed,AUD,0,bo@example.com,${item('A', '1')},${item('B', quantity)},`
  shop.file('orders.csv', `${[head, order('1', '2'), order('2', 'many')].join('\n')}\n`)
  const { told } = await importJson(shop, 'orders.csv')
  expect(told).toMatchObject({ mapping: 'woocommerce', rows: 4, imported: 2, rejected: 2 })
  const rejects = String(told.rejects_file)
  expect(readFileSync(rejects, 'utf8').split('\n')).toHaveLength(3)
  writeFileSync(rejects, readFileSync(rejects, 'utf8').replace('many', '3'))
  expect((await importJson(shop, rejects)).told).toMatchObject({ rows: 2, imported: 2, rejected: 0 })
  shop.file('orders.csv', `${[head, order('1', '2'), order('2', '4')].join('\n')}\n`)
  const conflict = await importJson(shop, 'orders.csv')
  expect(conflict.told).toMatchObject({ duplicates: 2, conflicts: 2, conflicting_orders: [{ order_id: '2', line: 3 }] })
  expect(readRejects(String(conflict.told.rejects_file)).map((row) => row['rejected_line'])).toEqual(['3', '3'])
})

test('an unclear status stops the import, and the saved mapping skips its orders', async ({ shop }) => {
  const head = 'Order,Customer,SKU,Product,Qty,Price,Currency,Date,Payment status'
  const row = (order: string, status: string) => `${order},C-1,T-1,Tea,1,4.50,EUR,2025-03-14,${status}`
  shop.file('orders.csv', [head, row('1', 'paid'), row('2', 'failed'), row('3', 'refunded'), ''].join('\n'))
  const asked = await shop.run('import', 'orders.csv')
  expect(asked.code).toBe(2)
  expect(asked.stderr.replace(/\s+/g, ' ')).toContain('line 3 has failed, line 4 has refunded')
  expect(shop.value('select count(*) from orders')).toBe(0)
  await shop.run('import', 'inspect', 'orders.csv', '--save-map', 'map.json')
  const { told } = await importJson(shop, 'orders.csv', '--map', 'map.json')
  expect(told).toMatchObject({ imported: 1, skipped: 2, skipped_reasons: { failed: 1, refunded: 1 } })
  const mapping = JSON.parse(readFileSync(`${shop.folder}/map.json`, 'utf8')) as { skip: { reason: string }[] }
  shop.file('map.json', JSON.stringify({ ...mapping, skip: mapping.skip.filter(({ reason }) => reason !== 'failed') }))
  expect((await importJson(shop, 'orders.csv', '--map', 'map.json')).told).toMatchObject({ imported: 1, skipped: 1 })
})

test('a total that only later lines show to be that of the order rejects these orders, unless a mapping says', async ({
  shop,
}) => {
  const row = (order: number, sku: string) => `${order},C-1,${sku},1,30.00,EUR,2025-03-14`
  const singles = Array.from({ length: 1000 }, (_, index) => row(index + 1, 'T-1'))
  const rows = ['Order,Customer,SKU,Qty,Total,Currency,Date', ...singles, row(2000, 'T-1'), row(2000, 'T-2'), '']
  shop.file('orders.csv', rows.join('\n'))
  expect((await importJson(shop, 'orders.csv')).told).toMatchObject({ imported: 1000, rejected: 2 })
  await shop.run('import', 'inspect', 'orders.csv', '--save-map', 'map.json')
  shop.file('map.json', readFileSync(`${shop.folder}/map.json`, 'utf8').replace(/"repeatedTotals": false,/, ''))
  const second = await importJson(shop, 'orders.csv', '--map', 'map.json')
  expect(second.told).toMatchObject({ imported: 2, duplicates: 1000, rejected: 0 })
  expect(shop.value("select total from orders where reference = '2000'")).toBe(6000)
})
