// The queue's history as snapshots store it. All figures are worked out by hand.

import { describe, expect } from 'vitest'
import { DAY_MS, MINUTE_MS } from '../../src/domain/time.js'
import { takeSnapshot } from '../../src/reports/history.js'
import { NOW, type Shop, test } from '../support/shop.js'

const NOON = Date.parse('2026-03-04T12:00:00Z')
const DAY_MINUTES = 24 * 60

const snapshots = (shop: Shop) => shop.db.selectFrom('queue_snapshots').selectAll().orderBy('period_start').execute()

/** Start and end of each period in minutes from noon, then the orders that completed and failed in it. */
const periods = async (shop: Shop) =>
  (await snapshots(shop)).map(({ period_start, period_end, completed, failed }) => [
    ...[(period_start - NOON) / MINUTE_MS, (period_end - NOON) / MINUTE_MS],
    ...[completed, failed],
  ])

describe('a snapshot', () => {
  test('has what waits, since when and for how long yet, and the runtimes', async ({ shop }) => {
    shop.order('WAITING', { dueAt: NOW })
    shop.order('HELD-BACK')
    const now = Date.now()
    await takeSnapshot(shop.db, now)
    const [first] = await snapshots(shop)
    expect(first?.oldest_waiting_seconds).toBeCloseTo((now - NOW) / 1000, -1)
    // Without a live worker there is no estimate.
    expect(first).toMatchObject({ waiting: 1, active: 0, delayed: 0, estimated_wait_seconds: null })
    expect(first).toMatchObject({ runtime_p50_ms: null, runtime_p95_ms: null, runtime_p99_ms: null })
    // One batch at a time, and a second for each order.
    const runtimes = { runtime_p50_ms: 100, runtime_p95_ms: 1900, runtime_p99_ms: 2000 }
    const recent = { recent_batches: 2, recent_orders: 2, recent_ms: 2000 }
    shop.worker('w', now + 1, null, { concurrency: 1, ...recent, ...runtimes })
    await takeSnapshot(shop.db, now + 1)
    expect((await snapshots(shop))[1]).toMatchObject({ estimated_wait_seconds: 1, ...runtimes })
  })

  test('counts each order once, a minute after it was settled, also if it is retried later', async ({ shop }) => {
    shop.order('A', { status: 'completed', settledAt: NOON - 3 * MINUTE_MS })
    shop.order('B', { status: 'failed', settledAt: NOON - 2 * MINUTE_MS - 1 })
    shop.order('C', { status: 'rolled_back', settledAt: NOON - 2 * MINUTE_MS })
    shop.order('D', { status: 'completed', settledAt: NOON - 1 })
    await takeSnapshot(shop.db, NOON - MINUTE_MS)
    const first = [-3, -2, 1, 1]
    expect(await periods(shop)).toEqual([first])
    shop.sqlite.exec("update orders set status = 'pending', settled_at = null where reference = 'B'")
    await takeSnapshot(shop.db, NOON + MINUTE_MS)
    await takeSnapshot(shop.db, NOON + 6 * MINUTE_MS)
    expect(await periods(shop)).toEqual([first, [-2, 0, 1, 1], [0, 5, 0, 0]])
  })

  test('is not stored if the clock was put back', async ({ shop }) => {
    await takeSnapshot(shop.db, NOON + MINUTE_MS)
    await takeSnapshot(shop.db, NOON)
    expect(await periods(shop)).toHaveLength(1)
  })

  test('is deleted after 90 days, and the first one counts no order that is older', async ({ shop }) => {
    shop.order('OLD', { status: 'completed', settledAt: NOON - 90 * DAY_MS - 1 })
    shop.order('YOUNG', { status: 'completed', settledAt: NOON - 90 * DAY_MS })
    await takeSnapshot(shop.db, NOON)
    await takeSnapshot(shop.db, NOON + DAY_MS)
    const [first, second] = [
      [-90 * DAY_MINUTES, -1, 1, 0],
      [-1, DAY_MINUTES - 1, 0, 0],
    ]
    expect(await periods(shop)).toEqual([first, second])
    await takeSnapshot(shop.db, NOON - MINUTE_MS + 90 * DAY_MS)
    expect(await periods(shop)).toHaveLength(3)
    await takeSnapshot(shop.db, NOON - MINUTE_MS + 90 * DAY_MS + 1)
    expect((await periods(shop))[0]).toEqual(second)
  })
})
