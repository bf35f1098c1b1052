// Lines that are no order lines: each costs its own order, says why, and nothing else.
import { readFileSync } from 'node:fs'
import { describe, expect } from 'vitest'
import type { ImportResult } from '../../src/commands/import.js'
import { csv, HEADER, type LineDraft, line, test, type Workplace } from '../workplace.js'
import { conflictsAndRejects, importJson, moreThanABlock, orders } from './orders-file.js'

/** What became of each order of a file: `imported`, or the column and the reason of its lines. */
async function fates(place: Workplace, file: string | Buffer): Promise<Record<string, string>> {
  place.file('orders.csv', file)
  const { code, told } = await importJson(place, 'orders.csv')
  expect(told.rows).toBe(told.imported + told.rejected)
  expect(code).toBe(told.rejected > 0 ? 3 : 0)
  const rejected = conflictsAndRejects(told)
  expect(rejected).toHaveLength(told.rejected)
  return Object.fromEntries([
    ...orders(place).map((row) => [(row as string[])[0], 'imported']),
    ...rejected.map((row) => [row['order_id'], `${row['rejected_column']}: ${row['rejected_reason']}`]),
  ])
}

/** The rows of the rejects file as they stand, for those that are no CSV. */
function rejectedRows(told: ImportResult): string[] {
  return readFileSync(String(told.rejects_file), 'utf8').split('\n').slice(1, -1)
}

const byLine = (a: string, b: string) => numberOf(a) - numberOf(b)
const numberOf = (row: string) => Number(/,(\d+),\w*,[^,]*$/.exec(row)?.[1])

describe.concurrent('a value that cannot be used', () => {
  const cases: readonly (readonly [LineDraft, string])[] = [
    [{ order: '' }, 'order_id: order_id is empty'],
    [{ customer: ' ' }, 'customer_id: customer_id is empty'],
    [{ sku: '' }, 'product_sku: product_sku is empty'],
    [{ name: '' }, 'imported'],
    [{ product: '' }, 'imported'],
    [{ quantity: '' }, 'quantity: quantity is "", not a whole number'],
    [{ quantity: 0 }, 'quantity: quantity is 0: it must be 1 or more'],
    [{ quantity: -1 }, 'quantity: quantity is -1: returns are not imported, it must be 1 or more'],
    [{ quantity: '1.5' }, 'quantity: quantity is "1.5", not a whole number'],
    [{ quantity: '1e3' }, 'quantity: quantity is "1e3", not a whole number'],
    [{ quantity: '0x10' }, 'quantity: quantity is "0x10", not a whole number'],
    [{ quantity: '9999999999' }, 'quantity: quantity is 9999999999: more than 1000000'],
    [{ quantity: '1000001' }, 'quantity: quantity is 1000001: more than 1000000'],
    [{ quantity: '1000000' }, 'imported'],
    [{ quantity: '007' }, 'imported'],
    [{ price: '' }, 'unit_price: unit_price is "", not a decimal number such as 12.50'],
    [
      { price: '"1,299.99"' },
      'unit_price: unit_price is "1,299.99": write it with a point and without thousands separators, like 1299.99',
    ],
    [
      { price: '"12,50"' },
      'unit_price: unit_price is "12,50": write it with a point and without thousands separators, like 1299.99',
    ],
    [{ price: '-1' }, 'unit_price: unit_price is -1: it must not be negative'],
    [{ price: 'abc' }, 'unit_price: unit_price is "abc", not a decimal number such as 12.50'],
    [{ price: '$5' }, 'unit_price: unit_price is "$5", not a decimal number such as 12.50'],
    [{ price: 'NaN' }, 'unit_price: unit_price is "NaN", not a decimal number such as 12.50'],
    [{ price: '1.00001' }, 'unit_price: unit_price is 1.00001: it has more than 4 decimals'],
    [{ price: '1.0001' }, 'imported'],
    [{ price: '1000000001' }, 'unit_price: unit_price is 1000000001: more than 1000000000'],
    [
      { price: '1000000000', quantity: 1000000 },
      'unit_price: unit_price times quantity is more than an order line may cost',
    ],
    [{ price: '0' }, 'imported'],
    [{ currency: '' }, 'currency: currency is "", not a currency of ISO 4217 such as USD'],
    [{ currency: 'XYZ' }, 'currency: currency is "XYZ", not a currency of ISO 4217 such as USD'],
    [{ currency: '$' }, 'currency: currency is "$", not a currency of ISO 4217 such as USD'],
    [{ date: '' }, 'order_date: order_date is "": write it as YYYY-MM-DD or YYYY-MM-DD HH:MM:SS'],
    [{ date: '15/01/2025' }, 'order_date: order_date is "15/01/2025": write it as YYYY-MM-DD or YYYY-MM-DD HH:MM:SS'],
    [{ date: '2025-02-30' }, 'order_date: order_date is "2025-02-30": there is no such day'],
    [{ date: '2025-13-01' }, 'order_date: order_date is "2025-13-01": there is no such day'],
    [{ date: '2025-02-29' }, 'order_date: order_date is "2025-02-29": there is no such day'],
    [{ date: '2024-02-29' }, 'imported'],
    [{ date: '2025-01-15 25:00:00' }, 'order_date: order_date is "2025-01-15 25:00:00": there is no such time'],
    [
      { date: '2025-01-15 10:00:00 +15:00' },
      'order_date: order_date is "2025-01-15 10:00:00 +15:00": there is no such offset from UTC',
    ],
    [
      { date: '9999-12-31T23:00:00-05:00' },
      'order_date: order_date is "9999-12-31T23:00:00-05:00": there is no such day',
    ],
    [{ customer: 'i'.repeat(101) }, 'customer_id: customer_id has 101 characters: 100 is the most'],
    [{ customer: 'i'.repeat(100) }, 'imported'],
    [{ sku: 'i'.repeat(101) }, 'product_sku: product_sku has 101 characters: 100 is the most'],
    [{ name: 'n'.repeat(256) }, 'customer_name: customer_name has 256 characters: 255 is the most'],
  ]

  test('is named with its column and the reason, one order each', async ({ place }) => {
    const expected: Record<string, string> = {}
    const lines = cases.map(([draft, fate], index) => {
      const order = draft.order ?? `A-${index}`
      expected[order] = fate
      return line({ order, customer: `C-${index}`, ...draft })
    })
    expect(await fates(place, csv(...lines))).toEqual(expected)
    expect(place.rows("select name from customers where customer_id = 'C-3'")).toEqual([{ name: 'C-3' }])
    expect(place.value('select quantity from order_lines where line_number = 16')).toBe(7)
  })

  test('may be a control character; names may hold tabs', async ({ place }) => {
    const lines = [
      line({ order: 'A-1\x07' }),
      line({ order: 'A-2', customer: 'C\x1b[31m' }),
      line({ order: 'A-3', sku: 'S\x7f1' }),
      line({ order: 'A-4', name: 'Ann\x08' }),
      line({ order: 'A-5', product: 'Wid\u0085get' }),
      line({ order: 'A-6', name: 'Ann\tSmith' }),
      line({ order: 'A-7', customer: '"C\n1"' }),
    ]
    expect(await fates(place, csv(...lines))).toEqual({
      'A-1\x07': 'order_id: order_id holds a control character (U+0007)',
      'A-2': 'customer_id: customer_id holds a control character (U+001B)',
      'A-3': 'product_sku: product_sku holds a control character (U+007F)',
      'A-4': 'customer_name: customer_name holds a control character (U+0008)',
      'A-5': 'product_name: product_name holds a control character (U+0085)',
      'A-6': 'imported',
      'A-7': 'customer_id: customer_id holds a control character (U+000A)',
    })
  })

  test('may be a control character that stands alone in its file', async ({ place }) => {
    for (const [source, id] of [
      ['del', 'A\x7f'],
      ['next', 'A\u0085'],
      ['cr', 'A\r1'],
    ] as const) {
      place.file('one.csv', csv(line({ order: 'A-0' }), line({ order: id })))
      expect((await importJson(place, 'one.csv', '--source', source)).told).toMatchObject({ imported: 1, rejected: 1 })
    }
  })

  test('is read with its offset from UTC, and falls on the day of the business', async ({ place }) => {
    place.file(
      'orders.csv',
      csv(
        line({ order: 'A-1', date: '2025-01-15T00:30:00+02:00' }),
        line({ order: 'A-2', date: '2025-01-15 23:30:00-0500' }),
        line({ order: 'A-3', date: '2025-01-15T23:30Z' }),
        line({ order: 'A-4', date: '2025-01-15T23:30:00.250' }),
      ),
    )
    await place.runWith({ ORDERCTL_TIME_ZONE: 'Europe/Berlin' }, 'import', 'orders.csv')
    expect(place.db.prepare('select ordered_at, business_day from orders order by id').raw().all()).toEqual([
      ['2025-01-14T22:30:00Z', '2025-01-14'],
      ['2025-01-16T04:30:00Z', '2025-01-16'],
      ['2025-01-15T23:30:00Z', '2025-01-16'],
      ['2025-01-15T23:30:00', '2025-01-15'],
    ])
  })
})

describe.concurrent('a line that is no record', () => {
  test('is rejected alone: quotes left open, text behind quotes, too few and too many cells', async ({ place }) => {
    const lines = [
      line({ order: 'A-1' }),
      line({ order: 'A-2', name: '"Ann' }),
      line({ order: 'A-3' }),
      line({ order: 'A-4', name: '"Ann" Smith' }),
      line({ order: 'A-5', name: '"Smith, Bob"' }),
      line({ order: 'A-6', product: '5" pipe' }),
      line({ order: 'A-7' }),
      'A-8,C-1,Ann',
      `${line({ order: 'A-9' })},more`,
      line({ order: 'A-10' }),
    ]
    place.file('orders.csv', csv(...lines))
    const { code, told } = await importJson(place, 'orders.csv')
    expect({ code, ...told }).toMatchObject({ code: 3, rows: 10, imported: 5, rejected: 5 })
    const imported = ['A-1', 'A-3', 'A-5', 'A-7', 'A-10']
    expect(orders(place).map((row) => (row as string[])[0])).toEqual(imported)
    expect(rejectedRows(told)).toEqual([
      `${lines[1]},3,,the line has a quote that is not closed`,
      expect.stringContaining(`${lines[3]},5,,"the line has text behind a closing quote`),
      expect.stringContaining(`${lines[5]},7,,"the line has a quote inside a value that is not quoted`),
      `${lines[7]},9,,the line has 3 values where the header names 9 columns`,
      `${lines[8]},10,,the line has 10 values where the header names 9 columns`,
    ])
    // Lines that are no CSV make the rejects file no better: read again as it is, it gives the same ones.
    const again = await importJson(place, String(told.rejects_file))
    expect(again).toMatchObject({ code: 3, told: { rows: 5, imported: 0, rejected: 5 } })
  })

  test('costs the other lines of its order, where its order can be told', async ({ place }) => {
    const [open, sound] = [line({ order: 'A-1', name: '"Ann' }), line({ order: 'A-1' })]
    place.file('orders.csv', csv(sound, open, line({ order: 'A-2' }), sound))
    const { told } = await importJson(place, 'orders.csv')
    expect(told).toMatchObject({ orders: 1, imported: 1, rejected: 3 })
    expect(orders(place)).toEqual([['A-2', 'C-1', 1000, 'USD']])
    expect(rejectedRows(told).sort(byLine)).toEqual([
      `${sound},2,,another line of this order was rejected (line 3)`,
      `${open},3,,the line has a quote that is not closed`,
      `${sound},5,,another line of this order was rejected (line 3)`,
    ])
  })

  test('may be the last: a quote that the end of the file leaves open', async ({ place }) => {
    const file = `${csv(line({ order: 'A-1' }))}${line({ order: 'A-2', name: '"Ann' })}`
    place.file('orders.csv', file)
    expect((await importJson(place, 'orders.csv')).told).toMatchObject({ rows: 2, imported: 1, rejected: 1 })
  })

  test('in the middle of a long file, a quote left open costs one line', async ({ place }) => {
    const [before, after] = [moreThanABlock('F'), moreThanABlock('G')]
    const bad = line({ order: 'BAD', name: '"Ann' })
    place.file('orders.csv', csv(...before, bad, ...after, ...moreThanABlock('H')))
    const { told } = await importJson(place, 'orders.csv')
    expect(told).toMatchObject({ rows: before.length * 3 + 1, imported: before.length * 3, rejected: 1 })
    expect(rejectedRows(told)).toEqual([`${bad},${before.length + 2},,the line has a quote that is not closed`])
  })

  test('is kept whole also where it lies across two blocks', async ({ place }) => {
    const name = `Ann" ${'y'.repeat(3000)} end`
    const before = moreThanABlock('F')
      .join('\n')
      .slice(0, 524_288 - HEADER.length - 600)
    const cut = before.slice(0, before.lastIndexOf('\n'))
    const bad = line({ order: 'BAD', name })
    place.file('orders.csv', `${HEADER}\n${cut}\n${bad}\n${line({ order: 'A-1' })}\n`)
    const { told } = await importJson(place, 'orders.csv')
    expect(told.rejected).toBe(1)
    expect(readFileSync(String(told.rejects_file), 'utf8')).toContain(`\n${bad},`)
    expect(orders(place, "reference = 'A-1'")).toHaveLength(1)
  })

  test('is rejected for one byte of Latin-1; its neighbours are not', async ({ place }) => {
    const text = csv(
      line({ order: 'A-1', name: 'Zoë' }),
      line({ order: 'A-2', name: 'M?ller' }),
      line({ order: 'A-3' }),
    )
    const file = Buffer.from(text)
    file[file.indexOf('?')] = 0xfc
    const result = await fates(place, file)
    expect(result).toMatchObject({ 'A-1': 'imported', 'A-3': 'imported', 'A-2': expect.stringContaining('not UTF-8') })
    expect(place.rows('select distinct name from customers')).toEqual([{ name: 'Zoë' }])
  })

  test('of 50 MB is rejected in bounded memory, and the lines after it are imported', async ({ place }) => {
    place.file(
      'peak.cjs',
      `if (require('worker_threads').isMainThread) process.on('exit', () =>
         require('fs').writeFileSync('peak.txt', String(process.resourceUsage().maxRSS)))`,
    )
    const long = Buffer.alloc(50_000_000, 'x')
    const file = Buffer.concat([
      Buffer.from(`${HEADER}\n${line({ order: 'A-1' })}\nLONG,`),
      long,
      Buffer.from(`\n${line({ order: 'A-2' })}\n`),
    ])
    place.file('orders.csv', file)
    const { code, result } = await place.jsonWith({ NODE_OPTIONS: '--require ./peak.cjs' }, 'import', 'orders.csv')
    expect(code).toBe(3)
    expect(result).toMatchObject({ rows: 3, imported: 2, rejected: 1 })
    expect(place.rows('select reference from orders order by id')).toEqual([{ reference: 'A-1' }, { reference: 'A-2' }])
    expect(place.rows('select line_number from order_lines order by 1')).toEqual([
      { line_number: 2 },
      { line_number: 4 },
    ])
    const kibibytes = Number(readFileSync(`${place.folder}/peak.txt`, 'utf8'))
    expect(kibibytes).toBeGreaterThan(30_000)
    expect(kibibytes).toBeLessThan(300_000)
  })
})

describe.concurrent('a bad line costs its whole order', () => {
  const sibling = (number: number) => `another line of this order was rejected (line ${number})`

  test('near and blocks apart, before and after', async ({ place }) => {
    const filler = moreThanABlock('F')
    const bad = { sku: 'S-2', quantity: 0 }
    const end = filler.length + 6
    place.file(
      'orders.csv',
      csv(
        line({ order: 'NEAR' }),
        line({ order: 'NEAR', ...bad }),
        line({ order: 'GOOD-THEN-BAD', sku: 'S-3' }),
        line({ order: 'BAD-THEN-GOOD', ...bad }),
        ...filler,
        line({ order: 'GOOD-THEN-BAD', ...bad }),
        line({ order: 'BAD-THEN-GOOD', sku: 'S-3' }),
      ),
    )
    const { told } = await importJson(place, 'orders.csv')
    expect(told).toMatchObject({ rows: filler.length + 6, imported: filler.length, rejected: 6, products_created: 1 })
    const rejects = conflictsAndRejects(told)
      .map((row) => [row['order_id'], Number(row['rejected_line']), row['rejected_reason']])
      .sort((a, b) => Number(a[1]) - Number(b[1]))
    const zero = 'quantity is 0: it must be 1 or more'
    expect(rejects).toEqual([
      ['NEAR', 2, sibling(3)],
      ['NEAR', 3, zero],
      ['GOOD-THEN-BAD', 4, sibling(end)],
      ['BAD-THEN-GOOD', 5, zero],
      ['GOOD-THEN-BAD', end, zero],
      ['BAD-THEN-GOOD', end + 1, sibling(5)],
    ])
    expect(place.rows("select reference from orders where reference not like 'F-%'")).toEqual([])
    expect(place.rows('select customer_id from customers')).toEqual([{ customer_id: 'C-FILLER' }])
    expect(place.rows('select sku from products')).toEqual([{ sku: 'FILLER' }])
    expect(place.value('select count(*) from stock_adjustments')).toBe(1)
  })

  test('where its lines disagree on customer, currency or date, in one block', async ({ place }) => {
    const pair = (order: string, other: LineDraft) => [line({ order }), line({ order, ...other })]
    const result = await fates(
      place,
      csv(
        ...pair('CUSTOMER', { customer: 'C-2' }),
        ...pair('CURRENCY', { currency: 'EUR' }),
        ...pair('DATE', { date: '2025-01-16' }),
        ...pair('NAME', { name: 'Anna' }),
      ),
    )
    expect(result).toEqual({
      CUSTOMER: 'customer_id: customer_id is "C-2", unlike line 2',
      CURRENCY: 'currency: currency is "EUR", unlike line 4',
      DATE: 'order_date: order_date is "2025-01-16T00:00:00", unlike line 6',
      NAME: 'imported',
    })
  })

  test('where they disagree blocks apart', async ({ place }) => {
    const filler = moreThanABlock('F')
    place.file(
      'orders.csv',
      csv(
        line({ order: 'CUSTOMER' }),
        line({ order: 'CURRENCY' }),
        line({ order: 'DATE' }),
        line({ order: 'NAME' }),
        ...filler,
        line({ order: 'CUSTOMER', customer: 'C-2' }),
        line({ order: 'CURRENCY', currency: 'EUR' }),
        line({ order: 'DATE', date: '2025-01-16' }),
        line({ order: 'NAME', name: 'Anna' }),
      ),
    )
    const { told } = await importJson(place, 'orders.csv')
    expect(told).toMatchObject({ orders: filler.length + 1, imported: filler.length + 2, rejected: 6, conflicts: 0 })
    expect(orders(place, "reference not like 'F-%'")).toEqual([['NAME', 'C-1', 2000, 'USD']])
    for (const row of conflictsAndRejects(told)) {
      const isFirst = Number(row['rejected_line']) < filler.length
      expect(row['rejected_reason']).toMatch(isFirst ? 'another line of this order' : 'order_date differ')
    }
  })
})
