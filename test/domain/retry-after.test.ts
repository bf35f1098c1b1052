import { expect, test } from 'vitest'
import { readRetryAfter } from '../../src/domain/retry-after.js'

const NOW = Date.parse('2025-01-20T12:00:00Z')

test.for([
  ['0', 0],
  ['120', 120_000],
  ['99999', 3_600_000],
  ['Mon, 20 Jan 2025 12:00:30 GMT', 30_000],
  ['Monday, 20-Jan-25 12:00:30 GMT', 30_000],
  ['Mon, 20 Jan 2025 11:00:00 GMT', 0],
  ['1.5', undefined],
  ['-1', undefined],
  ['5 s', undefined],
  ['2025-01-20T12:00:30Z', undefined],
  ['soon', undefined],
  [undefined, undefined],
] as const)('Retry-After %j is a wait of %j ms', ([header, ms]) => {
  expect(readRetryAfter(header, NOW)).toBe(ms)
})
