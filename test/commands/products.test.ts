// Stock: what there is, changes by hand, and changes by file.

import { existsSync } from 'node:fs'
import { describe, expect } from 'vitest'
import { type Shop, test } from '../support/shop.js'

const stock = (shop: Shop, sku: string) => shop.value('select on_hand from products where sku = ?', sku)
const adjustments = (shop: Shop, sku: string) =>
  shop.sqlite
    .prepare('select delta, reason from stock_adjustments where product_id = (select id from products where sku = ?)')
    .raw()
    .all(sku)

describe.concurrent('products adjust', () => {
  test('takes away, as -5 and behind --, and records why', async ({ shop }) => {
    shop.product('WIDGET-1', { onHand: 10, reserved: 2 })
    const down = await shop.json('products', 'adjust', 'WIDGET-1', '-5', '--reason', 'broken')
    const text = await shop.run('products', 'adjust', '--reason', 'lost', '--', 'WIDGET-1', '-3')

    expect(down).toMatchObject({ code: 0, result: { sku: 'WIDGET-1', on_hand: 5, reserved: 2, available: 3 } })
    expect(text).toMatchObject({ code: 0, stdout: 'WIDGET-1: 2 units on hand, 2 reserved, 0 available.\n' })
    expect(adjustments(shop, 'WIDGET-1').slice(1)).toEqual([
      [-5, 'broken'],
      [-3, 'lost'],
    ])
  })

  test('refuses what is not there to be taken, and knows the product that was meant', async ({ shop }) => {
    shop.product('WIDGET-1', { onHand: 10, reserved: 8 })
    const [many, unknown] = await Promise.all([
      shop.run('products', 'adjust', 'WIDGET-1', '-3', '--reason', 'x'),
      shop.run('products', 'adjust', 'WIDGET1', '-3', '--reason', 'x'),
    ])
    expect(many).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('2 units available (10 on hand, 8 reserved)'),
    })
    expect(unknown).toMatchObject({ code: 1, stderr: expect.stringContaining('Did you mean WIDGET-1?') })
    expect(stock(shop, 'WIDGET-1')).toBe(10)
  })
})

describe.concurrent('products import', () => {
  test('creates the database, finds columns by name, and a second run changes nothing', async ({ newShop: shop }) => {
    const file = shop.file(
      'c.csv',
      '\uFEFFStock,extra,name,SKU,price,currency\r\n10,x,Alpha,A,12.5,usd\r\n,y,"B, ""b""",B,,\r\n',
    )
    const first = await shop.json('products', 'import', file)
    const second = await shop.json('products', 'import', file)

    expect(first).toEqual({
      code: 0,
      result: { rows: 2, created: 2, updated: 0, unchanged: 0, rejected: 0, errors: [] },
    })
    expect(second.result).toMatchObject({ unchanged: 2, created: 0, updated: 0 })
    expect(shop.sqlite.prepare('select sku, name, unit_price, currency, on_hand from products').raw().all()).toEqual([
      ['A', 'Alpha', 125_000, 'USD', 10],
      ['B', 'B, "b"', null, null, 0],
    ])
    expect(adjustments(shop, 'A')).toEqual([[10, 'products import']])
    expect(adjustments(shop, 'B')).toEqual([[0, 'products import']])
  })

  test('sets stock by the difference, and never below what orders hold', async ({ shop }) => {
    shop.product('A', { onHand: 10, reserved: 4 })
    shop.product('B', { onHand: 10, reserved: 4 })
    shop.product('C', { onHand: 10, importId: shop.import() })
    const { code, result } = await shop.json(
      'products',
      'import',
      shop.file('c.csv', 'sku,stock,name\nA,4,\nB,3,New\nC,10,\n'),
    )

    expect(code).toBe(3)
    expect(result).toMatchObject({ updated: 1, unchanged: 1, rejected: 1, errors: [{ line: 3, column: 'stock' }] })
    expect([stock(shop, 'A'), stock(shop, 'B')]).toEqual([4, 10])
    expect(adjustments(shop, 'A').at(-1)).toEqual([-6, 'products import'])
    expect(shop.value("select name from products where sku = 'B'")).toBe('Name of B')
    expect(shop.value("select import_id from products where sku = 'C'")).toBe(null)
  })

  test('skips each bad line and says where and why', async ({ newShop: shop }) => {
    const file = shop.file(
      'c.csv',
      Buffer.concat([
        Buffer.from(
          'sku,name,price,currency,stock\nA,Alpha,1,USD,1\nB,Beta,"1,299.99",USD,5\n,None,1,USD,1\nC,,1,USD,1\n',
        ),
        Buffer.from(
          'D,Delta,1,XXY,1\nE,Eps,1,,1\nF,Fox,,EUR,1\nG,Gamma,1,USD,-2\nA,Again,1,USD,1\nH,"open,1,USD,1\nI,too,few\n',
        ),
        Buffer.from('J,M\xfcller,1,USD,1\nZ,"two\nlines",0.0025,USD,9\n', 'latin1'),
      ]),
    )
    const { code, result } = await shop.json('products', 'import', file)

    expect(code).toBe(3)
    const { errors, ...counts } = result as { errors: { line: number; column: string }[] }
    expect(counts).toEqual({ rows: 13, created: 2, updated: 0, unchanged: 0, rejected: 11 })
    expect(errors.map(({ line, column }) => [line, column])).toEqual([
      [3, 'price'],
      [4, 'sku'],
      [5, 'name'],
      [6, 'currency'],
      [7, 'currency'],
      [8, 'price'],
      [9, 'stock'],
      [10, 'sku'],
      [11, ''],
      [12, ''],
      [13, ''],
    ])
    expect(shop.value("select unit_price from products where sku = 'Z'")).toBe(25)
  })

  test('lists twenty rejected lines and counts the rest', async ({ newShop: shop }) => {
    const file = shop.file('c.csv', `sku,name,stock\n${'A\u001b[2J,,1\n'.repeat(25)}`)
    const { code, stdout, stderr } = await shop.run('products', 'import', file)
    expect(code).toBe(3)
    expect(stderr.match(/^line \d+:/gm)).toHaveLength(20)
    expect(stderr).toContain('5 more lines')
    expect(stderr).not.toContain('\u001b')
    expect(stdout).toContain('25 lines: 0 created, 0 updated, 0 unchanged, 25 rejected.')
  })

  test('takes several thousand lines in one run', async ({ newShop: shop }) => {
    const lines = Array.from({ length: 5000 }, (_, index) => `SKU-${index},Name ${index},9.99,USD,${index}`)
    const { result } = await shop.json(
      'products',
      'import',
      shop.file('c.csv', `sku,name,price,currency,stock\n${lines.join('\n')}`),
    )
    expect(result).toMatchObject({ rows: 5000, created: 5000, rejected: 0 })
    expect(
      shop.value('select sum(delta) - sum(on_hand) from products join stock_adjustments on product_id = products.id'),
    ).toBe(0)
  })

  test('a file that cannot be read makes no database', async ({ newShop: shop }) => {
    const outcomes = await Promise.all([
      shop.run('products', 'import', shop.folder),
      shop.run('products', 'import', shop.file('empty.csv', '')),
      shop.run('products', 'import', shop.file('wrong.csv', 'product_sku,title\nA,b\n')),
    ])
    expect(outcomes.map(({ code }) => code)).toEqual([2, 2, 2])
    expect(outcomes.at(-1)?.stderr).toContain('Found: product_sku, title. Wanted: sku, name, price, currency, stock')
    expect(existsSync(shop.path)).toBe(false)
  })
})
