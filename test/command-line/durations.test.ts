// Which lengths of time each flag takes, and how long they are.
import { describe, expect, test } from 'vitest'
import { readDuration } from '../../src/command-line/durations.js'
import { readSince } from '../../src/command-line/selection-flags.js'

const MANY = '9'.repeat(400)
const NOW = Date.parse('2026-03-04T12:00:00Z')

describe('a duration', () => {
  test.for([
    ['250ms', 250],
    ['90s', 90_000],
    ['90', 90_000],
    ['15m', 900_000],
    ['8h', 28_800_000],
    ['596h', 2_145_600_000],
    ['2147483647ms', 2_147_483_647],
  ] as const)('%s is %i ms', ([text, milliseconds]) => {
    expect(readDuration('stagger', text)).toBe(milliseconds)
  })

  const bad = ['', '0', '0ms', 's', '1.5h', '-1s', '1 s', '1S', '1d', '1w', '1min', '597h', '2147483648ms', MANY]
  test.for(bad)('cannot be "%s"', (text) => {
    expect(() => readDuration('stagger', text)).toThrow(`--stagger "${text}"`)
  })
})

describe('--since', () => {
  test.for([
    ['30s', '2026-03-04T11:59:30.000Z'],
    ['90m', '2026-03-04T10:30:00.000Z'],
    ['24h', '2026-03-03T12:00:00.000Z'],
    ['7d', '2026-02-25T12:00:00.000Z'],
    ['2w', '2026-02-18T12:00:00.000Z'],
    ['0s', '2026-03-04T12:00:00.000Z'],
    ['2026-03-01', '2026-03-01T00:00:00.000Z'],
    ['yesterday', '2026-03-03T00:00:00.000Z'],
    ['999999w', '-017140-11-03T12:00:00.000Z'],
  ] as const)('%s is %s', ([text, instant]) => {
    expect(new Date(readSince(text, 'UTC', NOW)).toISOString()).toBe(instant)
  })

  test.for(['', '90', '90ms', '1.5h', '-1d', '1y', '2026-02-30', '1000000w', MANY])('cannot be "%s"', (text) => {
    expect(() => readSince(text, 'UTC', NOW)).toThrow(`--since "${text}"`)
  })
})
