// Refunds in KPIs and leaderboards, worked out by hand: sales count on the day of the order, refunds on their own.
import { expect } from 'vitest'
import type { Day } from '../../src/domain/business-day.js'
import type { Currency } from '../../src/domain/money.js'
import { dailyKpis, type Kpis, rangeKpis, realtimeKpis } from '../../src/reports/kpis.js'
import { rankCustomer, topCustomers, topProducts } from '../../src/reports/leaderboards.js'
import { describeOnEngines } from '../support/engine-shop.js'
import { csv, line } from '../support/lines.js'
import { type Shop, test } from '../support/shop.js'

const day = (text: string) => `2025-01-${text}` as Day
const at = (text: string) => Date.parse(`2025-01-${text}T09:00:00Z`)

/** Minor units: revenue, refunds, net revenue. */
function figures(kpis: readonly Kpis[]) {
  return kpis.map(({ currency, total_revenue, refunds, net_revenue }) => [
    ...[currency, total_revenue.minor, refunds.minor, net_revenue.minor],
  ])
}

/**
 * 15 January: A buys for USD 10.00 and EUR 3.00, B for USD 8.00, and C of shop-b for USD 5.00.
 * 16 January: A gets USD 4.00 back; a refund of USD 6.00 is declined, and B's of USD 1.00 is open.
 * 17 January: A gets EUR 3.00 back, and C USD 0.50.
 */
function selling(shop: Shop) {
  const sell = (reference: string, customer: string, minor: number, wish = {}) =>
    shop.order(reference, { status: 'completed', customer, lines: [['W', 1, minor]], settledAt: at('15'), ...wish })
  sell('1', 'A', 1000)
  sell('2', 'A', 300, { currency: 'EUR' })
  sell('3', 'B', 800)
  sell('4', 'C', 500, { source: 'shop-b' })
  shop.refund('1', 400, { answeredAt: at('16') })
  shop.refund('1', 600, { answeredAt: at('16'), status: 'declined' })
  shop.refund('3', 100, { answeredAt: at('16'), status: 'unknown' })
  shop.refund('2', 300, { answeredAt: at('17') })
  shop.refund('4', 50, { answeredAt: at('17') })
}

test('KPIs keep the gross revenue of a day, and subtract what was refunded on it', async ({ shop }) => {
  selling(shop)
  const daily = async (text: string, source?: string) =>
    figures((await dailyKpis(shop.db, 'UTC', day(text), source)).kpis)
  expect(await daily('15')).toEqual([
    ['EUR', 300, 0, 300],
    ['USD', 2300, 0, 2300],
  ])
  expect(await daily('16')).toEqual([['USD', 0, 400, -400]])
  expect(await daily('17')).toEqual([
    ['EUR', 0, 300, -300],
    ['USD', 0, 50, -50],
  ])
  expect(await daily('17', 'shop-b')).toEqual([['USD', 0, 50, -50]])
  const range = await rangeKpis(shop.db, 'UTC', day('15'), day('17'))
  expect(figures(range.kpis)).toEqual([
    ['EUR', 300, 300, 0],
    ['USD', 2300, 450, 1850],
  ])
  expect(range.days.map(({ date, kpis }) => [date.slice(-2), ...figures(kpis)])).toEqual([
    ['15', ['EUR', 300, 0, 300], ['USD', 2300, 0, 2300]],
    ['16', ['EUR', 0, 0, 0], ['USD', 0, 400, -400]],
    ['17', ['EUR', 0, 300, -300], ['USD', 0, 50, -50]],
  ])
})

test('a range of more than ten years lists days that have only refunds', async ({ shop }) => {
  selling(shop)
  const { days } = await rangeKpis(shop.db, 'UTC', '2010-01-01' as Day, '2025-12-31' as Day)
  expect(days.map(({ date }) => date)).toEqual([day('15'), day('16'), day('17')])
})

test('realtime KPIs have the refunds of today, also in a currency without sales', async ({ shop }) => {
  selling(shop)
  const usd = (minor: number) => [{ currency: 'USD', amount: { currency: 'USD', minor } }]
  expect(await realtimeKpis(shop.db, 'UTC', at('16'))).toMatchObject({
    revenue_today: [],
    refunds_today: usd(400),
    net_revenue_today: usd(-400),
  })
  expect(await realtimeKpis(shop.db, 'UTC', at('15'))).toMatchObject({
    refunds_today: [],
    net_revenue_today: [{ amount: { minor: 300 } }, { amount: { minor: 2300 } }],
  })
})

test('customers rank by what they spent less the refunds of the period; products stay gross', async ({ shop }) => {
  selling(shop)
  const usd = 'USD' as Currency
  const spent = async (from?: Day, to?: Day) => {
    const { rows } = await topCustomers(shop.db, { currency: usd, from, to }, 10)
    return rows.map(({ customer_id, total_spent }) => [customer_id, total_spent.minor])
  }
  expect(await spent()).toEqual([
    ['B', 800],
    ['A', 600],
    ['C', 450],
  ])
  expect(await spent(day('15'), day('15'))).toEqual([
    ['A', 1000],
    ['B', 800],
    ['C', 500],
  ])
  const choice = { currency: usd, from: undefined, to: undefined }
  expect((await rankCustomer(shop.db, choice, 'A')).rows).toMatchObject({ rank: 2, of: 3, total_spent: { minor: 600 } })
  expect((await topProducts(shop.db, choice, 1)).rows).toMatchObject([
    { units_sold: 3, total_revenue: { minor: 2300 } },
  ])
})

test('an export has what was refunded of each order, and the net', async ({ shop }) => {
  selling(shop)
  shop.order('5', { status: 'failed', settledAt: at('15') })
  const { stdout } = await shop.run('orders', 'export')
  const [header = '', ...rows] = stdout
    .trim()
    .split('\n')
    .map((row) => row.split(','))
  const figures = rows.map((row) =>
    ['order_id', 'captured', 'refunded', 'net'].map((name) => row[header.indexOf(name)]),
  )
  expect(figures).toEqual([
    ['1', '10', '4', '6'],
    ['2', '3', '3', '0'],
    ['3', '8', '0', '8'],
    ['4', '5', '0.5', '4.5'],
    ['5', '', '', ''],
  ])
})

test('another time zone moves refunds to its days', async ({ shop }) => {
  shop.order('1', { status: 'completed' })
  shop.refund('1', 700, { answeredAt: Date.parse('2025-01-20T02:00:00Z') })
  const losAngeles = { ORDERCTL_TIME_ZONE: 'America/Los_Angeles' }
  await shop.run('rebuild', 'kpis')
  expect(figures((await dailyKpis(shop.db, 'UTC', day('20'))).kpis)).toEqual([['USD', 0, 700, -700]])
  expect((await shop.runWith(losAngeles, 'rebuild', 'kpis')).code).toBe(0)
  expect(shop.value('select day from refunds')).toBe('2025-01-19')
})

describeOnEngines('refunds in reports', (test) => {
  test('have the same figures on every database', async ({ shop }) => {
    const capturing = { ORDERCTL_PAYMENT_SUCCESS_RATE: '1' }
    await shop.importing(
      csv(line({ customer: 'A', price: '10.00' }), line({ order: 'A-2', customer: 'B', price: '9' })),
    )
    await shop.runWith(capturing, 'work', '--drain')
    await shop.run('orders', 'refund', 'A-1', '--amount', '2.50')
    const today = await shop.json('kpis', 'daily')
    expect(today.result).toMatchObject({ kpis: [{ total_revenue: 0, refunds: 2.5, net_revenue: -2.5 }] })
    expect((await shop.json('leaderboard', 'customers')).result).toMatchObject({
      customers: [
        { customer_id: 'B', total_spent: 9 },
        { customer_id: 'A', total_spent: 7.5 },
      ],
    })
    expect((await shop.json('kpis', 'realtime')).result).toMatchObject({
      revenue_today: [{ amount: 19 }],
      refunds_today: [{ amount: 2.5 }],
      net_revenue_today: [{ amount: 16.5 }],
    })
    expect((await shop.json('status')).result).toMatchObject({ refunds_to_review: 0 })
    expect((await shop.json('orders', 'export')).result).toMatchObject({
      orders: [
        { order_id: 'A-1', captured: 10, refunded: 2.5, net: 7.5 },
        { order_id: 'A-2', captured: 9, refunded: 0, net: 9 },
      ],
    })
    expect((await shop.json('orders', 'refunds')).result).toMatchObject({
      total: 1,
      refunds: [{ order_id: 'A-1', refund: 1, status: 'refunded', amount: 2.5, restock: false }],
    })
  })
})
