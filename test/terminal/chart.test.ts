// Bars and columns are to scale and fit their width.
import fc from 'fast-check'
import stringWidth from 'string-width'
import { expect, test } from 'vitest'
import { barChart, blockBar, columnChart, sparkline } from '../../src/terminal/chart.js'
import { lineText, lineWidth } from '../../src/terminal/line.js'
import { anyText } from '../support/any-text.js'

const bar = (label: string, value: number, text = `${value}`) => ({ label, value, text })

test('scales bars to the largest, and shows the smallest', () => {
  const bars = [bar('Mon', 1000, '1,000'), bar('Tuesday', 510), bar('Wed', 1), bar('Thu', 0)]
  expect(barChart(bars, 24)).toBe(
    [
      'Mon     ██████████ 1,000',
      'Tuesday █████▏       510',
      'Wed     ▏              1',
      'Thu                    0',
    ].join('\n'),
  )
})

test('fills the width with a bar, cuts a long label, strips control characters, and draws none for zero', () => {
  expect(barChart([bar('Ada\u001b Lovelace', 1, '1\u0007')], 18)).toBe('Ada L… █████████ 1')
  expect(barChart([bar('a', 3)])).toBe(`a ${'█'.repeat(76)} 3`)
  expect(barChart([bar('a', 0)], 10)).toBe('a        0')
  expect(barChart([], 10)).toBe('')
  // In eighths of a column, never wider than its width.
  expect([0, 0.5, 1, 7, Number.NaN].map((fraction) => blockBar(fraction, 3))).toEqual(['', '█▌', '███', '███', ''])
})

test('a sparkline has one column per value, scaled to the highest, and shows the smallest', () => {
  expect(sparkline([0, 1, 100, 125, 500, 999, 1000])).toBe(' ▁▁▁▄██')
  expect(sparkline([0, 0])).toBe('  ')
  expect(sparkline([3])).toBe('█')
  expect(sparkline([])).toBe('')
})

test('a bar chart is never wider than asked for', () => {
  const anyBar = fc.record({ label: anyText, value: fc.double({ min: -1e9, max: 1e9, noNaN: true }), text: anyText })
  fc.assert(
    fc.property(fc.array(anyBar), fc.integer({ min: 1, max: 100 }), (bars, width) => {
      for (const line of barChart(bars, width).split('\n')) expect(stringWidth(line)).toBeLessThanOrEqual(width)
    }),
  )
})

const draw = (values: readonly number[], width: number, height: number) =>
  columnChart(values, width, height).map(lineText).join('\n')

test('columns have a scale that ends at 1, 2 or 5 times a power of ten, and are the latest that fit', () => {
  expect(draw([0, 1, 25, 26, 50, 100], 19, 2)).toBe('      100 ┤       █\n        0 ┤   ▁▄▄██')
  expect(draw([10, 10, 5, 5, 5], 14, 1)).toBe('       10 ┤▄▄▄')
  expect(draw([10], 14, 1)).toBe('       10 ┤  █')
})

test('a column chart has exactly the width and height asked for', () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0, max: 5e6, noNaN: true })),
      fc.integer({ min: 11, max: 300 }),
      fc.integer({ min: 0, max: 30 }),
      (values, width, height) => {
        const lines = columnChart(values, width, height)
        expect(lines).toHaveLength(height)
        for (const line of lines) expect(lineWidth(line)).toBe(width)
      },
    ),
  )
})
