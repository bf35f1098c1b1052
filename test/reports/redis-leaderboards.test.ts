// Leaderboards that Redis answers are those of the database, and Redis does answer them.
import { sql } from 'kysely'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Day } from '../../src/domain/business-day.js'
import type { Currency } from '../../src/domain/money.js'
import { describeWithRedis } from '../redis.js'
import { EVERYTHING, RedisShop } from './redis-shop.js'

const EURO = 'EUR' as Currency

describeWithRedis('leaderboards in Redis', () => {
  let at: RedisShop
  beforeEach(async () => {
    at = await RedisShop.open()
  })
  afterEach(() => at.close())

  /** USD: Al spends 20.00 in 1 order; b and B spend 20.00 in 2; top 30.00 in 1. EUR: b spends 500.00 in 1. */
  async function levelCustomers() {
    await at.sell('1', 'Al', 2000)
    await at.sell('2', 'b', 500)
    await at.sell('3', 'b', 1500, { at: '2025-01-16T10:00:00' })
    await at.sell('4', 'B', 1000)
    await at.sell('5', 'B', 1000, { at: '2025-01-16T10:00:00' })
    await at.sell('6', 'top', 3000, { at: '2025-01-16T10:00:00' })
    await at.sell('7', 'b', 50_000, { currency: 'EUR' })
  }

  test('customers go by revenue, then orders, then id byte by byte, also where the limit cuts between level ones', async () => {
    await levelCustomers()
    const board = await at.reports.customers({ ...EVERYTHING, limit: 10 })
    expect(board).toMatchObject({ currency: 'USD', otherCurrencies: ['EUR'] })
    expect(
      board.entries.map(({ rank, customer, name, orders, spent }) => [rank, customer, name, orders, spent]),
    ).toEqual([
      [1, 'top', 'Name of top', 1, { currency: 'USD', minor: 3000 }],
      [2, 'B', 'Name of B', 2, { currency: 'USD', minor: 2000 }],
      [3, 'b', 'Name of b', 2, { currency: 'USD', minor: 2000 }],
      [4, 'Al', 'Name of Al', 1, { currency: 'USD', minor: 2000 }],
    ])
    const two = await at.reports.customers({ ...EVERYTHING, limit: 2 })
    expect(two.entries.map(({ customer }) => customer)).toEqual(['top', 'B'])
    expect(await at.board('customers:spending:USD')).toEqual({ B: 2000, b: 2000, Al: 2000, top: 3000 })
    expect(await at.board('customers:spending:EUR')).toEqual({ b: 50_000 })
  })

  test('ids are in the order of their bytes, as in the database', async () => {
    // In UTF-16 the smile comes first, since its first half is D83D.
    await at.sell('1', '\u{1F600}', 1000)
    await at.sell('2', '\uFF5E', 1000)
    const { entries } = await at.reports.customers({ ...EVERYTHING, limit: 1 })
    expect(entries.map(({ customer }) => customer)).toEqual(['\uFF5E'])
  })

  test('a customer has the same rank alone as on the board', async () => {
    await levelCustomers()
    const board = await at.reports.customers({ ...EVERYTHING, limit: 10 })
    for (const { rank, customer, orders, spent, name } of board.entries) {
      const standing = await at.reports.rank({ ...EVERYTHING, customer })
      expect(standing).toMatchObject({ rank, of: 4, orders, spent, name, otherCurrencies: ['EUR'] })
    }
    const inEuro = { ...EVERYTHING, currency: EURO }
    expect(await at.reports.rank({ ...inEuro, customer: 'b' })).toMatchObject({ rank: 1, of: 1, orders: 1 })
    expect(await at.reports.rank({ ...inEuro, customer: 'top' })).toMatchObject({
      rank: null,
      of: 1,
      orders: 0,
      spent: { currency: 'EUR', minor: 0 },
    })
  })

  test('products go by units, then SKU', async () => {
    const completed = { status: 'completed' } as const
    await at.shop.order('1', { ...completed, lines: [['b', 2, 100], ['b', 1, 100], ['dear', 1, 90_000]] }) // biome-ignore format: a table
    await at.shop.order('2', { ...completed, lines: [['a', 3, 50]] })
    await at.shop.order('3', { ...completed, lines: [['dear', 1, 90_000]] })
    const board = await at.reports.products({ ...EVERYTHING, limit: 2 })
    expect(
      board.entries.map(({ rank, sku, name, units, orders, revenue }) => [rank, sku, name, units, orders, revenue]),
    ).toEqual([
      [1, 'a', 'Name of a', 3, 1, { currency: 'USD', minor: 150 }],
      [2, 'b', 'Name of b', 3, 1, { currency: 'USD', minor: 300 }],
    ])
    expect(await at.board('products:units:USD')).toEqual({ a: 3, b: 3, dear: 2 })
  })

  test('over all days Redis answers; for a period, the database', async () => {
    await levelCustomers()
    await at.reports.refresh()
    await at.redis.zrem(`${at.prefix}leaderboard:customers:spending:USD`, 'top')
    const names = async (to: Day | undefined) =>
      (await at.reports.customers({ currency: undefined, period: { from: undefined, to }, limit: 3 })).entries.map(
        ({ customer }) => customer,
      )
    expect(await names(undefined)).toEqual(['B', 'b', 'Al'])
    expect(await names('2025-12-31' as Day)).toEqual(['top', 'B', 'b'])
    expect(await at.reports.rank({ ...EVERYTHING, customer: 'B' })).toMatchObject({ rank: 1, of: 3 })
    const period = { from: '2025-01-01' as Day, to: undefined }
    expect(await at.reports.rank({ currency: undefined, period, customer: 'B' })).toMatchObject({ rank: 2, of: 4 })
  })

  test('where more are level than are worth reading one by one, the database answers', async () => {
    const level = sql`with recursive n(i) as (select 1 union all select i + 1 from n where i < 3000)`
    await at.sell('first', 'first', 5000)
    await sql`insert into customers (customer_id, name, import_id)
      ${level} select 'L-' || i, 'Level ' || i, 1 from n`.execute(at.shop.db)
    await sql`insert into orders (import_id, source, reference, customer_id, currency, total, ordered_at, business_day,
      status, settled_at) select 1, 'default', customer_id, id, 'USD', 1000, '2025-01-15', '2025-01-15', 'completed', 5
      from customers where customer_id like 'L-%'`.execute(at.shop.db)
    await sql`insert into sales_by_customer (day, currency, customer_id, orders, revenue)
      select '2025-01-15', 'USD', id, 1, 1000 from customers where customer_id like 'L-%'`.execute(at.shop.db)
    // As much in two orders: before all others.
    await at.sell('second', 'zoe', 400)
    await at.sell('third', 'zoe', 600)
    const board = await at.reports.customers({ ...EVERYTHING, limit: 3 })
    expect(board.entries.map(({ customer }) => customer)).toEqual(['first', 'zoe', 'L-1'])
    expect(await at.reports.rank({ ...EVERYTHING, customer: 'L-10' })).toMatchObject({ rank: 4, of: 3002 })
    expect(await at.redis.zcard(`${at.prefix}leaderboard:customers:spending:USD`)).toBe(3002)
    expect(at.warnings).toEqual([])
  })

  test('what a double does not hold exactly is not kept: the database answers, and that is said once', async () => {
    await at.sell('1', 'rich', Number.MAX_SAFE_INTEGER)
    await at.sell('2', 'poor', 100)
    await at.reports.refresh()
    expect(await at.board('customers:spending:USD')).toEqual({ poor: 100, rich: Number.MAX_SAFE_INTEGER })
    await at.sell('3', 'rich', 1)
    for (const _ of [1, 2]) {
      const board = await at.reports.customers({ ...EVERYTHING, limit: 5 })
      expect(board.entries).toEqual((await at.database.customers({ ...EVERYTHING, limit: 5 })).entries)
    }
    expect(await at.reports.rank({ ...EVERYTHING, customer: 'poor' })).toMatchObject({ rank: 2, of: 2 })
    expect(at.warnings).toEqual([expect.stringMatching(/^Spending in USD is beyond what Redis counts exactly/)])
    expect(await at.keys()).not.toContain('leaderboard:customers:spending:USD')

    await at.reports.rebuild()
    expect(await at.keys()).not.toContain('leaderboard:customers:spending:USD')
    expect(await at.board('products:units:USD')).toEqual({ W: 3 })
  })

  test('a customer whom nobody knows is an error and no fault of Redis; where nothing was sold there is no currency', async () => {
    await at.shop.order('1')
    expect(await at.reports.customers({ ...EVERYTHING, limit: 3 })).toMatchObject({ currency: null, entries: [] })
    expect(await at.reports.rank({ ...EVERYTHING, customer: 'C-1' })).toMatchObject({ rank: null, of: 0, spent: null })
    const unknown = at.reports.rank({ ...EVERYTHING, customer: 'nobody' })
    await expect(unknown).rejects.toMatchObject({ code: 'customer_unknown' })
    expect(at.warnings).toEqual([])
  })
})
