// import presets: which exports are read as they are.
import { expect } from 'vitest'
import { test } from '../support/shop.js'

test('import presets lists each export with the columns that identify it, and needs no database', async ({
  newShop: shop,
}) => {
  const { code, stdout } = await shop.run('import', 'presets')
  expect(code).toBe(0)
  const presets = stdout.split('\n').map((row) => row.split(' ', 1)[0])
  for (const name of ['orderctl', 'shopify', 'woocommerce', 'amazon', 'ebay', 'etsy', 'square', 'superstore'])
    expect(presets).toContain(name)
  const { result } = await shop.json('import', 'presets')
  expect(result).toMatchObject({
    presets: expect.arrayContaining([
      {
        preset: 'shopify',
        reads: expect.stringContaining('Shopify'),
        columns: ['Name, Lineitem quantity, Lineitem name'],
        skipped: ['cancelled', 'voided', 'refunded'],
      },
    ]),
  })
  expect((await shop.run('import', 'presets', '--csv')).stdout).toMatch(/^preset,reads,recognised by,skipped\n/)
})
