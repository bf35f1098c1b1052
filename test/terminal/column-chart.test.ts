// Columns are to scale, the latest on the right.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { columnChart } from '../../src/terminal/column-chart.js'
import { lineText, lineWidth } from '../../src/terminal/line.js'

const draw = (values: readonly number[], width: number, height: number) =>
  columnChart(values, width, height).map(lineText).join('\n')

test('the scale ends at 1, 2 or 5 times a power of ten, and the least of all shows', () => {
  expect(draw([0, 1, 25, 26, 50, 100], 19, 2)).toBe(['      100 ┤       █', '        0 ┤   ▁▄▄██'].join('\n'))
})

test('what is older than the width goes, and what is missing is empty on the left', () => {
  expect(draw([10, 10, 5, 5, 5], 14, 1)).toBe('       10 ┤▄▄▄')
  expect(draw([10], 14, 1)).toBe('       10 ┤  █')
})

test('has the height and the width that it is given', () => {
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
