// Imports that store nothing: a dry run, and one that a bad line aborts.

import { readdirSync } from 'node:fs'
import { describe, expect } from 'vitest'
import { csv, line } from '../support/lines.js'
import { countsOf, everyRow, importJson, importLines, moreThanABlock, stored } from '../support/orders-file.js'
import { test } from '../support/shop.js'

const FILLER = moreThanABlock('F')

describe.concurrent('--dry-run', () => {
  /** New orders, a duplicate, a conflict, and bad lines near and far from the order that they cost. */
  const MIXED = csv(
    line({ order: 'DUPLICATE' }),
    line({ order: 'CONFLICT', quantity: 5, sku: 'S-5' }),
    line({ order: 'NEW', sku: 'S-2' }),
    line({ order: 'LATE' }),
    line({ order: 'DIVIDED' }),
    line({ order: 'FAR-CONFLICT' }),
    line({ order: 'FAR-DUPLICATE' }),
    ...FILLER,
    line({ order: 'BAD', quantity: 0 }),
    line({ order: 'BAD', sku: 'S-6' }),
    line({ order: 'LATE', sku: 'S-7', price: 'free' }),
    line({ order: 'DIVIDED', customer: 'C-2' }),
    line({ order: 'FAR-CONFLICT', sku: 'S-8' }),
    line({ order: 'FAR-DUPLICATE', sku: 'S-2' }),
    line({ order: 'NEW', sku: 'S-3' }),
  )

  test('counts what the import then does, and leaves the database as it is', async ({ shop }) => {
    const known = ['DUPLICATE', 'CONFLICT', 'FAR-CONFLICT', 'FAR-DUPLICATE'].map((order) => line({ order }))
    await importLines(shop, ...known, line({ order: 'FAR-DUPLICATE', sku: 'S-2' }))
    shop.file('mixed.csv', MIXED)
    const content = () => ({ ...everyRow(shop), imports: shop.rows('select * from imports') })
    const [before, files] = [content(), readdirSync(shop.folder)]
    const dry = await importJson(shop, 'mixed.csv', '--dry-run')
    expect(content()).toEqual(before)
    expect(readdirSync(shop.folder)).toEqual(files)

    const real = await importJson(shop, 'mixed.csv')
    expect(countsOf(dry.told)).toEqual(countsOf(real.told))
    expect(real.told).toMatchObject({
      rows: FILLER.length + 14,
      orders: FILLER.length + 1,
      imported: FILLER.length + 2,
      duplicates: 3,
      conflicts: 3,
      rejected: 6,
      products_created: 2, // FILLER and S-3; S-5 to S-8 go with their orders
      published: FILLER.length + 1,
    })
    expect([dry.code, real.code]).toEqual([3, 3])
    expect(dry.told).toMatchObject({ dry_run: true, import_id: null, rejects_file: null })
  })

  test('creates no database, and prints the first bad lines', async ({ newShop: shop }) => {
    shop.file('mixed.csv', MIXED)
    const { code, stdout, stderr } = await shop.run('import', 'mixed.csv', '--dry-run')
    expect(code).toBe(3)
    expect(stdout).toContain('Would import')
    expect(stderr).toContain(`line ${FILLER.length + 9}: quantity is 0`)
    expect(stderr).toMatch(
      /\nChecked in .*: 1,\d+ orders for .*orders\.sqlite \(source default\)\. Nothing was written\.\n$/,
    )
    const dry = await importJson(shop, 'mixed.csv', '--dry-run')
    const shown = stderr.split('\n').filter((text) => text.startsWith('line '))
    expect(dry.told.rejections?.map(({ line, reason }) => `line ${line}: ${reason}`)).toEqual(shown)
    expect(dry.told.rejections).toContainEqual({
      line: FILLER.length + 9,
      column: 'quantity',
      reason: 'quantity is 0; it must be 1 or more',
    })
    expect(readdirSync(shop.folder)).toEqual(['mixed.csv'])
    const real = await importJson(shop, 'mixed.csv')
    expect(countsOf(dry.told)).toEqual(countsOf(real.told))
    expect(real.told).toMatchObject({ rejected: 6, duplicates: 0, conflicts: 0 })
  })
})

test.concurrent.for([
  ['a bad value', [line({ order: 'OLD' }), line({ order: 'BAD', price: '1,5' })]],
  ['lines of one order that disagree blocks apart', [line({ order: 'F-0', customer: 'C-2', sku: 'S-2' })]],
  [
    'such lines after a new version of an earlier order',
    [line({ order: 'OLD', quantity: 5 }), line({ order: 'F-0', customer: 'C-2' })],
    '--update',
  ],
] as const)('--on-error abort undoes what was stored before %s', async ([, last, ...flags], { shop }) => {
  await importLines(shop, line({ order: 'OLD' }))
  const [before, files] = [stored(shop), readdirSync(shop.folder)]
  shop.file('orders.csv', csv(...FILLER, ...last))
  const { code, result } = await shop.json('import', 'orders.csv', '--on-error', 'abort', ...flags)
  const message = expect.stringMatching(/line \d+: .*Nothing was imported/)
  expect({ code, result }).toMatchObject({ code: 1, result: { error: { code: 'import_aborted', message } } })
  expect(stored(shop)).toEqual(before)
  expect(readdirSync(shop.folder)).toEqual(files)
})
