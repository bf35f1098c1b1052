// Who and what sells most, also where two are level.
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Day } from '../../src/domain/business-day.js'
import type { Currency } from '../../src/domain/money.js'
import { DatabaseReports } from '../../src/reports/database-reports.js'
import { Shop } from '../support/shop.js'

let shop: Shop
let reports: DatabaseReports
beforeEach(async () => {
  shop = await Shop.open()
  reports = new DatabaseReports(shop.db, 'UTC')
})
afterEach(() => shop.close())

const everything = { currency: undefined, period: { from: undefined, to: undefined } }

/**
 * USD: once spends 20.00 in 1 order; b and B spend 20.00 in 2 orders (over two days); top 30.00 in 1.
 * EUR: b spends 500.00 in 1 order.
 */
async function levelCustomers() {
  const buy = (reference: string, customer: string, minor: number, day: string, currency = 'USD') =>
    shop.order(reference, { status: 'completed', customer, currency, at: `${day}T10:00:00`, lines: [['W', 1, minor]] })
  await buy('1', 'once', 2000, '2025-01-15')
  await buy('2', 'b', 500, '2025-01-15')
  await buy('3', 'b', 1500, '2025-01-16')
  await buy('4', 'B', 1000, '2025-01-15')
  await buy('5', 'B', 1000, '2025-01-16')
  await buy('6', 'top', 3000, '2025-01-16')
  await buy('7', 'b', 50_000, '2025-01-16', 'EUR')
}

test('customers go by revenue, then orders, then id byte by byte; a customer of two days stands once', async () => {
  await levelCustomers()
  const board = await reports.customers({ ...everything, limit: 10 })
  expect(board).toMatchObject({ currency: 'USD', otherCurrencies: ['EUR'] })
  expect(board.entries.map(({ rank, customer, orders, spent }) => [rank, customer, orders, spent.minor])).toEqual([
    [1, 'top', 1, 3000],
    [2, 'B', 2, 2000],
    [3, 'b', 2, 2000],
    [4, 'once', 1, 2000],
  ])
  const two = await reports.customers({ ...everything, limit: 2 })
  expect(two.entries.map(({ customer }) => customer)).toEqual(['top', 'B'])
})

test('a customer has the same rank alone as on the board', async () => {
  await levelCustomers()
  const board = await reports.customers({ ...everything, limit: 10 })
  for (const { rank, customer, orders, spent } of board.entries) {
    expect(await reports.rank({ ...everything, customer })).toMatchObject({ rank, of: 4, orders, spent })
  }
})

test('a currency and days choose the sales that count', async () => {
  await levelCustomers()
  const euros = await reports.customers({ ...everything, currency: 'EUR' as Currency, limit: 10 })
  expect(euros).toMatchObject({
    currency: 'EUR',
    otherCurrencies: [],
    entries: [{ customer: 'b', spent: { minor: 50_000 } }],
  })

  const period = { from: '2025-01-15' as Day, to: '2025-01-15' as Day }
  const first = await reports.customers({ currency: undefined, period, limit: 10 })
  expect(first.otherCurrencies).toEqual([])
  expect(first.entries.map(({ customer, spent }) => [customer, spent.minor])).toEqual([
    ['once', 2000],
    ['B', 1000],
    ['b', 500],
  ])
  expect(await reports.rank({ currency: undefined, period, customer: 'b' })).toMatchObject({ rank: 3, of: 3 })
})

test('a known customer who bought nothing that counts has no rank; an unknown one is an error', async () => {
  await levelCustomers()
  await shop.order('8', { customer: 'waiting' })
  expect(await reports.rank({ ...everything, customer: 'waiting' })).toMatchObject({ rank: null, of: 4, orders: 0 })
  await expect(reports.rank({ ...everything, customer: 'nobody' })).rejects.toMatchObject({ code: 'customer_unknown' })
})

test('products go by units, then SKU; an order that names one twice counts once', async () => {
  const completed = { status: 'completed' } as const
  await shop.order('1', {
    ...completed,
    lines: [
      ['b', 2, 100],
      ['b', 1, 100],
      ['dear', 1, 90_000],
    ],
  })
  await shop.order('2', { ...completed, lines: [['a', 3, 50]] })
  await shop.order('3', { ...completed, lines: [['dear', 1, 90_000]] })
  const board = await reports.products({ ...everything, limit: 10 })
  expect(
    board.entries.map(({ rank, sku, units, orders, revenue }) => [rank, sku, units, orders, revenue.minor]),
  ).toEqual([
    [1, 'a', 3, 1, 150],
    [2, 'b', 3, 1, 300],
    [3, 'dear', 2, 2, 180_000],
  ])
})

test('of currencies used alike, the first in the alphabet is shown', async () => {
  await shop.order('1', { status: 'completed', currency: 'USD' })
  await shop.order('2', { status: 'completed', currency: 'EUR' })
  expect(await reports.products({ ...everything, limit: 1 })).toMatchObject({
    currency: 'EUR',
    otherCurrencies: ['USD'],
  })
})

test('where nothing was sold there is no currency and nothing to list', async () => {
  await shop.order('1')
  expect(await reports.customers({ ...everything, limit: 10 })).toMatchObject({ currency: null, entries: [] })
  expect(await reports.rank({ ...everything, customer: 'C-1' })).toMatchObject({ rank: null, of: 0, spent: null })
})
