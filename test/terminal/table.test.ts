// Tables fit their width, and CSV has the same cells.
import { parse } from 'csv-parse/sync'
import fc from 'fast-check'
import stringWidth from 'string-width'
import { describe, expect, test } from 'vitest'
import { fitLine, part } from '../../src/terminal/line.js'
import { asciiOf, drawLine, type Screen, screenOf } from '../../src/terminal/screen.js'
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

const screen = (width?: number): Screen => ({ isTerminal: false, hasColour: false, isAscii: false, width })

describe('renderTable', () => {
  test('aligns its columns, and wraps the flexible one first', () => {
    expect(renderTable(orders, screen(27)).split('\n')).toEqual([
      'order  customer       total',
      '─────  ──────────  ────────',
      '1001   Ada           485.96',
      '       Lovelace',
      '       of London',
      '1002   山田太郎           7',
      '       🪴',
      '1003   –           1,299.00',
    ])
    const table: Table = { columns: orders.columns, rows: [['order-100000001', 'Ada Lovelace', '1']] }
    expect(renderTable(table, screen(28)).split('\n').slice(2)).toEqual([
      'order-10000  Ada           1',
      '0001         Lovelace',
    ])
  })

  test('wraps other texts before amounts and times', () => {
    const columns = [{ heading: 'customer' }, { heading: 'ordered', align: 'right' } as const]
    const rows = [['ada@example.com', '31 May 2025 23:50']]
    expect(renderTable({ columns, rows }, screen(29)).split('\n').slice(2)).toEqual([
      'ada@exampl  31 May 2025 23:50',
      'e.com',
    ])
  })

  test('writes one block per row if no table fits', () => {
    expect(renderTable({ ...orders, rows: orders.rows.slice(0, 2) }, screen(18))).toBe(
      'order: 1001\ncustomer: Ada\nLovelace of London\ntotal: 485.96\n\norder: 1002\ncustomer: 山田太郎\n🪴\ntotal: 7',
    )
  })

  test('has room for more rows than a call has for arguments', () => {
    const table: Table = { columns: [{ heading: 'n' }], rows: Array.from({ length: 200_000 }, (_, n) => [n]) }
    expect(renderTable(table, screen(80)).split('\n')).toHaveLength(200_002)
  })

  test('is never wider than the terminal, whatever its cells contain', () => {
    fc.assert(
      fc.property(tableOf(anyText), fc.integer({ min: 1, max: 120 }), (table, width) => {
        expect(Math.max(...lineWidths(renderTable(table, screen(width))))).toBeLessThanOrEqual(width)
      }),
    )
  })

  test('cuts nothing for a pipe: one line per row', () => {
    fc.assert(
      fc.property(tableOf(trickyText), (table) => {
        const text = renderTable(table, screen())
        expect(text).not.toContain('…')
        expect(lineWidths(text)).toHaveLength(table.rows.length + 2)
      }),
    )
  })

  test('has colours on a terminal and ASCII in a C locale', () => {
    const table: Table = { columns: [{ heading: 'status' }], rows: [[{ text: 'failed', ink: 'bad' }], [null]] }
    const terminal = { isTTY: true, columns: 80 }
    expect(renderTable(table, screenOf(terminal, {}))).toContain('\u001b[31mfailed\u001b[39m')
    expect(renderTable(table, screenOf(terminal, { NO_COLOR: '1' }))).toBe('status\n──────\nfailed\n–')
    expect(renderTable(table, screenOf(terminal, { NO_COLOR: '1', LC_ALL: 'C' }))).toBe('status\n------\nfailed\n-')
    for (const environment of [{ LC_ALL: 'POSIX', LANG: 'en_US.UTF-8' }, { LC_CTYPE: 'en_US' }, { TERM: 'dumb' }]) {
      expect(screenOf(terminal, environment), JSON.stringify(environment)).toMatchObject({ isAscii: true })
    }
    for (const environment of [{ LC_CTYPE: 'UTF-8', LANG: 'C' }, { LC_ALL: '', LANG: 'C.utf8' }, {}]) {
      expect(screenOf(terminal, environment), JSON.stringify(environment)).toMatchObject({ isAscii: false })
    }
  })

  test('ends a cut cell with dots in a C locale, and keeps its width', () => {
    const ascii = { ...screen(), isAscii: true }
    expect(drawLine(fitLine([part('Harbour'), part(' Hotels')], 10), ascii)).toBe('Harbour...')
    expect(asciiOf('… and 3 more lines.')).toBe('... and 3 more lines.')
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
