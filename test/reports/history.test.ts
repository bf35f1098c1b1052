// The queue's history put together from snapshots, by hand.

import { describe, expect } from 'vitest'
import { historyChart, historyTable } from '../../src/command-line/history-views.js'
import { MINUTE_MS } from '../../src/domain/time.js'
import { failureRate, minutesOf, readHistory, settledPerMinute } from '../../src/reports/history.js'
import { HOUR, NOW, test } from '../support/shop.js'

const runtimes = (p50: number, p95: number, p99: number) => ({
  ...{ runtime_p50_ms: p50, runtime_p95_ms: p95, runtime_p99_ms: p99 },
})

describe('history', () => {
  test('has the snapshots since a time, and what one would hold now', async ({ shop }) => {
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

  test('without a snapshot begins with the first order settled since a time', async ({ shop }) => {
    shop.order('BEFORE', { status: 'completed', settledAt: NOW - HOUR - 1 })
    shop.order('SOLD', { status: 'completed', settledAt: NOW - HOUR / 2 })
    expect(await readHistory(shop.db, NOW - HOUR, NOW)).toMatchObject([
      { period_start: NOW - HOUR / 2, period_end: NOW, completed: 1, failed: 0 },
    ])
  })

  test('is shown as a chart to the scale of time, and a table of sums and maxima', async ({ shop }) => {
    // Ten a minute an hour ago, then none for 50 minutes, then ten again, of which two failed.
    shop.snapshot(NOW - HOUR, NOW - 55 * MINUTE_MS, { completed: 50 })
    shop.snapshot(NOW - 55 * MINUTE_MS, NOW - 5 * MINUTE_MS, { waiting: 9, oldest_waiting_seconds: 200 })
    const last = { completed: 40, failed: 10, waiting: 3, estimated_wait_seconds: 45 }
    shop.snapshot(NOW - 5 * MINUTE_MS, NOW, { ...last, ...runtimes(10, 20, 30.4) })
    const history = await readHistory(shop.db, NOW - 2 * HOUR, NOW)
    expect(historyChart(history, NOW - 2 * HOUR, 100)).toMatch(/5 min per column, highest 10\):\n█ {10}█ $/)
    const noon = ['12:00', '40', '10 (20%)', '10/20/30 ms', '3', '–/45 s']
    expect(historyTable(history, 10, 'UTC').rows).toEqual([
      ['11:00', '50', '0', null, '0', '–/–'],
      ['since 11:05', '0', '0', null, '9', '3 min/–'],
      noon,
    ])
    expect(historyTable(history, 2, 'UTC').rows).toEqual([['11:00', '50', '0', null, '9', '3 min/–'], noon])
  })

  test('has the pace of a period, counted as a second at least', async ({ shop }) => {
    shop.snapshot(NOW - 90_000, NOW, { completed: 20, failed: 10 })
    const [snapshot] = await readHistory(shop.db, NOW - HOUR, NOW)
    if (!snapshot) throw new Error('no snapshot')
    expect([minutesOf(snapshot), settledPerMinute(snapshot), failureRate(snapshot)]).toEqual([1.5, 20, 1 / 3])
    expect(settledPerMinute({ ...snapshot, period_start: NOW - 100 })).toBeCloseTo(30 * 60, 9)
    expect(failureRate({ completed: 0, failed: 0 })).toBeNull()
  })
})
