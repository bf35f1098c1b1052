// The queue's history put together from what was written down, by hand.
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { readHistory } from '../../src/reports/history.js'
import { failureRate, type HistoryPeriod, mergePeriods, settledPerMinute } from '../../src/reports/history-periods.js'
import { NOW, Shop } from '../support/shop.js'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

let shop: Shop
beforeEach(async () => {
  shop = await Shop.open()
})
afterEach(() => shop.close())

const nothing = { completed: 0, failed: 0, runtimes: new Map(), waiting: null }
const noWaits = { oldestWaitingSeconds: null, estimatedWaitSeconds: null }

describe('history', () => {
  test('of a shop where nothing happened is empty', async () => {
    expect(await readHistory(shop.db, NOW - HOUR_MS, NOW)).toEqual([])
  })

  test('begins with the first that there is, leaves no minute out, and ends with the present one', async () => {
    await shop.settled(NOW - 10 * MINUTE_MS, 7, 7)
    await shop.settled(NOW - 4 * MINUTE_MS, 1, 2)
    await shop.runtimes(NOW - 4 * MINUTE_MS, 'ann', [[10, 1]])
    await shop.runtimes(NOW - 4 * MINUTE_MS, 'bob', [[10, 2]])
    await shop.snapshot(NOW - 2 * MINUTE_MS + 1, 5, 60, 30)
    await shop.snapshot(NOW - 2 * MINUTE_MS + 2, 4, 70, null)
    const since = NOW - 5 * MINUTE_MS
    expect(await readHistory(shop.db, since, NOW + 15_000)).toEqual([
      {
        ...{ start: NOW - 4 * MINUTE_MS, minutes: 1, completed: 1, failed: 2, waiting: null, ...noWaits },
        runtimes: new Map([[10, 3]]),
      },
      { start: NOW - 3 * MINUTE_MS, minutes: 1, ...nothing, ...noWaits },
      {
        ...{ start: NOW - 2 * MINUTE_MS, minutes: 1, ...nothing },
        ...{ waiting: 5, oldestWaitingSeconds: 70, estimatedWaitSeconds: 30 },
      },
      { start: NOW - MINUTE_MS, minutes: 1, ...nothing, ...noWaits },
      { start: NOW, minutes: 0.25, ...nothing, ...noWaits },
    ])
  })

  test('counts orders only where no snapshot did', async () => {
    await shop.settled(NOW - 3 * MINUTE_MS, 10, 0)
    // Its minute was counted before it was retried and settled in it: it stays as it was written down.
    await shop.order('COUNTED', { status: 'completed', settledAt: NOW - 2 * MINUTE_MS - 1 })
    await shop.order('SOLD', { status: 'completed', settledAt: NOW - 2 * MINUTE_MS })
    await shop.order('FAILED', { status: 'failed', settledAt: NOW - 2 * MINUTE_MS })
    await shop.order('NOW', { status: 'rolled_back', settledAt: NOW })
    await shop.order('LATER', { status: 'rolled_back', settledAt: NOW + 1 })
    const history = await readHistory(shop.db, NOW - HOUR_MS, NOW)
    expect(history.map(({ completed, failed }) => [completed, failed])).toEqual([
      [10, 0],
      [1, 1],
      [0, 0],
      [0, 1],
    ])
  })

  test('is by the hour where it is older than seven days', async () => {
    const hour = NOW - 7 * DAY_MS - HOUR_MS
    await shop.settled(hour + 5 * MINUTE_MS, 1, 0)
    await shop.settled(hour + 59 * MINUTE_MS, 2, 0)
    await shop.settled(hour + HOUR_MS, 4, 0)
    await shop.settled(hour + HOUR_MS + MINUTE_MS, 8, 0)
    const history = await readHistory(shop.db, NOW - 8 * DAY_MS, NOW)
    expect(history.slice(0, 3)).toMatchObject([
      { start: hour, minutes: 60, completed: 3 },
      { start: hour + HOUR_MS, minutes: 1, completed: 4 },
      { start: hour + HOUR_MS + MINUTE_MS, minutes: 1, completed: 8 },
    ])
    expect(history).toHaveLength(1 + 7 * 24 * 60 + 1)
  })
})

const maybe = fc.option(fc.nat(1000))
const period: fc.Arbitrary<Omit<HistoryPeriod, 'start'>> = fc.record({
  minutes: fc.constant(1),
  completed: fc.nat(1000),
  failed: fc.nat(1000),
  runtimes: fc.dictionary(fc.constantFrom('1', '2', '3'), fc.integer({ min: 1, max: 9 })).map((counts) => {
    return new Map(Object.entries(counts).map(([bucket, count]) => [Number(bucket), count]))
  }),
  waiting: maybe,
  oldestWaitingSeconds: maybe,
  estimatedWaitSeconds: maybe,
})

describe('periods that are merged', () => {
  test('are each as long as asked for, and lose nothing', () => {
    fc.assert(
      fc.property(
        fc.array(period, { minLength: 1, maxLength: 50 }),
        fc.integer({ min: 1, max: 20 }),
        (drafts, size) => {
          const periods = drafts.map((draft, index) => ({ ...draft, start: NOW + index * MINUTE_MS }))
          const merged = mergePeriods(periods, size * MINUTE_MS)
          for (const { start } of merged) expect(start % (size * MINUTE_MS)).toBe(0)
          expect(new Set(merged.map(({ start }) => start)).size).toBe(merged.length)
          // All of it in one is the same, whether it was merged before or not.
          const long = 1e6 * MINUTE_MS
          expect(mergePeriods(merged, long)).toEqual(mergePeriods(periods, long))
        },
      ),
    )
  })

  test('have the pace and the rate of all in them', () => {
    const first = { start: NOW, minutes: 1, ...nothing, ...noWaits, completed: 30 }
    const second = { start: NOW + MINUTE_MS, minutes: 0.5, ...nothing, ...noWaits, completed: 5, failed: 10 }
    const [both] = mergePeriods([first, second], HOUR_MS)
    expect(both).toMatchObject({ minutes: 1.5, completed: 35, failed: 10 })
    expect(both && settledPerMinute(both)).toBe(30)
    expect(both && failureRate(both)).toBeCloseTo(10 / 45, 9)
    expect(failureRate({ ...first, completed: 0 })).toBeNull()
    // A tenth of a second after the minute began: as if it were a second.
    expect(settledPerMinute({ ...first, minutes: 0.1 / 60 })).toBeCloseTo(30 * 60, 9)
  })
})
