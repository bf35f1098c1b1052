// Imports that store nothing: a dry run, and one that a bad line stops.

import { existsSync, readdirSync } from 'node:fs'
import { describe, expect } from 'vitest'
import { csv, line } from '../support/lines.js'
import { countsOf, everyRow, importJson, importLines, moreThanABlock, stored } from '../support/orders-file.js'
import { test } from '../support/shop.js'

describe.concurrent('--dry-run', () => {
  /** New orders, a duplicate, a conflict, and bad lines near and far from the order that they cost. */
  const mixed = () => {
    const filler = moreThanABlock('F')
    return csv(
      line({ order: 'DUPLICATE' }),
      line({ order: 'CONFLICT', quantity: 5, sku: 'S-5' }),
      line({ order: 'NEW', sku: 'S-2' }),
      line({ order: 'LATE' }),
      line({ order: 'DIVIDED' }),
      line({ order: 'FAR-CONFLICT' }),
      line({ order: 'FAR-DUPLICATE' }),
      ...filler,
      line({ order: 'BAD', quantity: 0 }),
      line({ order: 'BAD', sku: 'S-6' }),
      line({ order: 'LATE', sku: 'S-7', price: 'free' }),
      line({ order: 'DIVIDED', customer: 'C-2' }),
      line({ order: 'FAR-CONFLICT', sku: 'S-8' }),
      line({ order: 'FAR-DUPLICATE', sku: 'S-2' }),
      line({ order: 'NEW', sku: 'S-3' }),
    )
  }

  test('tells what the import then does, beside a database that it leaves as it is', async ({ shop }) => {
    const known = ['DUPLICATE', 'CONFLICT', 'FAR-CONFLICT', 'FAR-DUPLICATE'].map((order) => line({ order }))
    await importLines(shop, ...known, line({ order: 'FAR-DUPLICATE', sku: 'S-2' }))
    shop.file('mixed.csv', mixed())
    const content = () => ({ ...everyRow(shop), imports: shop.rows('select * from imports') })
    const before = content()
    const dry = await importJson(shop, 'mixed.csv', '--dry-run')
    expect(content()).toEqual(before)
    expect(readdirSync(shop.folder).filter((name) => name.includes('rejects'))).toEqual([])

    const real = await importJson(shop, 'mixed.csv')
    expect(countsOf(dry.told)).toEqual(countsOf(real.told))
    const fillers = moreThanABlock('F').length
    expect(real.told).toMatchObject({
      rows: fillers + 14,
      orders: fillers + 1,
      imported: fillers + 2,
      duplicates: 3,
      conflicts: 3,
      rejected: 6,
      products_created: 2, // FILLER and S-3; S-5 to S-8 go with their orders
      published: fillers + 1,
    })
    expect([dry.code, real.code]).toEqual([3, 3])
    expect(dry.told).toMatchObject({ dry_run: true, import_id: null, rejects_file: null })
  })

  test('where there is no database yet, makes none', async ({ newShop: shop }) => {
    shop.file('mixed.csv', mixed())
    const dry = await importJson(shop, 'mixed.csv', '--dry-run')
    expect(readdirSync(shop.folder)).toEqual(['mixed.csv'])
    const real = await importJson(shop, 'mixed.csv')
    expect(countsOf(dry.told)).toEqual(countsOf(real.told))
    expect(real.told).toMatchObject({ rejected: 6, duplicates: 0, conflicts: 0 })
  })

  test('shows people the first bad lines and says that nothing was written', async ({ newShop: shop }) => {
    shop.file('orders.csv', csv(line({ order: 'A-1' }), line({ order: 'A-2', quantity: 0 })))
    const { code, stdout, stderr } = await shop.run('import', 'orders.csv', '--dry-run')
    expect(code).toBe(3)
    expect(stdout).toContain('Would import')
    expect(stderr).toContain('line 3: quantity is 0')
    expect(stderr).toContain('Nothing was written')
    expect(existsSync(shop.path)).toBe(false)
  })
})

describe.concurrent('--on-error abort', () => {
  test('takes back all that was stored before the bad line', async ({ shop }) => {
    await importLines(shop, line({ order: 'OLD' }))
    const before = stored(shop)
    shop.file('orders.csv', csv(...moreThanABlock('F'), line({ order: 'OLD' }), line({ order: 'BAD', price: '1,5' })))
    const { code, result } = await shop.json('import', 'orders.csv', '--on-error', 'abort')
    expect(code).toBe(1)
    expect(result).toMatchObject({
      error: { code: 'import_aborted', message: expect.stringMatching(/line \d+: .*Nothing was imported/) },
    })
    expect(stored(shop)).toEqual(before)
    expect(readdirSync(shop.folder).filter((name) => name.includes('rejects'))).toEqual([])
  })

  test('also where lines far apart disagree, which only the end tells', async ({ shop }) => {
    shop.file(
      'orders.csv',
      csv(line({ order: 'A-1' }), ...moreThanABlock('F'), line({ order: 'A-1', customer: 'C-2' })),
    )
    const { code } = await shop.run('import', 'orders.csv', '--on-error', 'abort')
    expect(code).toBe(1)
    expect(stored(shop)).toMatchObject({ orders: [], lines: [], customers: [], products: [], adjustments: [] })
  })
})
