// Ids and names in every script, on every database: each letter is kept, and ids that differ in one letter are
// different.

import { expect } from 'vitest'
import { askServer } from '../support/ask-server.js'
import { describeOnEngines, EngineShop } from '../support/engine-shop.js'
import { csv, line } from '../support/lines.js'
import { describeWith, makeDatabase } from '../support/servers.js'
import { test as plainTest } from '../support/shop.js'

/** For each of these, some collation takes it for another one. */
const NEIGHBOURS = [
  ...['a-1', 'A-1', 'á-1', 'a\u0301-1', 'Á-1', 'ａ-1', 'a\u00ad-1', 'a\u200d-1', 'a-1\u200b', 'a 1', 'a  1'],
  ...['ss', 'ß', 'ẞ', 'i', 'I', 'ı', 'İ', 'œ', 'oe', 'は', 'ハ', 'ば', 'ﾊ', '国', '國', '?', '??'],
  ...['😀-1', '😁-1', '👩‍👧', '👩👧', '\ue000', '𝒶-1', '😀'.repeat(50)],
]

/**
 * Names that a reader, driver or database could change. The last two have the greatest length, in letters of 3 and 4
 * bytes.
 */
const TEXTS = [
  ...['O\'Neill "Bob" \\ Co', 'back\\', '😀👩‍👩‍👧 𝒳', 'straße', 'STRASSE', 'ça', 'c\u0327a', '%_;--', '{"a":[1]}'],
  ...['two\nlines\tand a tab', '龘'.repeat(255), '😀'.repeat(127)],
]

describeOnEngines(
  'ids and names',
  (test) => {
    test('are compared and sorted by their bytes', async ({ shop }) => {
      const lines = NEIGHBOURS.map((id) => line({ order: id, customer: id, name: `${id} ${id}`, sku: id, product: id }))
      const all = { rows: lines.length, rejected: 0, conflicts: 0 }
      const { result } = await shop.json('import', shop.file('all.csv', csv(...lines)))
      expect(result).toMatchObject({ ...all, orders: all.rows, imported: all.rows, products_created: all.rows })
      const again = await shop.json('import', shop.file('again.csv', csv(...lines.toReversed())), '--dry-run')
      expect(again.result).toMatchObject({ ...all, orders: 0, imported: 0, duplicates: all.rows })

      const { products } = (await shop.json('products', 'list', '--limit', 'all')).result as {
        products: { sku: string; name: string }[]
      }
      const sorted = NEIGHBOURS.toSorted((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)))
      expect(products.map(({ sku, name }) => [sku, name])).toEqual(sorted.map((id) => [id, id]))
      const stored = await shop.rows('select customer_id as id, name from customers order by customer_id')
      expect(stored).toEqual(sorted.map((id) => ({ id, name: `${id} ${id}` })))
      await shop.expectAuditClean()
    })

    test('are stored unchanged, up to the greatest length', async ({ shop }) => {
      const lines = TEXTS.map((text, index) => {
        const name = `"${text.replaceAll('"', '""')}"`
        return line({ order: `${index}`, customer: `C-${index}`, name, sku: `S-${index}`, product: name })
      })
      const longest = { order: '龘'.repeat(100), customer: '龘'.repeat(100), sku: '龘'.repeat(100) }
      const file = shop.file('orders.csv', csv(...lines, line(longest)))
      expect((await shop.json('import', file)).result).toMatchObject({ orders: TEXTS.length + 1, rejected: 0 })
      const customers = await shop.rows("select customer_id as id, name from customers where name <> 'Ann'")
      expect(Object.fromEntries(customers.map(({ id, name }) => [id, name]))).toEqual(
        Object.fromEntries(TEXTS.map((name, index) => [`C-${index}`, name])),
      )
      const products = await shop.rows("select name from products where sku like 'S-%'")
      expect(products.map(({ name }) => name).toSorted()).toEqual(TEXTS.toSorted())
      const again = (await shop.json('import', file)).result
      expect(again).toMatchObject({ imported: 0, duplicates: TEXTS.length + 1, conflicts: 0, products_created: 0 })
      await shop.expectAuditClean()
    })

    test('that are cut for a SKU keep whole characters', async ({ shop }) => {
      const lines = Array.from({ length: 12 }, (_, index) => {
        const product = `${'x'.repeat(72 + index)}😀${'y'.repeat(30)}`
        return line({ order: `${index}`, sku: '', product })
      })
      const { code, result } = await shop.json('import', shop.file('orders.csv', csv(...lines)))
      expect({ code, result }).toMatchObject({ code: 0, result: { orders: 12, products_created: 12 } })
    })

    test('lose white space around them in files and on the command line', async ({ shop }) => {
      await shop.importing(csv(line({ order: 'A-1 ', customer: ' C-1', name: 'Ann  ', sku: '"S-1 \u3000"' })))
      const again = [line({ order: '\u00a0A-1', customer: 'C-1 ', sku: 'S-1' }), line({ order: 'A-2 ' })]
      const { result } = await shop.json('import', shop.file('again.csv', csv(...again)))
      expect(result).toMatchObject({ orders: 1, imported: 1, duplicates: 1, products_created: 0 })
      await shop.runWith({ ORDERCTL_PAYMENT_SUCCESS_RATE: '0' }, 'work', '--drain')

      const ask = async (...args: string[]) => (await shop.json(...args)).result
      const chosen = { total: 2 }
      expect(await ask('orders', 'list', '--customer', ' C-1 ', '--source', 'default ')).toMatchObject(chosen)
      expect(await ask('failed', 'list', '--sku', 'S-1 ', '--source', ' default')).toMatchObject(chosen)
      expect(await ask('orders', 'show', 'A-1 ')).toMatchObject({ order_id: 'A-1', customer_id: 'C-1' })
      expect(await ask('failed', 'retry', ' A-1', 'A-2 ', '--dry-run')).toMatchObject({ matched: 2 })
      expect(await ask('failed', 'clear', 'A-1 ', ' A-2', '--dry-run')).toMatchObject({ matched: 2 })
      expect(await ask('leaderboard', 'rank', 'C-1 ')).toMatchObject({ customer_id: 'C-1', rank: null })
      expect(await ask('products', 'adjust', 'S-1 ', '1', '--reason', 'found')).toMatchObject({ sku: 'S-1' })
    })
  },
  { concurrent: true },
)

describeWith('postgres', 'a database', () => {
  plainTest('with a collation of a language still sorts by bytes', async ({ skip }) => {
    const how = "template template0 encoding UTF8 locale_provider icu icu_locale 'en-US'"
    const url = await makeDatabase('postgres', { how }).catch(() => skip('the server has no ICU (PostgreSQL 15)'))
    const shop = await EngineShop.at('postgres', url)
    try {
      await shop.importing(csv(...['b', 'a', 'B', 'á'].map((sku) => line({ order: sku, customer: sku, sku }))))
      const { result } = await shop.json('products', 'list', '--limit', 'all')
      expect(result).toMatchObject({ products: ['B', 'a', 'b', 'á'].map((sku) => ({ sku })) })
    } finally {
      await shop.close()
    }
  })

  plainTest.for(['LATIN1', 'SQL_ASCII'])('with the encoding %s is refused, and stays empty', async (encoding) => {
    const how = `encoding ${encoding} lc_collate 'C' lc_ctype 'C' template template0`
    const url = await makeDatabase('postgres', { how })
    const shop = await EngineShop.at('postgres', url).catch((error: unknown) => error)
    expect(shop).toMatchObject({
      code: 'database_encoding',
      message: expect.stringContaining(encoding),
      fix: expect.stringContaining('encoding UTF8 template template0'),
    })
    expect(await askServer(url, "select * from pg_tables where schemaname = 'public'")).toEqual([])
  })
})
