// Who and what sells most, also where two are level.

import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Day } from '../../src/domain/business-day.js'
import type { Currency } from '../../src/domain/money.js'
import { rankCustomer, type SalesChoice, topCustomers, topProducts } from '../../src/reports/leaderboards.js'
import { Shop } from '../support/shop.js'

let shop: Shop
beforeEach(async () => {
  shop = await Shop.open()
})
afterEach(() => shop.close())

const EVERYTHING: SalesChoice = { currency: undefined, from: undefined, to: undefined }
const customers = (choice: Partial<SalesChoice> = {}, limit = 10) =>
  topCustomers(shop.db, { ...EVERYTHING, ...choice }, limit)
const products = (limit = 10) => topProducts(shop.db, EVERYTHING, limit)
const rank = (customer: string, choice: Partial<SalesChoice> = {}) =>
  rankCustomer(shop.db, { ...EVERYTHING, ...choice }, customer)

/**
 * USD: once spends 20.00 in 1 order; b and B spend 20.00 in 2 orders (over two days); top 30.00 in 1.
 * EUR: b spends 500.00 in 1 order.
 */
async function levelCustomers() {
  const buy = (reference: string, customer: string, minor: number, day: number, currency = 'USD') =>
    shop.order(reference, {
      status: 'completed',
      customer,
      currency,
      at: `2025-01-${day}T10:00:00`,
      lines: [['W', 1, minor]],
    })
  await buy('1', 'once', 2000, 15)
  await buy('2', 'b', 500, 15)
  await buy('3', 'b', 1500, 16)
  await buy('4', 'B', 1000, 15)
  await buy('5', 'B', 1000, 16)
  await buy('6', 'top', 3000, 16)
  await buy('7', 'b', 50_000, 16, 'EUR')
}

test('customers go by revenue, then orders, then id byte by byte; each has the same rank alone', async () => {
  await levelCustomers()
  const board = await customers()
  expect(board).toMatchObject({ currency: 'USD', otherCurrencies: ['EUR'] })
  expect(board.rows.map((row) => [row.rank, row.customer_id, row.order_count, row.total_spent.minor])).toEqual([
    [1, 'top', 1, 3000],
    [2, 'B', 2, 2000],
    [3, 'b', 2, 2000],
    [4, 'once', 1, 2000],
  ])
  expect((await customers({}, 2)).rows.map((row) => row.customer_id)).toEqual(['top', 'B'])
  for (const row of board.rows) expect((await rank(row.customer_id)).rows).toEqual({ ...row, of: 4 })
})

test('a currency and days choose the sales that count', async () => {
  await levelCustomers()
  expect(await customers({ currency: 'EUR' as Currency })).toMatchObject({
    currency: 'EUR',
    otherCurrencies: [],
    rows: [{ customer_id: 'b', total_spent: { minor: 50_000 } }],
  })
  const firstDay = { from: '2025-01-15' as Day, to: '2025-01-15' as Day }
  expect(await customers(firstDay)).toMatchObject({
    otherCurrencies: [],
    rows: [
      { customer_id: 'once', total_spent: { minor: 2000 } },
      { customer_id: 'B', total_spent: { minor: 1000 } },
      { customer_id: 'b', total_spent: { minor: 500 } },
    ],
  })
  expect((await rank('b', firstDay)).rows).toMatchObject({ rank: 3, of: 3 })
})

test('a known customer who bought nothing that counts has no rank; an unknown one is an error', async () => {
  await levelCustomers()
  shop.order('8', { customer: 'waiting' })
  expect((await rank('waiting')).rows).toMatchObject({ rank: null, of: 4, order_count: 0, total_spent: { minor: 0 } })
  await expect(rank('nobody')).rejects.toMatchObject({ code: 'customer_unknown' })
})

test('products go by units, then SKU; an order that names one twice counts once', async () => {
  const completed = { status: 'completed' } as const
  const twice = [
    ['b', 2, 100],
    ['b', 1, 100],
    ['dear', 1, 90_000],
  ] as const
  shop.order('1', { ...completed, lines: twice })
  shop.order('2', { ...completed, lines: [['a', 3, 50]] })
  shop.order('3', { ...completed, lines: [['dear', 1, 90_000]] })
  const { rows } = await products()
  expect(rows.map((row) => [row.rank, row.sku, row.units_sold, row.order_count, row.total_revenue.minor])).toEqual([
    [1, 'a', 3, 1, 150],
    [2, 'b', 3, 1, 300],
    [3, 'dear', 2, 2, 180_000],
  ])
})

test('of currencies used alike, the first in the alphabet is shown', async () => {
  shop.order('1', { status: 'completed', currency: 'USD' })
  shop.order('2', { status: 'completed', currency: 'EUR' })
  expect(await products(1)).toMatchObject({ currency: 'EUR', otherCurrencies: ['USD'] })
})

test('where nothing was sold there is no currency and nothing to list', async () => {
  shop.order('1')
  expect(await customers()).toMatchObject({ currency: null, rows: [] })
  expect(await rank('C-1')).toMatchObject({ currency: null, rows: { rank: null, of: 0, total_spent: 0 } })
})
