// Revenue, orders and customers by day, worked out by hand.
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Day } from '../../src/domain/business-day.js'
import { DatabaseReports } from '../../src/reports/database-reports.js'
import type { Kpis } from '../../src/reports/reports.js'
import { Shop } from '../support/shop.js'

let shop: Shop
beforeEach(async () => {
  shop = await Shop.open()
})
afterEach(() => shop.close())

const day = (text: string) => text as Day

/** Minor units: revenue, orders, average, customers. */
function figures(kpis: readonly Kpis[]) {
  return kpis.map(({ revenue, orders, averageOrderValue, uniqueCustomers }) => [
    revenue.currency,
    revenue.minor,
    orders,
    averageOrderValue.minor,
    uniqueCustomers,
  ])
}

/**
 * 15 January: USD 10.00 (A) + 5.01 (A) + 2.50 (B) = 17.51 in 3 orders of 2 customers, on average 5.8366… = 5.84;
 *             EUR 7.00 (A).
 * 16 January: USD 4.00 (B); one pending, one failed and one rolled back, which do not count.
 * 17 January: USD 1.00 (C), the range's last day.
 * 18 January: USD 99.00 (D), out of range.
 */
async function twoCurrencies() {
  const completed = { status: 'completed' } as const
  await shop.order('1', { ...completed, customer: 'A', at: '2025-01-15T00:00:00', lines: [['W', 1, 1000]] })
  await shop.order('2', { ...completed, customer: 'A', at: '2025-01-15T23:59:59', lines: [['W', 3, 167]] })
  await shop.order('3', { ...completed, customer: 'B', at: '2025-01-15T12:00:00', lines: [['V', 1, 250]] })
  await shop.order('4', {
    ...completed,
    customer: 'A',
    at: '2025-01-15T12:00:00',
    currency: 'EUR',
    lines: [['V', 1, 700]],
  })
  await shop.order('5', { ...completed, customer: 'B', at: '2025-01-16T12:00:00', lines: [['W', 1, 400]] })
  for (const status of ['pending', 'failed', 'rolled_back'] as const) {
    await shop.order(status, { status, at: '2025-01-16T12:00:00' })
  }
  await shop.order('6', { ...completed, customer: 'C', at: '2025-01-17T23:59:59', lines: [['W', 1, 100]] })
  await shop.order('7', { ...completed, customer: 'D', at: '2025-01-18T00:00:00', lines: [['W', 1, 9900]] })
}

test('a day has its figures for each currency, and only completed orders count', async () => {
  await twoCurrencies()
  const reports = new DatabaseReports(shop.db, 'UTC')
  expect(figures((await reports.daily(day('2025-01-15'))).kpis)).toEqual([
    ['EUR', 700, 1, 700, 1],
    ['USD', 1751, 3, 584, 2],
  ])
  expect(figures((await reports.daily(day('2025-01-16'))).kpis)).toEqual([['USD', 400, 1, 400, 1]])
  expect((await reports.daily(day('2025-01-14'))).kpis).toEqual([])
})

test('a range counts its last day, counts a customer of two days once, and lists the days with sales', async () => {
  await twoCurrencies()
  const range = await new DatabaseReports(shop.db, 'UTC').range(day('2025-01-14'), day('2025-01-17'))
  // USD 17.51 + 4.00 + 1.00 = 22.51 in 5 orders of A, B, C; on average 4.502 = 4.50.
  expect(figures(range.kpis)).toEqual([
    ['EUR', 700, 1, 700, 1],
    ['USD', 2251, 5, 450, 3],
  ])
  expect(range.days.map((each) => [each.day, figures(each.kpis)])).toEqual([
    [
      '2025-01-15',
      [
        ['EUR', 700, 1, 700, 1],
        ['USD', 1751, 3, 584, 2],
      ],
    ],
    ['2025-01-16', [['USD', 400, 1, 400, 1]]],
    ['2025-01-17', [['USD', 100, 1, 100, 1]]],
  ])
})

test('an empty database has no figures and no failure', async () => {
  const reports = new DatabaseReports(shop.db, 'UTC')
  expect((await reports.range(day('2025-01-01'), day('2025-01-31'))).days).toEqual([])
  expect(await reports.realtime(Date.now())).toMatchObject({ pendingOrders: 0, completedToday: 0, revenueToday: [] })
})

/**
 * Berlin leaves winter time on 30 March 2025: that day begins at 23:00 UTC of the 29th and, an hour short, ends at
 * 22:00 UTC of the 30th.
 */
test('today begins and ends at midnight of the business time zone, also on the day the clocks change', async () => {
  const settle = (name: string, at: string, status: 'completed' | 'failed' | 'rolled_back', currency = 'USD') =>
    shop.order(name, { status, currency, settledAt: Date.parse(at), lines: [['W', 1, 100]] })
  await settle('last of the 29th', '2025-03-29T22:59:59.999Z', 'completed')
  await settle('first of the 30th', '2025-03-29T23:00:00Z', 'completed')
  await settle('noon', '2025-03-30T10:00:00Z', 'completed', 'EUR')
  await settle('failed', '2025-03-30T11:00:00Z', 'failed')
  await settle('declined', '2025-03-30T11:00:00Z', 'rolled_back')
  await settle('last of the 30th', '2025-03-30T21:59:59.999Z', 'completed')
  await settle('first of the 31st', '2025-03-30T22:00:00Z', 'completed')
  await shop.order('pending')
  await shop.order('held', { held: true })
  await shop.order('reserved', { status: 'reserved' })
  await shop.order('at the gateway', { status: 'payment_processing' })

  const reports = new DatabaseReports(shop.db, 'Europe/Berlin')
  expect(await reports.realtime(Date.parse('2025-03-30T21:30:00Z'))).toMatchObject({
    day: '2025-03-30',
    pendingOrders: 2,
    processingOrders: 2,
    completedToday: 3,
    failedToday: 2,
    revenueToday: [
      { currency: 'EUR', minor: 100 },
      { currency: 'USD', minor: 200 },
    ],
  })
  expect(await reports.realtime(Date.parse('2025-03-30T22:30:00Z'))).toMatchObject({
    day: '2025-03-31',
    completedToday: 1,
    failedToday: 0,
  })
})
