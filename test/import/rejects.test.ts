// Lines that are not imported: how they are written down, corrected and imported again.

import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect } from 'vitest'
import { csv, HEADER, line } from '../support/lines.js'
import { importJson, importLines, moreThanABlock, orders, readRejects } from '../support/orders-file.js'
import { test } from '../support/shop.js'

describe.concurrent('the rejects file', () => {
  test('holds each line as it was, with its number, the column and the reason', async ({ shop }) => {
    const bad = line({ order: 'A-2', name: '"Smith, ""Ann"""', quantity: '1.5' })
    const sibling = line({ order: 'A-2', sku: 'S-2' })
    const { code, told } = await importLines(shop, line({ order: 'A-1' }), bad, sibling)
    const rejects_file = join(shop.folder, 'orders.rejects.csv')
    expect({ code, ...told }).toMatchObject({ code: 3, rows: 3, imported: 1, rejected: 2, rejects_file })
    expect(readFileSync(rejects_file, 'utf8').split('\n')).toEqual([
      `${HEADER},rejected_line,rejected_column,rejected_reason`,
      `${bad},3,quantity,"quantity is ""1.5"", not a whole number"`,
      `${sibling},4,,another line of this order was rejected (line 3)`,
      '',
    ])
  })

  test('is imported once it is corrected, with whole orders', async ({ shop }) => {
    const filler = moreThanABlock('F')
    const bad = line({ order: 'A-1', sku: 'S-2', quantity: 'two' })
    const first = await importLines(shop, line({ order: 'A-1', price: '0.0025' }), ...filler, bad)
    expect(first.told).toMatchObject({ imported: filler.length, rejected: 2 })
    const rejects = String(first.told.rejects_file)
    writeFileSync(rejects, readFileSync(rejects, 'utf8').replace(',two,', ',2,'))
    const second = await importJson(shop, rejects)
    expect(second).toMatchObject({ code: 0, told: { rows: 2, orders: 1, imported: 2, rejected: 0 } })
    expect(orders(shop, "reference = 'A-1'")).toEqual([['A-1', 'C-1', 2000, 'USD']])
    expect((await importJson(shop, rejects)).told).toMatchObject({ duplicates: 2, conflicts: 0 })
  })

  test('never overwrites another file, and only its owner can read it', async ({ shop }) => {
    const mine = shop.file('orders.rejects.csv', 'corrected by hand')
    const { told } = await importLines(shop, line({ quantity: 0 }))
    expect(told.rejects_file).toBe(join(shop.folder, 'orders.rejects.2.csv'))
    expect(readFileSync(mine, 'utf8')).toBe('corrected by hand')
    expect(statSync(String(told.rejects_file)).mode & 0o777).toBe(0o600)
  })
})

test('an unknown SKU costs its order if inventory.unknownSku is "reject"', async ({ shop }) => {
  await importLines(shop, line({ order: 'A-1', sku: 'S-1' }))
  const [known, unknown] = [{ sku: 'S-1' }, { sku: 'S-9' }]
  const more = [line({ order: 'A-2', ...known }), line({ order: 'A-3', ...known }), line({ order: 'A-3', ...unknown })]
  shop.file('more.csv', csv(...more, line({ order: 'A-4', ...unknown })))
  const strict = { ORDERCTL_UNKNOWN_SKU: 'reject' }
  const dry = await shop.jsonWith(strict, 'import', 'more.csv', '--dry-run')
  const real = await shop.jsonWith(strict, 'import', 'more.csv')
  const result = { rows: 4, orders: 1, imported: 1, rejected: 3, products_created: 0 }
  for (const outcome of [dry, real]) expect(outcome).toMatchObject({ code: 3, result })
  expect(shop.rows('select sku from products')).toEqual([{ sku: 'S-1' }])
  const rejects = readRejects(join(shop.folder, 'more.rejects.csv')).map((row) => Object.values(row).slice(-3))
  expect(rejects).toEqual([
    ['3', '', expect.stringContaining('line 4')],
    ['4', 'product_sku', expect.stringContaining('"S-9"')],
    ['5', 'product_sku', expect.stringContaining('"S-9"')],
  ])
})
