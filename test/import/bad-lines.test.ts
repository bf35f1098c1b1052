// Lines that are no order lines: each costs its own order, says why, and nothing else.
import { readFileSync } from 'node:fs'
import { describe, expect } from 'vitest'
import type { ImportResult } from '../../src/command-line/import-view.js'
import { conflictsAndRejects, fates, importJson, moreThanABlock, orders } from '../support/orders-file.js'
import { csv, HEADER, type LineDraft, line, test } from '../support/workplace.js'

/** The rows of the rejects file as they stand, for those that are no CSV. */
function rejectedRows(told: ImportResult): string[] {
  return readFileSync(String(told.rejects_file), 'utf8').split('\n').slice(1, -1)
}

const byLine = (a: string, b: string) => numberOf(a) - numberOf(b)
const numberOf = (row: string) => Number(/,(\d+),\w*,[^,]*$/.exec(row)?.[1])

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
