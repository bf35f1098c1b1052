// Stock: adjustments by hand, and by file.

import { existsSync } from 'node:fs'
import { describe, expect } from 'vitest'
import { type Shop, test } from '../support/shop.js'

/** Stock of the product, and what changed it. */
const stock = (shop: Shop, sku: string) => shop.value('select on_hand from products where sku = ?', sku)
const adjustments = (shop: Shop, sku: string) =>
  shop.rows(
    'select delta, reason from stock_adjustments where product_id = (select id from products where sku = ?)',
    sku,
  )

const importing = (shop: Shop, content: string | Buffer) =>
  shop.json('products', 'import', shop.file('catalog.csv', content))

describe.concurrent('products adjust', () => {
  test('takes units away, as -5 and after --, and records why', async ({ shop }) => {
    shop.product('WIDGET-1', { onHand: 10, reserved: 2 })
    const json = await shop.json('products', 'adjust', 'WIDGET-1', '-5', '--reason', 'broken')
    const text = await shop.run('products', 'adjust', '--reason', 'lost', '--', 'WIDGET-1', '-3')
    expect(json).toMatchObject({ code: 0, result: { sku: 'WIDGET-1', on_hand: 5, reserved: 2, available: 3 } })
    expect(text).toMatchObject({ code: 0, stdout: expect.stringMatching(/^WIDGET-1: 2 .* 2 .* 0 /) })
    expect(adjustments(shop, 'WIDGET-1').slice(1)).toEqual([
      { delta: -5, reason: 'broken' },
      { delta: -3, reason: 'lost' },
    ])
  })

  test('sets what a count found; the same count again changes and records nothing', async ({ shop }) => {
    shop.product('WIDGET-1', { onHand: 1010, reserved: 2 })
    const count = ['products', 'adjust', 'WIDGET-1', '--set', '7', '--reason', 'stocktake']
    expect((await shop.json(...count)).result).toMatchObject({ delta: -1003, on_hand: 7, available: 5 })
    const again = await shop.run(...count)
    expect(again.stdout).toBe('WIDGET-1: 7 units on hand (unchanged), 2 reserved, 5 available.\n')
    expect(adjustments(shop, 'WIDGET-1').slice(1)).toEqual([{ delta: -1003, reason: 'stocktake' }])
    expect(shop.rows('select command, subject, reason, details from actions')).toEqual([
      { command: 'products adjust', subject: 'WIDGET-1', reason: 'stocktake', details: '-1,003, 7 on hand' },
    ])
    const low = await shop.json('products', 'adjust', 'WIDGET-1', '--set', '1', '--reason', 'x')
    expect(low).toMatchObject({ code: 1, result: { error: { code: 'not_enough_stock' } } })
  })

  test('takes either units or a count', async ({ shop }) => {
    for (const [args, code] of [
      [[], 'nothing_chosen'],
      [['5', '--set', '5'], 'unclear_choice'],
      [['--set', '-1'], 'bad_count'],
      [['--set', 'many'], 'bad_count'],
    ] as const) {
      const refused = await shop.json('products', 'adjust', 'WIDGET-1', ...args, '--reason', 'x')
      expect(refused, code).toMatchObject({ code: 2, result: { error: { code } } })
    }
  })

  test('says how many orders failed for lack of the product, and how to retry them', async ({ shop }) => {
    shop.order('1', { status: 'failed' })
    shop.order('2', { status: 'failed' })
    shop.order('3', { status: 'failed', clearedAt: 1 })
    shop.order('4', { status: 'failed', lines: [['OTHER', 1, 100]] })
    shop.order('5', { status: 'rolled_back' })
    const restock = await shop.run('products', 'adjust', 'WIDGET-1', '5', '--reason', 'delivery')
    const retry = 'orderctl failed retry --reason out_of_stock --sku WIDGET-1'
    expect(restock).toEqual({
      code: 0,
      stdout: 'WIDGET-1: 1,005 units on hand, 0 reserved, 1,005 available.\n',
      stderr: `2 orders with WIDGET-1 failed out of stock. Retry: ${retry}\n`,
    })
    const removed = await shop.json('products', 'adjust', 'WIDGET-1', '-5', '--reason', 'broken')
    expect(removed.result).toMatchObject({ delta: -5, out_of_stock_orders: 2, retry: null })
    expect(await shop.run(...retry.split(' ').slice(1), '--yes')).toMatchObject({ code: 0 })
    const more = await shop.json('products', 'adjust', 'WIDGET-1', '--set', '2000', '--reason', 'stocktake')
    expect(more.result).toMatchObject({ delta: 1000, out_of_stock_orders: 0, retry: null })
  })

  test('refuses to take more than is available, and suggests the product that was meant', async ({ shop }) => {
    shop.product('WIDGET-1', { onHand: 1010, reserved: 1009 })
    const many = await shop.run('products', 'adjust', 'WIDGET-1', '-3', '--reason', 'x')
    const unknown = await shop.run('products', 'adjust', 'WIDGET1', '-3', '--reason', 'x')
    expect(many).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('has 1 unit available (1,010 on hand, 1,009 reserved)'),
    })
    expect(unknown).toMatchObject({ code: 1, stderr: expect.stringContaining('Did you mean WIDGET-1?') })
    expect(stock(shop, 'WIDGET-1')).toBe(1010)
  })
})

describe.concurrent('products import', () => {
  test('creates the database and finds columns by name; the same file again changes nothing', async ({ newShop }) => {
    const rows = '10,x,Alpha,A,12.5,usd\r\n,y,"B, ""b""",B,,\r\n'
    const file = `\uFEFFStock,extra,name,SKU,price,currency\r\n${rows}`
    expect(await importing(newShop, file)).toEqual({
      code: 0,
      result: { rows: 2, created: 2, updated: 0, unchanged: 0, rejected: 0, errors: [] },
    })
    expect((await importing(newShop, file)).result).toMatchObject({ unchanged: 2, created: 0, updated: 0 })
    expect(newShop.rows('select sku, name, unit_price, currency, on_hand from products')).toEqual([
      { sku: 'A', name: 'Alpha', unit_price: 125_000, currency: 'USD', on_hand: 10 },
      { sku: 'B', name: 'B, "b"', unit_price: null, currency: null, on_hand: 0 },
    ])
    expect(adjustments(newShop, 'A')).toEqual([{ delta: 10, reason: 'products import' }])
    expect(adjustments(newShop, 'B')).toEqual([{ delta: 0, reason: 'products import' }])
    expect(newShop.rows('select command, subject, details from actions')).toEqual([
      { command: 'products import', subject: '2 products', details: '2 created, 0 updated' },
    ])
  })

  test('sets stock by the difference, and never below what orders reserve', async ({ shop }) => {
    shop.product('A', { onHand: 10, reserved: 4 })
    shop.product('B', { onHand: 10, reserved: 4 })
    shop.product('C', { onHand: 10, importId: shop.import() })
    const { code, result } = await importing(shop, 'sku,stock,name\nA,4,\nB,3,New\nC,10,\n')
    expect(code).toBe(3)
    expect(result).toMatchObject({ updated: 1, unchanged: 1, rejected: 1, errors: [{ line: 3, column: 'stock' }] })
    expect([stock(shop, 'A'), stock(shop, 'B')]).toEqual([4, 10])
    expect(adjustments(shop, 'A').at(-1)).toEqual({ delta: -6, reason: 'products import' })
    expect(shop.value("select name from products where sku = 'B'")).toBe('Name of B')
    expect(shop.value("select import_id from products where sku = 'C'")).toBe(null)
  })

  test('rejects each bad line with its place, and imports the others', async ({ newShop: shop }) => {
    const lines: readonly (readonly [line: string, rejected?: string])[] = [
      ['A,Älphä,1,USD,1'],
      ['B,Beta,"1,299.99",USD,5', 'price'],
      [',None,1,USD,1', 'sku'],
      ['C,,1,USD,1', 'name'],
      ['D,Delta,1,XXY,1', 'currency'],
      ['E,Eps,1,,1', 'currency'],
      ['F,Fox,,EUR,1', 'price'],
      ['G,Gamma,1,USD,-2', 'stock'],
      ['A,Again,1,USD,1', 'sku'],
      ['H,"open,1,USD,1', ''],
      ['I,too,few', ''],
      ['J,M?ller,1,USD,1', ''],
      ['Z,"two\nlines",0.0025,USD,9'],
    ]
    const file = Buffer.from(['sku,name,price,currency,stock', ...lines.map(([text]) => text), ''].join('\n'))
    file[file.indexOf('?')] = 0xfc
    const { code, result } = await importing(shop, file)
    expect(code).toBe(3)
    const { errors, ...counts } = result as { errors: { line: number; column: string }[] }
    expect(counts).toEqual({ rows: 13, created: 2, updated: 0, unchanged: 0, rejected: 11 })
    const rejected = lines.map(([, column], index) => ({ line: index + 2, column }))
    expect(errors).toMatchObject(rejected.filter(({ column }) => column !== undefined))
    expect(shop.value("select unit_price from products where sku = 'Z'")).toBe(25)
  })

  test('lists twenty rejected lines and counts the rest', async ({ newShop: shop }) => {
    const file = shop.file('catalog.csv', `sku,name,stock\n${'A\u001b[2J,,1\n'.repeat(25)}`)
    const { code, stdout, stderr } = await shop.run('products', 'import', file)
    expect(code).toBe(3)
    expect(stderr.match(/^line \d+:/gm)).toHaveLength(20)
    expect(stderr).toContain('5 more lines')
    expect(stderr).not.toContain('\u001b')
    expect(stdout).toMatch(/^25 .* 0 .* 0 .* 0 .* 25 /)
  })

  test('imports several thousand lines in one run', async ({ newShop: shop }) => {
    const lines = Array.from({ length: 5000 }, (_, index) => `SKU-${index},Name ${index},9.99,USD,${index}`)
    const content = `sku,name,price,currency,stock\n${lines.join('\n')}`
    const { result } = await importing(shop, content)
    expect(result).toMatchObject({ rows: 5000, created: 5000, rejected: 0 })
    const again = await shop.run('products', 'import', shop.file('again.csv', content))
    expect(again.stdout).toBe('5,000 lines: 0 created, 0 updated, 5,000 unchanged, 0 rejected.\n')
    const wrong = 'select sum(delta) - sum(on_hand) from products join stock_adjustments on product_id = products.id'
    expect(shop.value(wrong)).toBe(0)
  })

  test('creates no database for a file that cannot be read', async ({ newShop: shop }) => {
    const wrong = shop.file('wrong.csv', 'product_sku,title\nA,b\n')
    for (const file of [shop.folder, shop.file('empty.csv', ''), wrong]) {
      expect(await shop.run('products', 'import', file)).toMatchObject({ code: 2 })
    }
    const { stderr } = await shop.run('products', 'import', wrong)
    expect(stderr).toMatch(/product_sku, title\..*sku, name, price, currency, stock/)
    expect(existsSync(shop.path)).toBe(false)
  })
})
