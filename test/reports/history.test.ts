// The queue's history put together from snapshots, by hand.

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { historyChart, historyTable } from '../../src/command-line/history-views.js'
import { failureRate, minutesOf, readHistory, settledPerMinute } from '../../src/reports/history.js'
import { NOW, Shop } from '../support/shop.js'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS

let shop: Shop
beforeEach(async () => {
  shop = await Shop.open()
})
afterEach(() => shop.close())

const runtimes = (p50: number, p95: number, p99: number) => ({
  runtime_p50_ms: p50,
  runtime_p95_ms: p95,
  runtime_p99_ms: p99,
})

describe('history', () => {
  test('of a shop where nothing happened is empty', async () => {
    expect(await readHistory(shop.db, NOW - HOUR_MS, NOW)).toEqual([])
  })

  test('has the snapshots since then, and what one would hold now', async () => {
    shop.snapshot(NOW - 20 * MINUTE_MS, NOW - 15 * MINUTE_MS, { completed: 7 })
    shop.snapshot(NOW - 15 * MINUTE_MS, NOW - 10 * MINUTE_MS, { completed: 1, failed: 2, ...runtimes(1, 2, 3) })
    shop.order('COUNTED', { status: 'completed', settledAt: NOW - 10 * MINUTE_MS - 1 })
    shop.order('SOLD', { status: 'completed', settledAt: NOW - 10 * MINUTE_MS })
    shop.order('FAILED', { status: 'failed', settledAt: NOW - MINUTE_MS })
    shop.order('LATER', { status: 'rolled_back', settledAt: NOW + 1 })
    shop.worker('ann', NOW - 9 * MINUTE_MS, null, runtimes(4, 5, 6))
    expect(await readHistory(shop.db, NOW - 15 * MINUTE_MS, NOW)).toMatchObject([
      { period_start: NOW - 15 * MINUTE_MS, period_end: NOW - 10 * MINUTE_MS, completed: 1, failed: 2 },
      { period_start: NOW - 10 * MINUTE_MS, period_end: NOW, completed: 1, failed: 1, ...runtimes(4, 5, 6) },
    ])
  })

  test('without a snapshot begins with the first order settled since then', async () => {
    shop.order('BEFORE', { status: 'completed', settledAt: NOW - HOUR_MS - 1 })
    shop.order('SOLD', { status: 'completed', settledAt: NOW - 30 * MINUTE_MS })
    expect(await readHistory(shop.db, NOW - HOUR_MS, NOW)).toMatchObject([
      { period_start: NOW - 30 * MINUTE_MS, period_end: NOW, completed: 1, failed: 0 },
    ])
  })

  test('on a screen: counts add up, of all else the highest is shown, and the chart is by the time', async () => {
    // Ten an hour ago, then none for 50 minutes, then ten again, of which two failed.
    shop.snapshot(NOW - HOUR_MS, NOW - 55 * MINUTE_MS, { completed: 50 })
    shop.snapshot(NOW - 55 * MINUTE_MS, NOW - 5 * MINUTE_MS, { waiting: 9, oldest_waiting_seconds: 200 })
    const last = { completed: 40, failed: 10, waiting: 3, estimated_wait_seconds: 45 }
    shop.snapshot(NOW - 5 * MINUTE_MS, NOW, { ...last, ...runtimes(10, 20, 30.4) })
    const history = await readHistory(shop.db, NOW - 2 * HOUR_MS, NOW)
    expect(historyChart(history, NOW - 2 * HOUR_MS, 100)).toBe(
      'Orders settled a minute, 5 min a column, at most 10:\n█          █ ',
    )
    expect(historyTable(history, 10, 'UTC').rows).toEqual([
      ['11:00', '50', '0', null, '0', '–/–'],
      ['11:50', '0', '0', null, '9', '3 min/–'],
      ['12:00', '40', '10 (20%)', '10/20/30 ms', '3', '–/45 s'],
    ])
    expect(historyTable(history, 2, 'UTC').rows).toEqual([
      ['11:00', '50', '0', null, '9', '3 min/–'],
      ['12:00', '40', '10 (20%)', '10/20/30 ms', '3', '–/45 s'],
    ])
  })

  test('knows the pace of a period, and of one that has just begun as if it were a second', async () => {
    shop.snapshot(NOW - 90_000, NOW, { completed: 20, failed: 10 })
    const [snapshot] = await readHistory(shop.db, NOW - HOUR_MS, NOW)
    if (!snapshot) throw new Error('no snapshot')
    expect([minutesOf(snapshot), settledPerMinute(snapshot), failureRate(snapshot)]).toEqual([1.5, 20, 1 / 3])
    expect(settledPerMinute({ ...snapshot, period_start: NOW - 100 })).toBeCloseTo(30 * 60, 9)
    expect(failureRate({ completed: 0, failed: 0 })).toBeNull()
  })
})
