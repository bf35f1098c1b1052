// Percentiles of a histogram beside those of the durations themselves, sorted.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { addHistograms, bucketOf, type Histogram, percentile, sizeOf, totalMs } from '../../src/domain/histogram.js'

const duration = fc.oneof(
  fc.double({ min: 0.1, max: 10, noNaN: true }),
  fc.double({ min: 10, max: 100_000, noNaN: true }),
  fc.integer({ min: 1, max: 3_600_000 }),
)
const durations = fc.array(duration, { minLength: 1, maxLength: 200 })
const share = fc.constantFrom(0.01, 0.5, 0.9, 0.95, 0.99, 1)

function counted(values: readonly number[]): Histogram {
  return addHistograms(values.map((ms) => new Map([[bucketOf(ms), 1]])))
}

/** The nearest rank: the shortest of them that so many do not exceed. */
function exact(values: readonly number[], of: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted.find((_, index) => index + 1 >= of * values.length) ?? Number.NaN
}

test('the median of seven durations is the fourth, to 5 %', () => {
  const read = percentile(counted([1, 2, 3, 40, 500, 600, 700]), 0.5) ?? 0
  expect(read).toBeGreaterThan(38)
  expect(read).toBeLessThan(42)
})

describe('whatever the durations', () => {
  test('a percentile is that of the durations themselves, to 5 %', () => {
    fc.assert(
      fc.property(durations, share, (values, of) => {
        const error = (percentile(counted(values), of) ?? Number.NaN) / exact(values, of)
        expect(error).toBeGreaterThan(0.95)
        expect(error).toBeLessThan(1.05)
      }),
    )
  })

  test('their sum is that of the durations, to 5 %', () => {
    fc.assert(
      fc.property(durations, (values) => {
        const error = totalMs(counted(values)) / values.reduce((sum, ms) => sum + ms, 0)
        expect(error).toBeGreaterThan(0.95)
        expect(error).toBeLessThan(1.05)
      }),
    )
  })

  test('histograms that are added are what one histogram of all would be', () => {
    fc.assert(
      fc.property(fc.array(durations, { maxLength: 5 }), (parts) => {
        const together = counted(parts.flat())
        expect(addHistograms(parts.map(counted))).toEqual(together)
        expect(sizeOf(together)).toBe(parts.flat().length)
      }),
    )
  })
})

test('of nothing there is no percentile, and what took no time counts, too', () => {
  expect(percentile(new Map(), 0.5)).toBeNull()
  expect(percentile(counted([0]), 0.5)).toBeCloseTo(0.1, 1)
})
