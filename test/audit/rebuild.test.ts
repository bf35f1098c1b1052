// What is derived is written anew: sales figures, days in another time zone, the queue.

import { afterEach, beforeEach, expect, test } from 'vitest'
import { auditDatabase } from '../../src/audit/audit.js'
import { rebuild } from '../../src/audit/rebuild.js'
import { readSetting, writeSetting } from '../../src/database/settings.js'
import type { Currency } from '../../src/domain/money.js'
import { EmbeddedQueue } from '../../src/queue/embedded.js'
import { Shop } from '../support/shop.js'

let shop: Shop
let queue: EmbeddedQueue
beforeEach(async () => {
  shop = await Shop.open()
  queue = new EmbeddedQueue(shop.db)
  await writeSetting(shop.db, 'time_zone', 'UTC')
})
afterEach(() => shop.close())

function orderDays() {
  return shop.db.selectFrom('orders').select(['reference', 'business_day']).orderBy('id').execute()
}

test.each(['leaderboard', 'kpis', 'all'] as const)('%s: lost and invented sales are put right', async (what) => {
  shop.order('1', { status: 'completed' })
  shop.order('2', { status: 'completed', currency: 'EUR' })
  await shop.db
    .deleteFrom('sales_by_customer')
    .where('currency', '=', 'USD' as Currency)
    .execute()
  await shop.db
    .updateTable('sales_by_product')
    .set({ units: 5 })
    .where('currency', '=', 'EUR' as Currency)
    .execute()
  expect((await auditDatabase(shop.db, 'UTC')).differences).toBe(2)
  expect(await rebuild(shop.db, queue, what, 'UTC')).toEqual({ refiled: 0, published: 0 })
  expect((await auditDatabase(shop.db, 'UTC')).differences).toBe(0)
})

test('in another time zone, instants move to their day there and dates of the shop stay', async () => {
  // 23:30 UTC is half past midnight in Berlin, of the next day.
  shop.order('instant', { status: 'completed', at: '2025-01-15T23:30:00Z' })
  shop.order('noon', { status: 'completed', at: '2025-01-15T12:00:00Z' })
  shop.order('local', { status: 'completed', at: '2025-01-15T23:30:00' })
  shop.order('waiting', { at: '2025-01-15T23:30:00Z' })
  expect((await auditDatabase(shop.db, 'Europe/Berlin')).checks[0]).toMatchObject({ name: 'time_zone', ok: false })

  expect(await rebuild(shop.db, queue, 'kpis', 'Europe/Berlin')).toEqual({ refiled: 2, published: 0 })

  expect(await orderDays()).toEqual([
    { reference: 'instant', business_day: '2025-01-16' },
    { reference: 'noon', business_day: '2025-01-15' },
    { reference: 'local', business_day: '2025-01-15' },
    { reference: 'waiting', business_day: '2025-01-16' },
  ])
  expect(await readSetting(shop.db, 'time_zone')).toBe('Europe/Berlin')
  expect((await auditDatabase(shop.db, 'Europe/Berlin')).differences).toBe(0)
})

test('while an import runs, days stay in the zone that it files by', async () => {
  shop.order('1', { at: '2025-01-15T23:30:00Z' })
  shop.import({ status: 'reading', leaseUntil: Date.now() + 60_000 })
  await expect(rebuild(shop.db, queue, 'all', 'Europe/Berlin')).rejects.toMatchObject({ code: 'import_running' })
  expect(await orderDays()).toEqual([{ reference: '1', business_day: '2025-01-15' }])
  expect(await readSetting(shop.db, 'time_zone')).toBe('UTC')
})

test('an order in process that fell out of the queue is in it again, and one that is settled is not', async () => {
  const lost = shop.order('lost', { status: 'payment_processing' })
  await shop.db.deleteFrom('due_orders').execute()
  shop.unknownOrder('for a person')
  const sold = shop.order('sold', { status: 'completed' })
  await shop.db.insertInto('due_orders').values({ order_id: sold, due_at: 1 }).execute()
  expect((await auditDatabase(shop.db, 'UTC')).differences).toBe(2)

  expect(await rebuild(shop.db, queue, 'queue', 'UTC')).toEqual({ refiled: 0, published: 1 })

  expect(await shop.db.selectFrom('due_orders').select('order_id').execute()).toEqual([{ order_id: lost }])
  expect((await auditDatabase(shop.db, 'UTC')).differences).toBe(0)
})

test('orders taken from the queue fall due again, those of an import under way do not', async () => {
  shop.order('cleared', { dueAt: null })
  shop.order('due')
  shop.order('failed', { status: 'failed' })
  const open = shop.import({ status: 'reading' })
  const held = shop.order('held', { dueAt: null })
  await shop.db.updateTable('orders').set({ import_id: open }).where('id', '=', held).execute()

  expect(await rebuild(shop.db, queue, 'queue', 'UTC')).toEqual({ refiled: 0, published: 1 })

  const waiting = await shop.db
    .selectFrom('due_orders')
    .innerJoin('orders', 'orders.id', 'due_orders.order_id')
    .select('reference')
    .orderBy('order_id')
    .execute()
  expect(waiting.map(({ reference }) => reference)).toEqual(['cleared', 'due'])
})
