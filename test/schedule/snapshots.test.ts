// The queue's history as snapshots write it. All figures are worked out by hand.

import { describe, expect, test as plainTest } from 'vitest'
import { takeSnapshot } from '../../src/reports/history.js'
import { Shop } from '../support/shop.js'

const MINUTE_MS = 60_000
const DAY_MS = 24 * 60 * MINUTE_MS
const NOON = Date.parse('2026-03-04T12:00:00Z')

const test = plainTest.extend<{ shop: Shop }>({
  // biome-ignore lint/correctness/noEmptyPattern: Vitest reads from it that the fixture needs no other.
  shop: async ({}, use) => {
    const shop = await Shop.open()
    await use(shop)
    await shop.close()
  },
})

const snapshots = (shop: Shop) => shop.db.selectFrom('queue_snapshots').selectAll().orderBy('period_start').execute()
const periods = async (shop: Shop) =>
  (await snapshots(shop)).map((row) => [
    ...[(row.period_start - NOON) / MINUTE_MS, (row.period_end - NOON) / MINUTE_MS],
    ...[row.completed, row.failed],
  ])

describe('a snapshot', () => {
  test('holds what waits, since when and for how long yet, and the runtimes', async ({ shop }) => {
    shop.order('WAITING')
    shop.order('HELD-BACK', { dueAt: null })
    const now = Date.now()
    await takeSnapshot(shop.db, now)
    const [first] = await snapshots(shop)
    // Due since 2025-01-20 12:00, the shop's NOW. No worker is alive.
    expect(first?.oldest_waiting_seconds).toBeCloseTo((now - Date.parse('2025-01-20T12:00:00Z')) / 1000, -1)
    expect(first).toMatchObject({ waiting: 1, active: 0, delayed: 0, estimated_wait_seconds: null })
    expect(first).toMatchObject({ runtime_p50_ms: null, runtime_p95_ms: null, runtime_p99_ms: null })
    // One batch at a time, and a second for each order.
    const runtimes = { runtime_p50_ms: 100, runtime_p95_ms: 1900, runtime_p99_ms: 2000 }
    const recent = { recent_batches: 2, recent_orders: 2, recent_ms: 2000 }
    shop.worker('ann', now + 1, null, { concurrency: 1, ...recent, ...runtimes })
    await takeSnapshot(shop.db, now + 1)
    expect((await snapshots(shop))[1]).toMatchObject({ estimated_wait_seconds: 1, ...runtimes })
  })

  test('counts each order once, a minute after it was settled; a retry takes nothing back', async ({ shop }) => {
    shop.order('A', { status: 'completed', settledAt: NOON - 3 * MINUTE_MS })
    shop.order('B', { status: 'failed', settledAt: NOON - 2 * MINUTE_MS - 1 })
    shop.order('C', { status: 'rolled_back', settledAt: NOON - 2 * MINUTE_MS })
    shop.order('D', { status: 'completed', settledAt: NOON - 1 })
    await takeSnapshot(shop.db, NOON - MINUTE_MS)
    expect(await periods(shop)).toEqual([[-3, -2, 1, 1]])
    await shop.db
      .updateTable('orders')
      .set({ status: 'pending', settled_at: null })
      .where('reference', '=', 'B')
      .execute()
    await takeSnapshot(shop.db, NOON + MINUTE_MS)
    await takeSnapshot(shop.db, NOON + 6 * MINUTE_MS)
    expect(await periods(shop)).toEqual([
      [-3, -2, 1, 1],
      [-2, 0, 1, 1],
      [0, 5, 0, 0],
    ])
  })

  test('that another one has taken at the same time, or that a clock put back asks for, is not added', async ({
    shop,
  }) => {
    shop.order('A', { status: 'completed', settledAt: NOON - 1000 })
    await Promise.all([takeSnapshot(shop.db, NOON + MINUTE_MS), takeSnapshot(shop.db, NOON + MINUTE_MS + 1)])
    const both = await periods(shop)
    expect(both.reduce((sum, [, , completed]) => sum + (completed ?? 0), 0)).toBe(1)
    await takeSnapshot(shop.db, NOON)
    expect(await periods(shop)).toEqual(both)
  })

  test('is deleted after 90 days, and the first one counts no order that is older', async ({ shop }) => {
    shop.order('OLD', { status: 'completed', settledAt: NOON - 90 * DAY_MS - 1 })
    shop.order('YOUNG', { status: 'completed', settledAt: NOON - 90 * DAY_MS })
    await takeSnapshot(shop.db, NOON)
    await takeSnapshot(shop.db, NOON + DAY_MS)
    expect(await periods(shop)).toEqual([
      [-90 * 24 * 60, -1, 1, 0],
      [-1, 24 * 60 - 1, 0, 0],
    ])
    await takeSnapshot(shop.db, NOON - MINUTE_MS + 90 * DAY_MS)
    expect(await periods(shop)).toHaveLength(3)
    await takeSnapshot(shop.db, NOON - MINUTE_MS + 90 * DAY_MS + 1)
    expect((await periods(shop))[0]).toEqual([-1, 24 * 60 - 1, 0, 0])
  })
})
