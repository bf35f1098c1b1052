// Tables fit their width, and CSV has the same cells.
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

const tableOf = (text: fc.Arbitrary<string>) => {
  const align = fc.constantFrom('left' as const, 'right' as const)
  const column = fc.record({ heading: text, flexible: fc.boolean(), align })
  const cell = fc.oneof(text, fc.integer(), fc.double({ noNaN: true }), fc.constant(null))
  return fc.integer({ min: 2, max: 5 }).chain((size) => {
    const exactly = { minLength: size, maxLength: size }
    const rows = fc.array(fc.array(cell, exactly), { maxLength: 6 })
    return fc.record({ columns: fc.array(column, exactly), rows })
  })
}

const lineWidths = (text: string) => text.split('\n').map((line) => stringWidth(line))

describe('renderTable', () => {
  test('aligns its columns, and cuts the flexible one first', () => {
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

  test('cuts the others when the flexible one cannot get narrower', () => {
    const table: Table = { columns: orders.columns, rows: [['order-100000001', 'Ada Lovelace', '1']] }
    expect(renderTable(table, 36)).toContain('│ order-100000… │ Ada Lov… │     1 │')
  })

  test('writes one block per row if no table fits', () => {
    expect(renderTable({ ...orders, rows: orders.rows.slice(0, 2) }, 20)).toBe(
      'order: 1001\ncustomer: Ada Lovel…\ntotal: 485.96\n\norder: 1002\ncustomer: 山田太郎 …\ntotal: 7',
    )
  })

  test('shows the headings of an empty table', () => {
    expect(renderTable({ columns: [{ heading: 'sku' }], rows: [] }, 80)).toBe('┌─────┐\n│ sku │\n└─────┘')
  })

  test('has room for more rows than a call has for arguments', () => {
    const table: Table = { columns: [{ heading: 'n' }], rows: Array.from({ length: 200_000 }, (_, n) => [n]) }
    expect(renderTable(table, 80).split('\n')).toHaveLength(200_004)
  })

  test('is never wider than the terminal, whatever its cells contain', () => {
    fc.assert(
      fc.property(tableOf(anyText), fc.integer({ min: 1, max: 120 }), (table, width) => {
        expect(Math.max(...lineWidths(renderTable(table, width)))).toBeLessThanOrEqual(width)
      }),
    )
  })

  test('cuts nothing for a pipe: one line per row, all of the same width', () => {
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
  test('quotes formulas for spreadsheets, but not numbers', () => {
    const rows = [['=HYPERLINK("evil")', -5] as const, ['\u200b@sum', '-5'] as const, ['+1, or', null] as const]
    const columns = [{ heading: 'name' }, { heading: 'amount' }]
    expect(renderCsv({ columns, rows })).toBe(`name,amount\n"'=HYPERLINK(""evil"")",-5\n'@sum,'-5\n"'+1, or",`)
  })

  test('parses to the cells of the table', () => {
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
