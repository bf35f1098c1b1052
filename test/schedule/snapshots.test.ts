// The queue's history as snapshots write it, and as it grows old. All figures are worked out by hand.
import fc from 'fast-check'
import { describe, expect, test as plainTest } from 'vitest'
import { readHistory } from '../../src/reports/history.js'
import { takeSnapshot } from '../../src/schedule/snapshots.js'
import { thinHistory } from '../../src/schedule/thinning.js'
import { Shop } from '../support/shop.js'

const SECOND_MS = 1000
const MINUTE_MS = 60 * SECOND_MS
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

const NOON = Date.parse('2026-03-04T12:00:00Z')

const test = plainTest.extend<{ shop: Shop }>({
  // biome-ignore lint/correctness/noEmptyPattern: Vitest reads from it that the fixture needs no other.
  shop: async ({}, use) => {
    const shop = await Shop.open()
    await use(shop)
    await shop.close()
  },
})

const settledMinutes = (shop: Shop) => shop.db.selectFrom('settled_minutes').selectAll().orderBy('minute').execute()
const snapshots = (shop: Shop) => shop.db.selectFrom('queue_snapshots').selectAll().orderBy('taken_at').execute()
const runtimes = (shop: Shop) =>
  shop.db.selectFrom('batch_runtimes').selectAll().orderBy('minute').orderBy('worker_id').orderBy('bucket').execute()

describe('a snapshot', () => {
  test('holds what waits, since when, and for how long yet', async ({ shop }) => {
    await shop.order('WAITING')
    await shop.order('HELD-BACK', { held: true })
    const now = Date.now()
    await takeSnapshot(shop.db, now)
    const [first] = await snapshots(shop)
    // Due since 2025-01-20 12:00, the shop's NOW. Nobody works.
    expect(first?.oldest_waiting_seconds).toBeCloseTo((now - Date.parse('2025-01-20T12:00:00Z')) / 1000, -1)
    expect(first).toMatchObject({ taken_at: now, waiting: 1, active: 0, delayed: 0, estimated_wait_seconds: null })
    // One hand, which has a batch of one second in hand for each order.
    await shop.worker('ann', now)
    await shop.db.updateTable('workers').set({ concurrency: 1 }).execute()
    await shop.order('SETTLED', { status: 'completed', settledAt: now - 1 })
    await shop.runtimes(now - (now % MINUTE_MS), 'ann', [[72, 1]])
    await takeSnapshot(shop.db, now + 1)
    // 1.1^72.5 = 1,002 ms.
    expect((await snapshots(shop))[1]?.estimated_wait_seconds).toBeCloseTo(1.002, 2)
  })

  test('counts each minute once, a minute after its end; a retry takes nothing back', async ({ shop }) => {
    await shop.order('A', { status: 'completed', settledAt: NOON - 3 * MINUTE_MS })
    await shop.order('B', { status: 'failed', settledAt: NOON - 2 * MINUTE_MS - 1 })
    await shop.order('C', { status: 'rolled_back', settledAt: NOON - 2 * MINUTE_MS })
    await shop.order('D', { status: 'completed', settledAt: NOON - 1 })
    await takeSnapshot(shop.db, NOON + 59_999)
    const first = [
      { minute: NOON - 3 * MINUTE_MS, completed: 1, failed: 1 },
      { minute: NOON - 2 * MINUTE_MS, completed: 0, failed: 1 },
    ]
    expect(await settledMinutes(shop)).toEqual(first)
    await shop.db
      .updateTable('orders')
      .set({ status: 'pending', settled_at: null })
      .where('reference', '=', 'B')
      .execute()
    await takeSnapshot(shop.db, NOON + 60_000)
    const second = [...first, { minute: NOON - MINUTE_MS, completed: 1, failed: 0 }]
    expect(await settledMinutes(shop)).toEqual(second)
    await takeSnapshot(shop.db, NOON + 60_001)
    await takeSnapshot(shop.db, NOON + 5 * MINUTE_MS + 60_000)
    // The last one says that all before it are counted.
    expect(await settledMinutes(shop)).toEqual([...second, { minute: NOON + 4 * MINUTE_MS, completed: 0, failed: 0 }])
  })

  test('is the first one: it counts seven days back, and no further', async ({ shop }) => {
    await shop.order('OLD', { status: 'completed', settledAt: NOON - 7 * DAY_MS - 1 })
    await shop.order('YOUNG', { status: 'completed', settledAt: NOON - 7 * DAY_MS })
    await takeSnapshot(shop.db, NOON + MINUTE_MS)
    expect(await settledMinutes(shop)).toMatchObject([
      { minute: NOON - 7 * DAY_MS, completed: 1 },
      { minute: NOON - MINUTE_MS, completed: 0 },
    ])
  })

  test('is one of two at a time: what they count is there once', async ({ shop }) => {
    await shop.order('A', { status: 'completed', settledAt: NOON - MINUTE_MS })
    await Promise.all([takeSnapshot(shop.db, NOON + MINUTE_MS), takeSnapshot(shop.db, NOON + MINUTE_MS + 1)])
    expect(await settledMinutes(shop)).toEqual([{ minute: NOON - MINUTE_MS, completed: 1, failed: 0 }])
    expect(await snapshots(shop)).toHaveLength(2)
  })
})

describe('after seven days', () => {
  const OLD = NOON - 8 * DAY_MS

  test('an hour has one row, with all that its minutes counted', async ({ shop }) => {
    await shop.settled(OLD, 1, 10)
    await shop.settled(OLD + 5 * MINUTE_MS, 2, 20)
    await shop.settled(OLD + HOUR_MS - MINUTE_MS, 4, 40)
    await shop.settled(OLD + HOUR_MS, 8, 80)
    await shop.settled(NOON - 6 * DAY_MS, 16, 160)
    await shop.settled(NOON - 6 * DAY_MS + MINUTE_MS, 32, 320)
    await shop.settled(NOON - 366 * DAY_MS, 64, 640)
    await thinHistory(shop.db, NOON)
    const expected = [
      { minute: OLD, completed: 7, failed: 70 },
      { minute: OLD + HOUR_MS, completed: 8, failed: 80 },
      { minute: NOON - 6 * DAY_MS, completed: 16, failed: 160 },
      { minute: NOON - 6 * DAY_MS + MINUTE_MS, completed: 32, failed: 320 },
    ]
    expect(await settledMinutes(shop)).toEqual(expected)
    await thinHistory(shop.db, NOON)
    expect(await settledMinutes(shop)).toEqual(expected)
  })

  test('an hour has one snapshot, with the highest of each figure', async ({ shop }) => {
    await shop.snapshot(OLD, 5, 1, 100)
    await shop.snapshot(OLD + 5 * MINUTE_MS, 0, null, 0)
    await shop.snapshot(OLD + 10 * MINUTE_MS, 3, 7, null)
    await shop.snapshot(NOON - 6 * DAY_MS, 2, 2, 2)
    await shop.snapshot(NOON - 6 * DAY_MS + MINUTE_MS, 1, 1, 1)
    await shop.snapshot(NOON - 366 * DAY_MS, 9, 9, 9)
    await thinHistory(shop.db, NOON)
    expect(await snapshots(shop)).toMatchObject([
      { taken_at: OLD + 10 * MINUTE_MS, waiting: 5, oldest_waiting_seconds: 7, estimated_wait_seconds: 100 },
      { taken_at: NOON - 6 * DAY_MS, waiting: 2 },
      { taken_at: NOON - 6 * DAY_MS + MINUTE_MS, waiting: 1 },
    ])
  })

  test('an hour has one histogram, over all workers', async ({ shop }) => {
    await shop.runtimes(OLD, 'ann', [
      [10, 1],
      [11, 2],
    ])
    await shop.runtimes(OLD, 'bob', [[10, 4]])
    await shop.runtimes(OLD + 59 * MINUTE_MS, 'ann', [[10, 8]])
    await shop.runtimes(NOON - 6 * DAY_MS, 'ann', [[10, 16]])
    await shop.runtimes(NOON - 366 * DAY_MS, 'ann', [[10, 32]])
    await thinHistory(shop.db, NOON)
    const expected = [
      { minute: OLD, worker_id: '', bucket: 10, batches: 13 },
      { minute: OLD, worker_id: '', bucket: 11, batches: 2 },
      { minute: NOON - 6 * DAY_MS, worker_id: 'ann', bucket: 10, batches: 16 },
    ]
    expect(await runtimes(shop)).toEqual(expected)
    // A worker whose clock is a week behind.
    await shop.runtimes(OLD + MINUTE_MS, 'carl', [[11, 1]])
    await thinHistory(shop.db, NOON)
    expect((await runtimes(shop))[1]).toEqual({ minute: OLD, worker_id: '', bucket: 11, batches: 3 })
  })

  test('history tells the same, whatever there was, and the same again when it is older', async () => {
    const minute = fc
      .integer({ min: 0, max: 300 })
      .map((index) => NOON - 7 * DAY_MS - 150 * MINUTE_MS + index * MINUTE_MS)
    const count = fc.nat(1000)
    const row = fc.record({ minute, completed: count, failed: count, bucket: fc.integer({ min: 0, max: 5 }) })
    const rows = fc.uniqueArray(row, { selector: (one) => one.minute, maxLength: 40 })
    await fc.assert(
      fc.asyncProperty(rows, async (drafts) => {
        const shop = await Shop.open()
        for (const { minute, completed, failed, bucket } of drafts) {
          await shop.settled(minute, completed, failed)
          await shop.runtimes(minute, completed % 2 ? 'ann' : 'bob', [[bucket, failed + 1]])
          await shop.snapshot(minute + 7, completed, failed, completed + failed)
        }
        const since = NOON - 8 * DAY_MS
        for (const now of [NOON, NOON + HOUR_MS]) {
          const before = await readHistory(shop.db, since, now)
          await thinHistory(shop.db, now)
          expect(await readHistory(shop.db, since, now)).toEqual(before)
        }
        const kept = await settledMinutes(shop)
        const sum = (list: readonly { completed: number }[]) => list.reduce((total, one) => total + one.completed, 0)
        expect(sum(kept)).toBe(sum(drafts))
        await shop.close()
      }),
      { numRuns: 20 },
    )
  })
})
