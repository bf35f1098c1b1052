// Revenue, orders and customers by day, worked out by hand.

import { expect } from 'vitest'
import type { Day } from '../../src/domain/business-day.js'
import type { OrderStatus } from '../../src/domain/order.js'
import { dailyKpis, type Kpis, rangeKpis, realtimeKpis } from '../../src/reports/kpis.js'
import { test } from '../support/shop.js'

/** Minor units: revenue, orders, average, customers. */
function figures(kpis: readonly Kpis[]) {
  return kpis.map(({ currency, total_revenue, order_count, average_order_value, unique_customers }) => [
    ...[currency, total_revenue.minor, order_count, average_order_value.minor, unique_customers],
  ])
}

/**
 * 15 January: USD 10.00 (A) + 5.01 (A) + 2.50 (B) = 17.51 in 3 orders of 2 customers, on average 5.8366… = 5.84;
 *             EUR 7.00 (A).
 * 16 January: USD 4.00 (B); one pending, one failed and one rolled back, which do not count.
 * 17 January: USD 1.00 (C), the range's last day.
 * 18 January: USD 99.00 (D), out of range.
 */
test('a day and a range have figures for each currency, and only completed orders count', async ({ shop }) => {
  const sell = (reference: string, customer: string, at: string, minor: number, currency = 'USD') =>
    shop.order(reference, { status: 'completed', customer, at: `2025-01-${at}`, currency, lines: [['W', 1, minor]] })
  sell('1', 'A', '15T00:00:00', 1000)
  sell('2', 'A', '15T23:59:59', 501)
  sell('3', 'B', '15T12:00:00', 250)
  sell('4', 'A', '15T12:00:00', 700, 'EUR')
  sell('5', 'B', '16T12:00:00', 400)
  for (const status of ['pending', 'failed', 'rolled_back'] as const) {
    shop.order(status, { status, at: '2025-01-16T12:00:00' })
  }
  sell('6', 'C', '17T23:59:59', 100)
  sell('7', 'D', '18T00:00:00', 9900)

  const days = [
    [
      '2025-01-15',
      [
        ['EUR', 700, 1, 700, 1],
        ['USD', 1751, 3, 584, 2],
      ],
    ],
    ['2025-01-16', [['USD', 400, 1, 400, 1]]],
    ['2025-01-17', [['USD', 100, 1, 100, 1]]],
  ] as const
  for (const [day, expected] of [...days, ['2025-01-14', []] as const]) {
    expect(figures((await dailyKpis(shop.db, 'UTC', day as string as Day)).kpis), day).toEqual(expected)
  }
  const range = await rangeKpis(shop.db, 'UTC', '2025-01-14' as Day, '2025-01-17' as Day)
  const none = (currency: string) => [currency, 0, 0, 0, 0]
  expect(range.days.map((day) => [day.date, figures(day.kpis)])).toEqual([
    ['2025-01-14', [none('EUR'), none('USD')]],
    days[0],
    ...days.slice(1).map(([day, usd]) => [day, [none('EUR'), ...usd]]),
  ])
  // USD 17.51 + 4.00 + 1.00 = 22.51 in 5 orders of A, B, C, who count once each; on average 4.502 = 4.50.
  expect(figures(range.kpis)).toEqual([
    ['EUR', 700, 1, 700, 1],
    ['USD', 2251, 5, 450, 3],
  ])
})

test('an empty database has no figures', async ({ shop }) => {
  expect(await rangeKpis(shop.db, 'UTC', '2025-01-01' as Day, '2025-01-31' as Day)).toMatchObject({
    kpis: [],
    days: { length: 31 },
  })
  const realtime = await realtimeKpis(shop.db, 'UTC', Date.now())
  expect(realtime).toMatchObject({ pending_orders: 0, completed_today: 0, revenue_today: [] })
})

/** Berlin leaves winter time on 30 March 2025: that day lasts from 23:00 UTC of the 29th to 22:00 UTC of the 30th. */
test('today begins and ends at midnight of the business time zone, also when the clocks change', async ({ shop }) => {
  const settle = (at: string, status: OrderStatus, currency = 'USD') =>
    shop.order(`${status} ${at}`, { status, currency, settledAt: Date.parse(`2025-03-${at}Z`), lines: [['W', 1, 100]] })
  settle('29T18:14:59.999', 'completed')
  settle('29T18:15:00', 'completed')
  settle('29T22:59:59.999', 'completed')
  settle('29T23:00:00', 'completed')
  settle('30T10:00:00', 'completed', 'EUR')
  settle('30T11:00:00', 'failed')
  settle('30T11:00:00', 'rolled_back')
  settle('30T21:59:59.999', 'completed')
  settle('30T22:00:00', 'completed')
  for (const status of ['reserved', 'payment_processing'] as const) shop.order(status, { status })
  shop.order('due', { dueAt: 1 })
  shop.order('held back', { dueAt: null })

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
  // In Nepal, the day begins at a quarter past six in the evening.
  const inNepal = await realtimeKpis(shop.db, 'Asia/Kathmandu', Date.parse('2025-03-30T12:00:00Z'))
  expect(inNepal).toMatchObject({ date: '2025-03-30', completed_today: 4, failed_today: 2 })
})
