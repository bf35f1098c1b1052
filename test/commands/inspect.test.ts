// import inspect: how a file would be read, before anything is stored.
import { copyFileSync, existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import stringWidth from 'string-width'
import { describe, expect } from 'vitest'
import { columnsTable, factsTable, ordersTable } from '../../src/command-line/import-inspect-view.js'
import { openContent } from '../../src/csv/content.js'
import { readSample } from '../../src/import/inspect.js'
import { understand } from '../../src/import/mapping/understand.js'
import { renderTable } from '../../src/terminal/table.js'
import { csv, line } from '../support/lines.js'
import { moreThanABlock } from '../support/orders-file.js'
import { type Shop, test } from '../support/shop.js'

const FORMATS = resolve(import.meta.dirname, '../formats')

/** Copies a file of test/formats into the shop's folder. */
function take(shop: Shop, name: string): string {
  copyFileSync(join(FORMATS, name), join(shop.folder, name))
  return name
}

const cellsOf = (table: string) => table.split('\n').map((row) => row.split(/ {2,}/))

describe.concurrent('import inspect', () => {
  test('shows the field of each column with samples and the reason, and writes nothing', async ({ newShop: shop }) => {
    const { code, stdout, stderr } = await shop.run('import', 'inspect', take(shop, 'generic_items.csv'))
    expect(code).toBe(0)
    const rows = cellsOf(stdout)
    for (const row of [
      ['Delimiter', 'semicolon'],
      ['Preset', 'none: columns are found by name'],
      ['Decimal mark', 'comma'],
      ['Dates', 'day first'],
      ['id', 'order_id', '5001 · 5002 · 5003', 'means order id'],
      ['qty', 'quantity', '2 · 1 · 24', 'means quantity'],
    ])
      expect(rows).toContainEqual(row)
    expect(stdout).toMatch(/^price +unit_price +64,90 € .*decimal comma: line 2 has 64,90 €$/m)
    expect(stdout).toMatch(/^date +order_date .*day first: line 6 has 17\.02\.2025$/m)
    expect(stdout).toContain('The file has 8 lines: 7 to import as 5 orders; 1 skipped (1 total); 0 rejected.')
    expect(stderr).toBe('To import it: orderctl import generic_items.csv\n')
    expect(existsSync(shop.path)).toBe(false)
  })

  test('shows the first three orders as they would be stored', async ({ newShop: shop }) => {
    const { result } = await shop.json('import', 'inspect', take(shop, 'amazon_all_orders.txt'))
    expect(result).toMatchObject({
      ...{ encoding: 'utf-8', compression: null, delimiter: '\t', mapping: 'amazon', header_line: 1, questions: [] },
      sample: {
        ...{ rows: 8, complete: true, orders: 4, imported: 5, rejected: 0, skipped: 3 },
        skipped_reasons: { cancelled: 2, pending: 1 },
        first_orders: [
          {
            ...{ order_id: '302-1180457-5520013', currency: 'EUR', total: 42.46 },
            lines: [
              { sku: 'PAN-14', quantity: 3, unit_price: null, total: 29.97 },
              { sku: 'SCRAPER-S', quantity: 1, unit_price: null, total: 12.49 },
            ],
          },
          { order_id: '302-1180457-5520039', total: 24.9 },
          { order_id: '203-4471120-0093316', currency: 'GBP', total: 20 },
        ],
      },
    })
  })

  test('counts rejected lines and shows the reasons of the first five', async ({ newShop: shop }) => {
    const bad = Array.from({ length: 7 }, (_, index) => line({ order: `B-${index}`, quantity: 'two' }))
    shop.file('orders.csv', csv(line(), ...bad))
    const { code, stdout } = await shop.run('import', 'inspect', 'orders.csv')
    expect(code).toBe(0)
    expect(stdout).toContain('The file has 8 lines: 1 to import as 1 order; 0 skipped; 7 rejected.')
    expect(stdout.match(/^line \d+: /gm)).toEqual([3, 4, 5, 6, 7].map((number) => `line ${number}: `))
    const { result } = await shop.json('import', 'inspect', 'orders.csv')
    const rejections = bad.map((_, index) => ({ line: index + 3, column: 'quantity', reason: expect.any(String) }))
    expect(result).toMatchObject({ sample: { rejected: 7, rejections } })
  })

  test('reads a last line without a line ending', async ({ newShop: shop }) => {
    shop.file('orders.csv', csv(line(), line({ order: 'A-2' })).trimEnd())
    const { result } = await shop.json('import', 'inspect', 'orders.csv')
    expect(result).toMatchObject({ sample: { rows: 2, complete: true, orders: 2 } })
  })

  test('reads the start of a long file only, and says so', async ({ newShop: shop }) => {
    const lines = moreThanABlock('L')
    shop.file('orders.csv', csv(...lines))
    const { code, stdout } = await shop.run('import', 'inspect', 'orders.csv')
    expect(code).toBe(0)
    const [, rows = '', orders] = /^The first ([\d,]+) lines: [\d,]+ to import as ([\d,]+) orders; /m.exec(stdout) ?? []
    expect(orders).toBe(rows)
    expect(Number(rows.replace(',', ''))).toBeLessThan(lines.length)
  })

  test('shows columns whose values skip lines, and folds the others', async ({ newShop: shop }) => {
    const { stdout } = await shop.run('import', 'inspect', take(shop, 'shopify_full.csv'), '--currency', 'USD')
    expect(stdout).toMatch(/^Cancelled at +skips lines /m)
    expect(stdout).toMatch(/^Not used +.* and \d\d more columns \(see --json\)$/m)
  })

  test.for([60, 80, 200])('fits a terminal of %d columns', async (width) => {
    const file = join(FORMATS, 'amazon_all_orders.txt')
    const content = await openContent(file)
    const understood = await understand(content, {})
    const sample = await readSample(content, understood, { timeZone: 'UTC', anyDate: false })
    await content.close()
    const inspected = { file, content, understood, sample, isCut: false }
    const screen = { isTerminal: true, hasColour: false, isAscii: false, width }
    for (const table of [factsTable(inspected), columnsTable(inspected), ordersTable(sample, 'UTC')]) {
      const text = renderTable(table, screen)
      expect(text).toMatch(/Encoding|line_total|20\.00 GBP/)
      expect(Math.max(...text.split('\n').map((row) => stringWidth(row)))).toBeLessThanOrEqual(width)
    }
  })

  test('names what the import would ask, with the flags, and exits with 2', async ({ newShop: shop }) => {
    const file = take(shop, 'ambiguous_dates.csv')
    const { code, stdout, stderr } = await shop.run('import', 'inspect', file, '--source', 'web')
    expect(code).toBe(2)
    expect(stdout).toMatch(/^order_date +order_date /m)
    expect(stderr).toMatch(/^order_date can be day first or month first: line 2 has 03\/04\/2025/)
    const command = `orderctl import ${file} --source web --date-format dmy`
    expect(stderr).toContain(`For example: ${command}\n`)
    const { result } = await shop.json('import', 'inspect', file)
    const question = { flag: '--date-format', answers: ['--date-format dmy', '--date-format mdy'] }
    expect(result).toMatchObject({ sample: null, questions: [question] })
    expect(await shop.json(...command.split(' ').slice(1))).toMatchObject({ code: 0, result: { source: 'web' } })
  })

  test('reads a file as the configuration of its source says', async ({ newShop: shop }) => {
    shop.file('orderctl.config.json', JSON.stringify({ sources: { web: { dateFormat: 'mdy' } } }))
    const file = take(shop, 'ambiguous_dates.csv')
    const first = async (...flags: string[]) => {
      const { code, result } = await shop.json('import', 'inspect', file, '--source', 'web', ...flags)
      return [
        code,
        (result as { sample: { first_orders: { order_date: string }[] } }).sample.first_orders[0]?.order_date,
      ]
    }
    expect(await first()).toEqual([0, '2025-03-04T10:15:00'])
    expect(await first('--date-format', 'dmy')).toEqual([0, '2025-04-03T10:15:00'])
  })

  test('refuses a file that is not an order file as the import does', async ({ newShop: shop }) => {
    const { code, stdout, stderr } = await shop.run('import', 'inspect', take(shop, 'stripe_payments.csv'))
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toContain('Stripe payments export')
  })
})

describe.concurrent('import inspect --save-map', () => {
  test('writes a mapping with which import --map reads the file', async ({ newShop: shop }) => {
    const file = take(shop, 'generic_items.csv')
    const { code, stderr } = await shop.run('import', 'inspect', file, '--save-map', 'map.json')
    expect(code).toBe(0)
    expect(stderr).toContain(`To import it: orderctl import ${file} --map map.json\n`)
    expect(JSON.parse(readFileSync(join(shop.folder, 'map.json'), 'utf8'))).toMatchObject({
      columns: { order_id: ['id'], quantity: ['qty'] },
      decimal: 'comma',
    })
    const mapped = await shop.json('import', file, '--map', 'map.json')
    expect(mapped).toMatchObject({ code: 0, result: { orders: 5, imported: 7, skipped: 1 } })
  })

  test('never overwrites a file without --force, and never the input', async ({ newShop: shop }) => {
    const file = take(shop, 'generic_items.csv')
    const before = readFileSync(join(shop.folder, file), 'utf8')
    shop.file('notes.txt', 'mine')
    const save = async (...args: string[]) => {
      const { stderr } = await shop.run('import', 'inspect', file, '--json', '--save-map', ...args)
      return stderr === '' ? 'saved' : JSON.parse(stderr).error.code
    }
    expect(await save('notes.txt')).toBe('map_exists')
    expect(readFileSync(join(shop.folder, 'notes.txt'), 'utf8')).toBe('mine')
    expect(await save(file, '--force')).toBe('map_over_input')
    expect(readFileSync(join(shop.folder, file), 'utf8')).toBe(before)
    expect(await save('missing/map.json')).toBe('map_unwritable')
    expect(await save('notes.txt', '--force')).toBe('saved')
  })
})
