// Which thresholds are crossed, and by how much. All figures are worked out by hand.

import { afterEach, beforeEach, expect, test } from 'vitest'
import { loadConfig } from '../../src/config/config.js'
import type { WorkerId } from '../../src/domain/ids.js'
import { MINUTE_MS, SECOND_MS } from '../../src/domain/time.js'
import { EmbeddedQueue } from '../../src/queue/embedded.js'
import { type AlarmName, readAlarms } from '../../src/reports/alarms.js'
import { retryFailures } from '../../src/workflow/failures.js'
import { NOW, Shop } from '../support/shop.js'

let shop: Shop
beforeEach(async () => {
  shop = await Shop.open()
})
afterEach(() => shop.close())

/** @param settings as in the environment, without ORDERCTL_ALARM_ */
async function alarmsWith(settings: Record<string, string> = {}) {
  const environment = Object.entries(settings).map(([name, value]) => [`ORDERCTL_ALARM_${name}`, value])
  const folders = { working: '/nowhere', user: '/nowhere', data: '/nowhere' }
  return readAlarms(shop.db, loadConfig(Object.fromEntries(environment), folders).config, NOW)
}

async function alarm(name: AlarmName, settings: Record<string, string> = {}) {
  const found = (await alarmsWith(settings)).find((one) => one.name === name)
  if (!found) throw new Error(`no alarm ${name}`)
  return found
}

test('a new database has none crossed, and low stock is off', async () => {
  expect((await alarmsWith()).map(({ name, state, value }) => [name, state, value])).toEqual([
    ['wait', 'ok', 0],
    ['failure_rate', 'ok', null],
    ['unresolved', 'ok', 0],
    ['stale_workers', 'ok', 0],
  ])
})

test('each can be turned off', async () => {
  const off = ['WAIT_SECONDS', 'FAILURE_RATE', 'UNRESOLVED_ORDERS', 'STALE_WORKERS', 'LOW_STOCK']
  expect(await alarmsWith(Object.fromEntries(off.map((name) => [name, 'off'])))).toEqual([])
})

test.for([
  [899, 'ok', '14 min'],
  [900, 'failed', '15 min'],
] as const)('wait, of an order that is due for %i s', async ([seconds, state, said], { expect }) => {
  shop.order('OLD')
  shop.order('YOUNG')
  shop.order('HELD-BACK', { dueAt: null })
  shop.order('IN-HAND', { status: 'payment_processing' })
  await shop.db
    .updateTable('due_orders')
    .set({ due_at: NOW - seconds * SECOND_MS })
    .where('order_id', 'in', (eb) => eb.selectFrom('orders').where('reference', '=', 'OLD').select('id'))
    .execute()
  const message = `The oldest due order has waited for ${said}; the alarm is at 15 min.`
  expect(await alarm('wait')).toMatchObject({ state, value: seconds, threshold: 900, message })
})

async function settle(status: 'completed' | 'failed' | 'rolled_back', count: number, settledAt = NOW - MINUTE_MS) {
  for (let index = 0; index < count; index++) shop.order(`${status}-${settledAt}-${index}`, { status, settledAt })
}

test('failure_rate counts what was settled within the window, declined or out of stock alike', async () => {
  await settle('completed', 12, NOW - 15 * MINUTE_MS + 1)
  await settle('failed', 3)
  await settle('rolled_back', 5, NOW)
  // Too old, and not yet.
  await settle('failed', 7, NOW - 15 * MINUTE_MS)
  await settle('failed', 7, NOW + 1)
  expect(await alarm('failure_rate')).toMatchObject({
    state: 'failed',
    value: 8 / 20,
    threshold: 0.4,
    message:
      '8 of the last 20 orders settled within 15 min were not sold (5 declined, 3 out_of_stock); the alarm is at 40 %.',
  })
  expect(await alarm('failure_rate', { FAILURE_RATE: '0.401' })).toMatchObject({ state: 'ok' })
})

test('failure_rate of few orders says nothing', async () => {
  await settle('failed', 19)
  const message = 'Orders settled within 15 min: 19; the alarm needs 20.'
  expect(await alarm('failure_rate')).toMatchObject({ state: 'ok', value: null, message })
  expect(await alarm('failure_rate', { FAILURE_LEAST_ORDERS: '19' })).toMatchObject({ state: 'failed', value: 1 })
  const later = { FAILURE_LEAST_ORDERS: '1', FAILURE_WINDOW_SECONDS: '60' }
  expect(await alarm('failure_rate', later)).toMatchObject({ state: 'ok', value: null })
})

test('unresolved counts orders that wait for a person, not those that are asked for again', async () => {
  const ids = [shop.unknownOrder('GIVEN-UP'), shop.unknownOrder('ASKED-AGAIN-BY-A-PERSON')]
  expect(await alarm('unresolved')).toMatchObject({ value: 2 })
  await retryFailures(shop.db, new EmbeddedQueue(shop.db), ids.slice(1))
  const message = 'Orders that need review: 1 (payment_unknown: 1); the alarm is at 1.'
  expect(await alarm('unresolved')).toMatchObject({ state: 'failed', value: 1, threshold: 1, message })
  expect(await alarm('unresolved', { UNRESOLVED_ORDERS: '2' })).toMatchObject({ state: 'ok' })
})

test('stale_workers are those that were silent for 30 seconds without having ended', async () => {
  shop.worker('fresh', NOW - 29 * SECOND_MS)
  shop.worker('ended', NOW - 10 * MINUTE_MS, NOW - 10 * MINUTE_MS)
  expect(await alarm('stale_workers')).toMatchObject({ state: 'ok', value: 0 })
  shop.worker('silent', NOW - 30 * SECOND_MS)
  const message = 'Workers that have gone silent without an end: process 42 on shop-1 for 30 s.'
  expect(await alarm('stale_workers')).toMatchObject({ state: 'failed', value: 1, message })
  expect(await alarm('stale_workers', { STALE_WORKERS: '2' })).toMatchObject({ state: 'ok' })
})

test('stale_workers are forgiven once another one was started, and not for being silent for long', async () => {
  shop.worker('silent', NOW - 50 * MINUTE_MS)
  shop.worker('drained', NOW - 55 * MINUTE_MS, NOW - 55 * MINUTE_MS)
  expect(await alarm('stale_workers')).toMatchObject({ state: 'failed' })
  shop.worker('successor', NOW - 40 * MINUTE_MS, NOW - 40 * MINUTE_MS)
  await shop.db
    .updateTable('workers')
    .set({ started_at: NOW - 49 * MINUTE_MS })
    .where('id', '=', 'successor' as string as WorkerId)
    .execute()
  expect(await alarm('stale_workers')).toMatchObject({ state: 'ok', value: 0 })
})

test('low_stock counts what is available, and names the scarcest', async () => {
  // Available: 6, 4, 5, 0, 5.
  for (const [sku, on_hand, reserved] of [
    ['A', 6, 0],
    ['B', 9, 5],
    ['C', 5, 0],
    ['D', 3, 3],
    ['E', 5, 0],
  ] as const)
    await shop.db.insertInto('products').values({ sku, name: sku, on_hand, reserved }).execute()
  const low = (threshold: string) => alarm('low_stock', { LOW_STOCK: threshold })
  expect(await low('5')).toMatchObject({
    state: 'failed',
    value: 0,
    threshold: 5,
    message: 'Products with 5 or fewer units available: D (0), B (4), C (5) and 1 more.',
    fix: expect.stringContaining('products list --low 5'),
  })
  expect(await low('0')).toMatchObject({ state: 'failed', value: 0 })
  await shop.db.deleteFrom('products').where('sku', '=', 'D').execute()
  expect(await low('0')).toMatchObject({ state: 'ok', value: 4, message: 'No product has 0 or fewer units available.' })
})
