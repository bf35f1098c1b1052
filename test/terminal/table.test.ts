// Tables keep to the width they are given, and CSV says what the table says.
import { parse } from 'csv-parse/sync'
import fc from 'fast-check'
import stringWidth from 'string-width'
import { describe, expect, test } from 'vitest'
import { renderCsv, renderTable, type Table } from '../../src/terminal/table.js'
import { cleanText } from '../../src/terminal/text.js'
import { anyText, trickyText } from '../support/any-text.js'

const orders: Table = {
  columns: [{ heading: 'order' }, { heading: 'customer', flexible: true }, { heading: 'total', align: 'right' }],
  rows: [
    ['1001', 'Ada Lovelace of London', '485.96'],
    ['1002', '山田太郎 🪴', 7],
    ['1003', null, '1,299.00'],
  ],
}

const tableOf = (text: fc.Arbitrary<string>) =>
  fc.integer({ min: 2, max: 5 }).chain((size) =>
    fc.record({
      columns: fc.array(
        fc.record({
          heading: text,
          flexible: fc.boolean(),
          align: fc.constantFrom('left' as const, 'right' as const),
        }),
        { minLength: size, maxLength: size },
      ),
      rows: fc.array(
        fc.array(fc.oneof(text, fc.integer(), fc.double({ noNaN: true }), fc.constant(null)), {
          minLength: size,
          maxLength: size,
        }),
        { maxLength: 6 },
      ),
    }),
  )

const lineWidths = (text: string) => text.split('\n').map((line) => stringWidth(line))

describe('renderTable', () => {
  test('cuts nothing into a pipe', () => {
    expect(renderTable(orders, undefined)).toBe(
      [
        '┌───────┬────────────────────────┬──────────┐',
        '│ order │ customer               │    total │',
        '├───────┼────────────────────────┼──────────┤',
        '│ 1001  │ Ada Lovelace of London │   485.96 │',
        '│ 1002  │ 山田太郎 🪴            │        7 │',
        '│ 1003  │ –                      │ 1,299.00 │',
        '└───────┴────────────────────────┴──────────┘',
      ].join('\n'),
    )
  })

  test('cuts the flexible column first', () => {
    expect(renderTable(orders, 32)).toBe(
      [
        '┌───────┬───────────┬──────────┐',
        '│ order │ customer  │    total │',
        '├───────┼───────────┼──────────┤',
        '│ 1001  │ Ada Love… │   485.96 │',
        '│ 1002  │ 山田太郎… │        7 │',
        '│ 1003  │ –         │ 1,299.00 │',
        '└───────┴───────────┴──────────┘',
      ].join('\n'),
    )
  })

  test('cuts the others when the flexible one has given all it has', () => {
    const table: Table = { columns: orders.columns, rows: [['order-100000001', 'Ada Lovelace', '1']] }
    expect(renderTable(table, 36)).toContain('│ order-100000… │ Ada Lov… │     1 │')
  })

  test('writes a block a row where no table fits', () => {
    expect(renderTable({ ...orders, rows: orders.rows.slice(0, 2) }, 20)).toBe(
      'order: 1001\ncustomer: Ada Lovel…\ntotal: 485.96\n\norder: 1002\ncustomer: 山田太郎 …\ntotal: 7',
    )
  })

  test('shows its headings when there are no rows', () => {
    expect(renderTable({ columns: [{ heading: 'sku' }], rows: [] }, 80)).toBe('┌─────┐\n│ sku │\n└─────┘')
  })

  test('holds more rows than a call holds arguments', () => {
    const table: Table = { columns: [{ heading: 'n' }], rows: Array.from({ length: 200_000 }, (_, n) => [n]) }
    expect(renderTable(table, 80).split('\n')).toHaveLength(200_004)
  })

  test('is never wider than the terminal, whatever the cells hold', () => {
    fc.assert(
      fc.property(tableOf(anyText), fc.integer({ min: 1, max: 120 }), (table, width) => {
        expect(Math.max(...lineWidths(renderTable(table, width)))).toBeLessThanOrEqual(width)
      }),
    )
  })

  test('has whole cells in lines of one width, one a row, into a pipe', () => {
    fc.assert(
      fc.property(tableOf(trickyText), (table) => {
        const text = renderTable(table, undefined)
        const widths = lineWidths(text)
        expect(text).not.toContain('…')
        expect(new Set(widths).size).toBe(1)
        expect(widths).toHaveLength(table.rows.length + (table.rows.length > 0 ? 4 : 3))
      }),
    )
  })
})

describe('renderCsv', () => {
  test('disarms what a spreadsheet would run, and leaves numbers alone', () => {
    const table: Table = {
      columns: [{ heading: 'name' }, { heading: 'amount' }],
      rows: [
        ['=HYPERLINK("evil")', -5],
        ['\u200b@sum', '-5'],
        ['+1, or', null],
      ],
    }
    expect(renderCsv(table)).toBe(`name,amount\n"'=HYPERLINK(""evil"")",-5\n'@sum,'-5\n"'+1, or",`)
  })

  test('is read back as the cells that went in', () => {
    const written = (cell: string | number | null) => {
      const text = cleanText(String(cell ?? ''))
      return typeof cell !== 'number' && /^[=+\-@＝＋－＠]/.test(text) ? `'${text}` : text
    }
    fc.assert(
      fc.property(tableOf(anyText), (table) => {
        const [headings, ...rows] = parse(renderCsv(table), { bom: false })
        expect(headings).toEqual(table.columns.map((column) => written(column.heading)))
        expect(rows).toEqual(table.rows.map((row) => row.map(written)))
      }),
    )
  })
})
