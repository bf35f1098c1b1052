// How long those who wait will wait, by hand.

import { describe, expect, test } from 'vitest'
import { estimateWait, readPace } from '../../src/reports/status.js'
import { NOW, Shop } from '../support/shop.js'

const MINUTE_MS = 60_000
const alive = (concurrency: number) => ({ concurrency, stale: false })
const stale = (concurrency: number) => ({ concurrency, stale: true })

describe('the estimate', () => {
  // Ten batches of a second settled 5,000 orders: 2 ms for each.
  const pace = { batches: 10, orders: 5000, totalMs: 10_000, runtimes: null }

  test.each([
    ['20,000 orders, four batches at a time', 20_000, [alive(4)], 10],
    ['five batches at a time, in two workers', 20_000, [alive(4), alive(1)], 8],
    ['a stale worker does not count', 20_000, [alive(4), stale(96)], 10],
    ['one order takes as long as its batch', 1, [alive(4)], 1],
    ['nothing waits', 0, [alive(4)], 0],
    ['nothing waits, and no worker is alive', 0, [], 0],
  ])('%s', (_, waiting, workers, seconds) => {
    expect(estimateWait(waiting, workers, pace)).toBeCloseTo(seconds, 9)
  })

  test('is not known without a live worker or without settled orders', () => {
    expect(estimateWait(1, [], pace)).toBeNull()
    expect(estimateWait(1, [stale(5)], pace)).toBeNull()
    expect(estimateWait(1, [alive(5)], { ...pace, orders: 0 })).toBeNull()
    expect(estimateWait(1, [alive(5)], { ...pace, batches: 0 })).toBeNull()
  })
})

test('the pace adds up all workers seen in five minutes, with the highest of their percentiles', async ({
  onTestFinished,
}) => {
  const shop = await Shop.open()
  onTestFinished(() => shop.close())
  expect(await readPace(shop.db, NOW)).toEqual({ batches: 0, orders: 0, totalMs: 0, runtimes: null })
  const recent = (batches: number, p50: number, p99: number) => ({
    ...{ recent_batches: batches, recent_orders: 10 * batches, recent_ms: 100 * batches },
    ...{ runtime_p50_ms: p50, runtime_p95_ms: 150, runtime_p99_ms: p99 },
  })
  shop.worker('one', NOW, null, recent(2, 90, 160))
  shop.worker('ended', NOW - 5 * MINUTE_MS + 1, NOW, recent(3, 80, 170))
  shop.worker('idle', NOW)
  shop.worker('gone', NOW - 5 * MINUTE_MS, null, recent(7, 900, 900))
  const both = { batches: 5, orders: 50, totalMs: 500, runtimes: { p50: 90, p95: 150, p99: 170 } }
  expect(await readPace(shop.db, NOW)).toEqual(both)
  expect((await readPace(shop.db, NOW, NOW - 6 * MINUTE_MS)).batches).toBe(12)
})
