// The state of a shop at one moment, and how long its orders will wait.

import { describe, expect } from 'vitest'
import { MINUTE_MS, SECOND_MS } from '../../src/domain/time.js'
import { EmbeddedQueue } from '../../src/queue/embedded.js'
import { estimateWait, readPace, readStatus } from '../../src/reports/status.js'
import { recount } from '../support/recount.js'
import { NOW, type Shop, test } from '../support/shop.js'

const statusOf = async (shop: Shop, now = NOW) => (await readStatus(shop.db, new EmbeddedQueue(shop.db), now)).status

describe('status', () => {
  test('of an empty shop has nothing of anything', async ({ shop }) => {
    expect(await statusOf(shop)).toMatchObject({
      queue: { driver: 'embedded', paused: false, waiting: 0, active: 0, delayed: 0, oldest_waiting_seconds: null },
      orders: { pending: 0, reserved: 0, payment_processing: 0, completed: 0, failed: 0, rolled_back: 0 },
      cancelled: 0,
      unresolved: 0,
      throughput: { orders_per_minute: 0, orders_per_minute_5m: 0, orders_per_minute_1h: 0 },
      workers: [],
      imports: [],
      recent_failures: [],
    })
  })

  test('counts orders by status, and those that need review', async ({ shop }) => {
    shop.order('1', { dueAt: NOW })
    shop.order('2', { dueAt: null })
    shop.order('3', { status: 'payment_processing' })
    shop.unknownOrder('4')
    shop.order('5', { status: 'completed' })
    expect(await statusOf(shop)).toMatchObject({
      orders: { pending: 2, reserved: 0, payment_processing: 2, completed: 1, failed: 0, rolled_back: 0 },
      cancelled: 0,
      unresolved: 1,
    })
  })

  test('counts what was settled, sold or not, in the last minute, five and sixty', async ({ shop }) => {
    const settled = [10, 59, 61, 240, 360, 360, ...[2640, 3540, 3660].flatMap((seconds) => Array(6).fill(seconds))]
    for (const [index, seconds] of settled.entries()) {
      const status = index % 2 ? 'failed' : 'completed'
      shop.order(String(index), { status, settledAt: NOW - seconds * SECOND_MS })
    }
    // Two in the last minute, four in five minutes, eighteen in an hour.
    expect((await statusOf(shop)).throughput).toEqual({
      orders_per_minute: 2,
      orders_per_minute_5m: 0.8,
      orders_per_minute_1h: 0.3,
    })
  })

  test.for([
    ['counts many orders that were settled within two seconds', 58, 2, 55_000],
    ['assumes the rate of the latest orders if many were settled before the minute, too', 0, 130, 60_000],
    ['assumes no orders since the latest', 5, 130, 55_000],
  ] as const)('%s', async ([, secondsAgo, seconds, expected], { shop }) => {
    const now = NOW + 10 * MINUTE_MS
    const [last, orders] = [now - secondsAgo * SECOND_MS, seconds === 2 ? 55_000 : seconds * 1000]
    shop.order('1')
    // Spread evenly over the seconds.
    shop.sqlite.exec(`
      with recursive step (number) as (select 0 union all select number + 1 from step where number < ${orders - 1})
      insert into orders (import_id, source, reference, customer_id, currency, total, ordered_at, business_day, status,
        settled_at)
      select 1, 'default', 'B-' || number, 1, 'USD', 1000, '2025-01-15T10:00:00', '2025-01-15', 'completed',
        ${last} - number * ${seconds * SECOND_MS} / ${orders}
      from step`)
    await recount(shop.db)
    expect((await statusOf(shop, now)).throughput.orders_per_minute).toBe(expected)
  })

  test('leaves out workers that stopped or are long gone, and marks a stale one', async ({ shop }) => {
    shop.worker('fresh', NOW - 5 * SECOND_MS)
    shop.worker('silent', NOW - 31 * SECOND_MS)
    shop.worker('gone', NOW - 11 * MINUTE_MS)
    shop.worker('stopped', NOW, NOW)
    expect((await statusOf(shop)).workers.map(({ id, stale }) => [id, stale])).toEqual([
      ['fresh', false],
      ['silent', true],
    ])
  })

  test('lists imports that have not ended, and which of them were abandoned', async ({ shop }) => {
    shop.import({ file: '/done.csv' })
    shop.import({ file: '/running.csv', status: 'reading', leaseUntil: NOW + MINUTE_MS })
    shop.import({ file: '/killed.csv', status: 'reading', leaseUntil: NOW - 1 })
    expect((await statusOf(shop)).imports.map(({ file, rows, abandoned }) => [file, rows, abandoned])).toEqual([
      ['/running.csv', 3, false],
      ['/killed.csv', 3, true],
    ])
  })

  test('lists the five latest failures, without those that were cleared', async ({ shop }) => {
    for (const minute of [1, 2, 3, 4, 5, 6, 7]) {
      const status = minute % 2 ? 'failed' : 'rolled_back'
      shop.order(`${minute}`, { status, settledAt: NOW - minute * MINUTE_MS, ...(minute === 2 && { clearedAt: NOW }) })
    }
    shop.order('sold', { status: 'completed', settledAt: NOW })
    const { recent_failures } = await statusOf(shop)
    expect(recent_failures.map(({ order_id, reason }) => [order_id, reason])).toEqual([
      ['1', 'out_of_stock'],
      ['3', 'out_of_stock'],
      ['4', 'declined'],
      ['5', 'out_of_stock'],
      ['6', 'declined'],
    ])
  })
})

describe('the estimated wait', () => {
  // Ten batches of a second settled 5,000 orders: 2 ms for each.
  const pace = { batches: 10, orders: 5000, totalMs: 10_000, runtimes: null }
  const alive = (concurrency: number) => ({ concurrency, stale: false })
  const stale = (concurrency: number) => ({ concurrency, stale: true })

  test.for([
    ['of 20,000 orders, four batches at a time', 20_000, [alive(4)], pace, 10],
    ['of 20,000 orders, five batches at a time in two workers', 20_000, [alive(4), alive(1)], pace, 8],
    ['does not count a stale worker', 20_000, [alive(4), stale(96)], pace, 10],
    ['of one order is that of its batch', 1, [alive(4)], pace, 1],
    ['is zero if nothing waits', 0, [alive(4)], pace, 0],
    ['is zero if nothing waits and no worker is alive', 0, [], pace, 0],
    ['is unknown without a worker', 1, [], pace, null],
    ['is unknown without a live worker', 1, [stale(5)], pace, null],
    ['is unknown without settled orders', 1, [alive(5)], { ...pace, orders: 0 }, null],
    ['is unknown without batches', 1, [alive(5)], { ...pace, batches: 0 }, null],
  ] as const)('%s', ([, waiting, workers, pace, seconds]) => {
    expect(estimateWait(waiting, workers, pace)).toEqual(seconds === null ? null : expect.closeTo(seconds, 9))
  })

  test('follows all workers seen in five minutes, with the highest of their percentiles', async ({ shop }) => {
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
})
