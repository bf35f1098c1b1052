// Which thresholds are crossed, and by how much. All figures are worked out by hand.

import { expect } from 'vitest'
import { writeLastBackup } from '../../src/database/backups.js'
import { MINUTE_MS, SECOND_MS } from '../../src/domain/time.js'
import { EmbeddedQueue } from '../../src/queue/embedded.js'
import { type AlarmName, readAlarms } from '../../src/reports/alarms.js'
import { retryFailures } from '../../src/workflow/failures.js'
import { HOUR, NOW, type Shop, test } from '../support/shop.js'

/** @param settings as in the environment, without ORDERCTL_ALARM_ */
function alarms(shop: Shop, settings: Record<string, string> = {}) {
  const environment = Object.entries(settings).map(([name, value]) => [`ORDERCTL_ALARM_${name}`, value])
  return readAlarms(shop.db, shop.config(Object.fromEntries(environment)), NOW)
}

async function alarm(shop: Shop, name: AlarmName, settings: Record<string, string> = {}) {
  return (await alarms(shop, settings)).find((one) => one.name === name)
}

test('each alarm can be turned off', async ({ shop }) => {
  const off = ['WAIT_SECONDS', 'FAILURE_RATE', 'UNRESOLVED_ORDERS', 'STALE_WORKERS', 'LOW_STOCK']
  expect(await alarms(shop, Object.fromEntries(off.map((name) => [name, 'off'])))).toEqual([])
})

test.for([
  [899, 'ok', '14 min'],
  [900, 'failed', '15 min'],
] as const)('wait measures the oldest due order: %i s', async ([seconds, state, said], { shop }) => {
  expect(await alarm(shop, 'wait')).toMatchObject({ state: 'ok', value: 0 })
  shop.order('OLD', { dueAt: NOW - seconds * SECOND_MS })
  shop.order('YOUNG', { dueAt: NOW })
  shop.order('HELD-BACK', { dueAt: null })
  shop.order('IN-PROGRESS', { status: 'payment_processing', dueAt: NOW + SECOND_MS, leaseToken: 'a-lease' })
  const message = expect.stringContaining(said)
  expect(await alarm(shop, 'wait')).toMatchObject({ state, value: seconds, threshold: 900, message })
})

function settle(shop: Shop, status: 'completed' | 'failed' | 'rolled_back', count: number, settledAt: number) {
  for (let index = 0; index < count; index++) shop.order(`${status}-${settledAt}-${index}`, { status, settledAt })
}

test('failure_rate counts orders settled within the window, declined or out of stock', async ({ shop }) => {
  settle(shop, 'completed', 12, NOW - 15 * MINUTE_MS + 1)
  settle(shop, 'failed', 3, NOW - MINUTE_MS)
  settle(shop, 'rolled_back', 5, NOW)
  // Too old, and not yet.
  settle(shop, 'failed', 7, NOW - 15 * MINUTE_MS)
  settle(shop, 'failed', 7, NOW + 1)
  const message = expect.stringMatching(/^8 of the last 20 orders .*5 declined, 3 out_of_stock.* 40 %/)
  const figures = { state: 'failed', value: 8 / 20, threshold: 0.4, message }
  expect(await alarm(shop, 'failure_rate')).toMatchObject(figures)
  expect(await alarm(shop, 'failure_rate', { FAILURE_RATE: '0.401' })).toMatchObject({ state: 'ok' })
})

test('failure_rate is unknown below its minimum number of orders', async ({ shop }) => {
  settle(shop, 'failed', 19, NOW - MINUTE_MS)
  expect(await alarm(shop, 'failure_rate')).toMatchObject({ state: 'ok', value: null })
  expect(await alarm(shop, 'failure_rate', { FAILURE_LEAST_ORDERS: '19' })).toMatchObject({ state: 'failed', value: 1 })
  const later = { FAILURE_LEAST_ORDERS: '1', FAILURE_WINDOW_SECONDS: '60' }
  expect(await alarm(shop, 'failure_rate', later)).toMatchObject({ state: 'ok', value: null })
})

test('unresolved counts orders that need review, until they are retried', async ({ shop }) => {
  const [, retried] = [shop.unknownOrder('GIVEN-UP'), shop.unknownOrder('RETRIED')]
  expect(await alarm(shop, 'unresolved')).toMatchObject({ value: 2 })
  await retryFailures(shop.db, new EmbeddedQueue(shop.db), [retried])
  const message = expect.stringContaining('payment_unknown: 1')
  expect(await alarm(shop, 'unresolved')).toMatchObject({ state: 'failed', value: 1, threshold: 1, message })
  expect(await alarm(shop, 'unresolved', { UNRESOLVED_ORDERS: '2' })).toMatchObject({ state: 'ok' })
})

test('unresolved counts refunds that no process asks for again', async ({ shop }) => {
  for (const [reference, due] of [
    ['ASKED', NOW],
    ['GIVEN-UP', null],
  ] as const) {
    shop.order(reference, { status: 'completed' })
    shop.refund(reference, 500, { status: 'unknown' })
    const ofOrder = '(select id from orders where reference = ?)'
    shop.sqlite.prepare(`update refunds set due_at = ? where order_id = ${ofOrder}`).run(due, reference)
  }
  shop.unknownOrder('UNKNOWN')
  expect(await alarm(shop, 'unresolved')).toMatchObject({
    ...{ state: 'failed', value: 2 },
    message: expect.stringContaining('(payment_unknown: 1, refund_unknown: 1)'),
    fix: expect.stringContaining('orderctl orders refunds --status review'),
  })
})

test('stale_workers counts workers without a heartbeat for 30 s that have not ended', async ({ shop }) => {
  shop.worker('fresh', NOW - 29 * SECOND_MS)
  shop.worker('ended', NOW - 10 * MINUTE_MS, NOW - 10 * MINUTE_MS)
  expect(await alarm(shop, 'stale_workers')).toMatchObject({ state: 'ok', value: 0 })
  shop.worker('silent', NOW - 30 * SECOND_MS)
  const message = expect.stringContaining('process 42 on shop-1 for 30 s')
  expect(await alarm(shop, 'stale_workers')).toMatchObject({ state: 'failed', value: 1, message })
  expect(await alarm(shop, 'stale_workers', { STALE_WORKERS: '2' })).toMatchObject({ state: 'ok' })
})

test('stale_workers ends once another worker was started after them', async ({ shop }) => {
  shop.worker('silent', NOW - 50 * MINUTE_MS)
  shop.worker('drained', NOW - 55 * MINUTE_MS, NOW - 55 * MINUTE_MS)
  expect(await alarm(shop, 'stale_workers')).toMatchObject({ state: 'failed' })
  shop.worker('successor', NOW - 40 * MINUTE_MS, NOW - 40 * MINUTE_MS, { started_at: NOW - 49 * MINUTE_MS })
  expect(await alarm(shop, 'stale_workers')).toMatchObject({ state: 'ok', value: 0 })
})

test('low_stock counts available units, and names the scarcest products', async ({ shop }) => {
  shop.product('A', { onHand: 6 })
  shop.product('B', { onHand: 9, reserved: 5 })
  shop.product('C', { onHand: 5 })
  shop.product('E', { onHand: 5 })
  expect(await alarm(shop, 'low_stock', { LOW_STOCK: '3' })).toMatchObject({ state: 'ok', value: 4 })
  shop.product('D', { onHand: 3, reserved: 3 })
  expect(await alarm(shop, 'low_stock', { LOW_STOCK: '0' })).toMatchObject({ state: 'failed', value: 0 })
  expect(await alarm(shop, 'low_stock', { LOW_STOCK: '5' })).toMatchObject({
    ...{ state: 'failed', value: 0, threshold: 5 },
    message: expect.stringContaining('D (0), B (4), C (5) and 1 more'),
    fix: expect.stringContaining('products list --low 5'),
  })
})

test('backup measures the last backup, or the first import if there is none', async ({ shop }) => {
  const off = await alarms(shop)
  expect(off.map(({ name }) => name)).not.toContain('backup')
  const setting = { BACKUP_AGE_HOURS: '26' }
  expect(await alarm(shop, 'backup', setting)).toMatchObject({ state: 'ok', value: null })
  shop.order('A-1')
  shop.sqlite.prepare('update imports set started_at = ?').run(NOW - 26 * HOUR)
  const none = expect.stringMatching(/^No backup since the first import, 1,560 min ago; threshold 26 h/)
  expect(await alarm(shop, 'backup', setting)).toMatchObject({ state: 'failed', value: 26, message: none })
  await writeLastBackup(shop.db, { taken_at: NOW - 26 * HOUR + 1, file: '/backups/copy.sqlite' })
  const message = expect.stringContaining('/backups/copy.sqlite')
  expect(await alarm(shop, 'backup', setting)).toMatchObject({ state: 'ok', message })
  await writeLastBackup(shop.db, { taken_at: NOW - 26 * HOUR, file: '/backups/copy.sqlite' })
  expect(await alarm(shop, 'backup', setting)).toMatchObject({ state: 'failed', value: 26 })
})
