// Revenue, orders and customers by day, worked out by hand.

import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Day } from '../../src/domain/business-day.js'
import { dailyKpis, type Kpis, rangeKpis, realtimeKpis } from '../../src/reports/kpis.js'
import { Shop } from '../support/shop.js'

let shop: Shop
beforeEach(async () => {
  shop = await Shop.open()
})
afterEach(() => shop.close())

const daily = async (day: string) => figures((await dailyKpis(shop.db, 'UTC', day as Day)).kpis)
const range = (from: string, to: string) => rangeKpis(shop.db, 'UTC', from as Day, to as Day)

/** Minor units: revenue, orders, average, customers. */
function figures(kpis: readonly Kpis[]) {
  return kpis.map(({ currency, total_revenue, order_count, average_order_value, unique_customers }) => [
    currency,
    total_revenue.minor,
    order_count,
    average_order_value.minor,
    unique_customers,
  ])
}

/**
 * 15 January: USD 10.00 (A) + 5.01 (A) + 2.50 (B) = 17.51 in 3 orders of 2 customers, on average 5.8366… = 5.84;
 *             EUR 7.00 (A).
 * 16 January: USD 4.00 (B); one pending, one failed and one rolled back, which do not count.
 * 17 January: USD 1.00 (C), the range's last day.
 * 18 January: USD 99.00 (D), out of range.
 */
const FIFTEENTH = [
  ['EUR', 700, 1, 700, 1],
  ['USD', 1751, 3, 584, 2],
]

async function twoCurrencies() {
  const sell = (reference: string, customer: string, at: string, minor: number, currency = 'USD') =>
    shop.order(reference, { status: 'completed', customer, at: `2025-01-${at}`, currency, lines: [['W', 1, minor]] })
  await sell('1', 'A', '15T00:00:00', 1000)
  await sell('2', 'A', '15T23:59:59', 501)
  await sell('3', 'B', '15T12:00:00', 250)
  await sell('4', 'A', '15T12:00:00', 700, 'EUR')
  await sell('5', 'B', '16T12:00:00', 400)
  for (const status of ['pending', 'failed', 'rolled_back'] as const) {
    shop.order(status, { status, at: '2025-01-16T12:00:00' })
  }
  await sell('6', 'C', '17T23:59:59', 100)
  await sell('7', 'D', '18T00:00:00', 9900)
}

test('a day has its figures for each currency, and only completed orders count', async () => {
  await twoCurrencies()
  expect(await daily('2025-01-15')).toEqual(FIFTEENTH)
  expect(await daily('2025-01-16')).toEqual([['USD', 400, 1, 400, 1]])
  expect(await daily('2025-01-14')).toEqual([])
})

test('a range counts its last day, counts a customer of two days once, and lists the days with sales', async () => {
  await twoCurrencies()
  const { kpis, days } = await range('2025-01-14', '2025-01-17')
  // USD 17.51 + 4.00 + 1.00 = 22.51 in 5 orders of A, B, C; on average 4.502 = 4.50.
  expect(figures(kpis)).toEqual([
    ['EUR', 700, 1, 700, 1],
    ['USD', 2251, 5, 450, 3],
  ])
  expect(days.map((day) => [day.date, figures(day.kpis)])).toEqual([
    ['2025-01-15', FIFTEENTH],
    ['2025-01-16', [['USD', 400, 1, 400, 1]]],
    ['2025-01-17', [['USD', 100, 1, 100, 1]]],
  ])
})

test('an empty database has no figures and no failure', async () => {
  expect((await range('2025-01-01', '2025-01-31')).days).toEqual([])
  const realtime = await realtimeKpis(shop.db, 'UTC', Date.now())
  expect(realtime).toMatchObject({ pending_orders: 0, completed_today: 0, revenue_today: [] })
})

/**
 * Berlin leaves winter time on 30 March 2025: that day begins at 23:00 UTC of the 29th and, an hour short, ends at
 * 22:00 UTC of the 30th.
 */
test('today begins and ends at midnight of the business time zone, also on the day the clocks change', async () => {
  const settle = (name: string, at: string, status: 'completed' | 'failed' | 'rolled_back', currency = 'USD') =>
    shop.order(name, { status, currency, settledAt: Date.parse(`2025-03-${at}Z`), lines: [['W', 1, 100]] })
  await settle('last of the 29th', '29T22:59:59.999', 'completed')
  await settle('first of the 30th', '29T23:00:00', 'completed')
  await settle('noon', '30T10:00:00', 'completed', 'EUR')
  await settle('failed', '30T11:00:00', 'failed')
  await settle('declined', '30T11:00:00', 'rolled_back')
  await settle('last of the 30th', '30T21:59:59.999', 'completed')
  await settle('first of the 31st', '30T22:00:00', 'completed')
  shop.order('pending')
  shop.order('held', { dueAt: null })
  shop.order('reserved', { status: 'reserved' })
  shop.order('at the gateway', { status: 'payment_processing' })

  const at = (instant: string) => realtimeKpis(shop.db, 'Europe/Berlin', Date.parse(instant))
  expect(await at('2025-03-30T21:30:00Z')).toMatchObject({
    date: '2025-03-30',
    pending_orders: 2,
    processing_orders: 2,
    completed_today: 3,
    failed_today: 2,
    revenue_today: [{ amount: { currency: 'EUR', minor: 100 } }, { amount: { currency: 'USD', minor: 200 } }],
  })
  expect(await at('2025-03-30T22:30:00Z')).toMatchObject({ date: '2025-03-31', completed_today: 1, failed_today: 0 })
})
