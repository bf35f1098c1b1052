// Bars and columns are to scale and fit their width.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { blockBar, columnChart, sparkline } from '../../src/terminal/chart.js'
import { lineText, lineWidth } from '../../src/terminal/line.js'

test('a bar is to scale in eighths of a column, never too wide, and shows the smallest value', () => {
  const bars = [0, 0.001, 0.5, 1, 7, Number.NaN].map((fraction) => blockBar(fraction, 3))
  expect(bars).toEqual(['', '▏', '█▌', '███', '███', ''])
})

test('a sparkline has one column per value, scaled to the highest, and shows the smallest', () => {
  expect(sparkline([0, 1, 100, 125, 500, 999, 1000])).toBe(' ▁▁▁▄██')
  expect(sparkline([0, 0])).toBe('  ')
  expect(sparkline([3])).toBe('█')
  expect(sparkline([])).toBe('')
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
