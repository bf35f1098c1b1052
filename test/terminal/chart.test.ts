// Bars and columns are to scale and fit.
import fc from 'fast-check'
import stringWidth from 'string-width'
import { expect, test } from 'vitest'
import { barChart, blockBar, columnChart, sparkline } from '../../src/terminal/chart.js'
import { lineText, lineWidth } from '../../src/terminal/line.js'
import { anyText } from '../support/any-text.js'

test('bars are to the scale of the largest, and the least of them shows', () => {
  const bars = [
    { label: 'Mon', value: 1000, text: '1,000' },
    { label: 'Tuesday', value: 510, text: '510' },
    { label: 'Wed', value: 1, text: '1' },
    { label: 'Thu', value: 0, text: '0' },
  ]
  expect(barChart(bars, 24)).toBe(
    [
      'Mon     ██████████ 1,000',
      'Tuesday █████▏       510',
      'Wed     ▏              1',
      'Thu                    0',
    ].join('\n'),
  )
})

test('a long label leaves room for its bar; escapes in label and text are gone', () => {
  expect(barChart([{ label: 'Ada\u001b Lovelace', value: 1, text: '1\u0007' }], 18)).toBe('Ada L… █████████ 1')
})

test('one bar fills the room; zeros have none; nothing is nothing', () => {
  expect(barChart([{ label: 'a', value: 3, text: '3' }])).toBe(`a ${'█'.repeat(76)} 3`)
  expect(barChart([{ label: 'a', value: 0, text: '0' }], 10)).toBe('a        0')
  expect(barChart([], 10)).toBe('')
})

test('a bar counts eighths and stays within its width', () => {
  expect([0, 0.5, 1, 7, Number.NaN].map((fraction) => blockBar(fraction, 3))).toEqual(['', '█▌', '███', '███', ''])
})

test('a sparkline has a column a value, to the scale of the highest, and the least of them shows', () => {
  expect(sparkline([0, 1, 100, 125, 500, 999, 1000])).toBe(' ▁▁▁▄██')
  expect(sparkline([0, 0])).toBe('  ')
  expect(sparkline([3])).toBe('█')
  expect(sparkline([])).toBe('')
})

test('is never wider than asked for', () => {
  const bar = fc.record({ label: anyText, value: fc.double({ min: -1e9, max: 1e9, noNaN: true }), text: anyText })
  fc.assert(
    fc.property(fc.array(bar), fc.integer({ min: 1, max: 100 }), (bars, width) => {
      for (const line of barChart(bars, width).split('\n')) expect(stringWidth(line)).toBeLessThanOrEqual(width)
    }),
  )
})

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
