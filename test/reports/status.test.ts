// The state of a shop at one moment.

import { afterEach, beforeEach, expect, test } from 'vitest'
import { EmbeddedQueue } from '../../src/queue/embedded.js'
import { readStatus } from '../../src/reports/status.js'
import { NOW, Shop } from '../support/shop.js'

const SECOND = 1000
const MINUTE = 60 * SECOND

let shop: Shop
beforeEach(async () => {
  shop = await Shop.open()
})
afterEach(() => shop.close())

const statusNow = async () => (await readStatus(shop.db, new EmbeddedQueue(shop.db), NOW)).status

test('an empty shop has nothing of anything', async () => {
  expect(await statusNow()).toMatchObject({
    queue: { driver: 'embedded', paused: false, waiting: 0, active: 0, delayed: 0, oldest_waiting_seconds: null },
    orders: { pending: 0, reserved: 0, payment_processing: 0, completed: 0, failed: 0, rolled_back: 0 },
    unresolved: 0,
    throughput: { orders_per_minute: 0, orders_per_minute_5m: 0, orders_per_minute_1h: 0 },
    workers: [],
    imports: [],
    recent_failures: [],
  })
})

test('orders are counted by status, and those that wait for a person apart', async () => {
  shop.order('1')
  shop.order('2', { dueAt: null })
  shop.order('3', { status: 'payment_processing' })
  shop.unknownOrder('4')
  shop.order('5', { status: 'completed' })
  expect(await statusNow()).toMatchObject({
    orders: { pending: 2, reserved: 0, payment_processing: 2, completed: 1, failed: 0, rolled_back: 0 },
    unresolved: 1,
  })
})

test('throughput counts what was settled, sold or not, in a minute, five and sixty', async () => {
  const settled = [10 * SECOND, 59 * SECOND, 61 * SECOND, 4 * MINUTE, 6 * MINUTE, 59 * MINUTE, 61 * MINUTE]
  for (const [index, ago] of settled.entries()) {
    shop.order(String(index), { status: index % 2 ? 'failed' : 'completed', settledAt: NOW - ago })
  }
  // Two in the last minute, four in five minutes, six in an hour.
  expect((await statusNow()).throughput).toEqual({
    orders_per_minute: 2,
    orders_per_minute_5m: 0.8,
    orders_per_minute_1h: 0.1,
  })
})

test('workers that stopped or are long gone are left out, a silent one is marked', async () => {
  shop.worker('fresh', NOW - 5 * SECOND)
  shop.worker('silent', NOW - 31 * SECOND)
  shop.worker('gone', NOW - 11 * MINUTE)
  shop.worker('stopped', NOW, NOW)
  expect((await statusNow()).workers.map(({ id, stale }) => [id, stale])).toEqual([
    ['fresh', false],
    ['silent', true],
  ])
})

test('imports that have not ended are listed, and whether anybody works on them', async () => {
  shop.import({ file: '/done.csv' })
  shop.import({ file: '/running.csv', status: 'reading', leaseUntil: NOW + MINUTE })
  shop.import({ file: '/killed.csv', status: 'reading', leaseUntil: NOW - 1 })
  expect((await statusNow()).imports.map(({ file, rows, abandoned }) => [file, rows, abandoned])).toEqual([
    ['/running.csv', 3, false],
    ['/killed.csv', 3, true],
  ])
})

test('the five latest failures come first, without those taken off the list', async () => {
  for (const minute of [1, 2, 3, 4, 5, 6, 7]) {
    const status = minute % 2 ? 'failed' : 'rolled_back'
    shop.order(`${minute}`, { status, settledAt: NOW - minute * MINUTE })
  }
  shop.order('sold', { status: 'completed', settledAt: NOW })
  await shop.db.updateTable('orders').set({ cleared_at: NOW }).where('reference', '=', '2').execute()
  const { recent_failures } = await statusNow()
  expect(recent_failures.map(({ order_id, reason }) => [order_id, reason])).toEqual([
    ['1', 'out_of_stock'],
    ['3', 'out_of_stock'],
    ['4', 'declined'],
    ['5', 'out_of_stock'],
    ['6', 'declined'],
  ])
})
