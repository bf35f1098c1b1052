// Who and what sells most, also in case of ties.

import { expect } from 'vitest'
import type { Day } from '../../src/domain/business-day.js'
import type { Currency } from '../../src/domain/money.js'
import { rankCustomer, type SalesChoice, topCustomers, topProducts } from '../../src/reports/leaderboards.js'
import { type Shop, test } from '../support/shop.js'

const EVERYTHING: SalesChoice = { currency: undefined, from: undefined, to: undefined }
const customers = ({ db }: Shop, choice: Partial<SalesChoice> = {}, limit = 10) =>
  topCustomers(db, { ...EVERYTHING, ...choice }, limit)
const rank = ({ db }: Shop, customer: string, choice: Partial<SalesChoice> = {}) =>
  rankCustomer(db, { ...EVERYTHING, ...choice }, customer)

/**
 * USD: once spends 20.00 in 1 order; b and B spend 20.00 in 2 orders (over two days); top 30.00 in 1.
 * EUR: b spends 500.00 in 1 order.
 */
function sellToLevelCustomers(shop: Shop): void {
  const buy = (customer: string, minor: number, day: number, currency = 'USD') =>
    shop.order(`${customer} ${minor} ${day}`, {
      ...{ status: 'completed', customer, currency, at: `2025-01-${day}T10:00:00`, lines: [['W', 1, minor]] },
    })
  buy('once', 2000, 15)
  buy('b', 500, 15)
  buy('b', 1500, 16)
  buy('B', 1000, 15)
  buy('B', 1000, 16)
  buy('top', 3000, 16)
  buy('b', 50_000, 16, 'EUR')
}

test('customers rank by revenue, then orders, then id byte by byte, on the board as alone', async ({ shop }) => {
  sellToLevelCustomers(shop)
  const board = await customers(shop)
  expect(board).toMatchObject({ currency: 'USD', otherCurrencies: ['EUR'] })
  expect(board.rows.map((row) => [row.rank, row.customer_id, row.order_count, row.total_spent.minor])).toEqual([
    [1, 'top', 1, 3000],
    [2, 'B', 2, 2000],
    [3, 'b', 2, 2000],
    [4, 'once', 1, 2000],
  ])
  expect((await customers(shop, {}, 2)).rows.map((row) => row.customer_id)).toEqual(['top', 'B'])
  for (const row of board.rows) expect((await rank(shop, row.customer_id)).rows).toEqual({ ...row, of: 4 })
})

test('a currency and days choose the sales that count', async ({ shop }) => {
  sellToLevelCustomers(shop)
  expect(await customers(shop, { currency: 'EUR' as Currency })).toMatchObject({
    currency: 'EUR',
    otherCurrencies: [],
    rows: [{ customer_id: 'b', total_spent: { minor: 50_000 } }],
  })
  const firstDay = { from: '2025-01-15' as Day, to: '2025-01-15' as Day }
  expect(await customers(shop, firstDay)).toMatchObject({
    otherCurrencies: [],
    rows: [
      { customer_id: 'once', total_spent: { minor: 2000 } },
      { customer_id: 'B', total_spent: { minor: 1000 } },
      { customer_id: 'b', total_spent: { minor: 500 } },
    ],
  })
  expect((await rank(shop, 'b', firstDay)).rows).toMatchObject({ rank: 3, of: 3 })
})

test('a customer without sales has no rank; an unknown customer is an error', async ({ shop }) => {
  shop.order('1', { customer: 'waiting' })
  expect(await customers(shop)).toMatchObject({ currency: null, rows: [] })
  expect(await rank(shop, 'waiting')).toMatchObject({ currency: null, rows: { rank: null, of: 0, total_spent: 0 } })
  sellToLevelCustomers(shop)
  expect((await rank(shop, 'waiting')).rows).toMatchObject({ rank: null, of: 4, total_spent: { minor: 0 } })
  await expect(rank(shop, 'nobody')).rejects.toMatchObject({ code: 'unknown_customer' })
})

test('products rank by units, then SKU; an order that names one twice counts once', async ({ shop }) => {
  const [b, a, dear] = [['b', 2, 100] as const, ['a', 3, 50] as const, ['dear', 1, 90_000] as const]
  shop.order('1', { status: 'completed', lines: [b, ['b', 1, 100], dear] })
  shop.order('2', { status: 'completed', lines: [a] })
  shop.order('3', { status: 'completed', lines: [dear] })
  const { rows } = await topProducts(shop.db, EVERYTHING, 10)
  expect(rows.map((row) => [row.rank, row.sku, row.units_sold, row.order_count, row.total_revenue.minor])).toEqual([
    [1, 'a', 3, 1, 150],
    [2, 'b', 3, 1, 300],
    [3, 'dear', 2, 2, 180_000],
  ])
})

test('of currencies with as many sales, the first in the alphabet is shown', async ({ shop }) => {
  for (const currency of ['USD', 'EUR']) shop.order(currency, { status: 'completed', currency })
  expect(await topProducts(shop.db, EVERYTHING, 1)).toMatchObject({ currency: 'EUR', otherCurrencies: ['USD'] })
})
