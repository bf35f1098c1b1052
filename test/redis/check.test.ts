// A rebuild replaces what is published all at once, and the check finds what differs.

import { setTimeout } from 'node:timers/promises'
import { sql } from 'kysely'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { auditDatabase } from '../../src/audit/audit.js'
import { rebuild, repair } from '../../src/audit/rebuild.js'
import type { Day } from '../../src/domain/business-day.js'
import { amountsAsNumbers } from '../../src/domain/money.js'
import { EmbeddedQueue } from '../../src/queue/embedded.js'
import { rangeKpis } from '../../src/reports/kpis.js'
import { FiguresShop, SPENDING } from '../support/figures-shop.js'
import { describeWithRedis } from '../support/redis.js'
import { NOW } from '../support/shop.js'

const DAILY = 'kpis:daily:2025-01-15:UTC'
const [FIRST, LAST] = ['2025-01-14', '2025-01-20'] as [Day, Day]
const RANGE = `kpis:range:${FIRST}:${LAST}:UTC`

describeWithRedis('rebuilding and checking published figures', () => {
  let at: FiguresShop
  beforeEach(async () => {
    at = await FiguresShop.open()
  })
  afterEach(() => at.close())

  const resultOf = async (name: string) => (await at.figures.check()).find((check) => check.name === name)
  const board = () => at.key(`leaderboard:${SPENDING}`)

  /** USD: ann 10.00 and 5.00, eve 20.00 (3 units of W). EUR: ann 0.70 (1 unit). */
  async function sellSome() {
    await at.figures.publish()
    await at.sell('1', 'ann', 1000)
    await at.sell('2', 'ann', 500)
    await at.sell('3', 'eve', 2000)
    await at.sell('4', 'ann', 70, { currency: 'EUR' })
    await at.figures.publish()
  }

  test('what is wrong, missing or too much is put right, and nothing else is left behind', async () => {
    await sellSome()
    await at.redis.zadd(board(), 7, 'ann', 9, 'ghost')
    await at.redis.zrem(board(), 'eve')
    await at.redis.set(at.key(DAILY), 'spoiled')
    await at.figures.rebuild()
    expect(await at.board(SPENDING)).toEqual({ ann: 1500, eve: 2000 })
    expect(await at.board('products:units:EUR')).toEqual({ W: 1 })
    expect(await at.kpi(DAILY)).toMatchObject({ date: '2025-01-15', kpis: [{ order_count: 1 }, { order_count: 3 }] })
    expect(await at.keys()).toEqual([
      'figures:mark',
      DAILY,
      'kpis:published',
      'leaderboard:customers:spending:EUR',
      'leaderboard:customers:spending:USD',
      'leaderboard:products:units:EUR',
      'leaderboard:products:units:USD',
    ])
    for (const name of (await at.keys()).slice(3)) expect(await at.redis.ttl(at.key(name)), name).toBe(-1)
  })

  test('publishes the present days, ranges and realtime figures, each for its time', async () => {
    await sellSome()
    await at.figures.publishKpis(NOW)
    const lifetimes = {
      'kpis:daily:2025-01-20:UTC': 86_400,
      'kpis:daily:2025-01-19:UTC': 86_400,
      [RANGE]: 3600,
      'kpis:range:2024-12-22:2025-01-20:UTC': 3600,
      'kpis:range:2025-01-01:2025-01-20:UTC': 3600,
      'kpis:realtime:UTC': 300,
    }
    for (const [name, seconds] of Object.entries(lifetimes)) {
      const left = await at.redis.ttl(at.key(name))
      expect([left > seconds - 20, left <= seconds], name).toEqual([true, true])
    }
    const range = JSON.parse(JSON.stringify(await rangeKpis(at.shop.db, 'UTC', FIRST, LAST), amountsAsNumbers))
    expect(await at.kpi(RANGE)).toEqual({ ...range, generated_at: expect.any(String) })
    expect(await at.kpi('kpis:realtime:UTC')).toMatchObject({
      pending_orders: 0,
      completed_today: 0,
      revenue_today: [],
    })
  })

  test('readers see the old board whole until they see the new one whole', async () => {
    await at.sell('1', 'ann', 1000)
    await sql`insert into customers (customer_id, name, import_id)
      with recursive n(i) as (select 2 union all select i + 1 from n where i < 5000)
      select 'C-' || i, 'Name', 1 from n`.execute(at.shop.db)
    await sql`insert into orders (import_id, source, reference, customer_id, currency, total, ordered_at, business_day,
      status, settled_at) select 1, 'default', customer_id, id, 'USD', 1000, '2025-01-15', '2025-01-15', 'completed', 5
      from customers where name = 'Name'`.execute(at.shop.db)
    await at.figures.rebuild()
    const sizes: number[] = []
    let rebuilding = true
    const reader = (async () => {
      while (rebuilding) sizes.push(await at.redis.zcard(board()))
    })()
    await at.figures.rebuild()
    rebuilding = false
    await reader
    expect(sizes.length).toBeGreaterThan(5)
    expect(new Set(sizes)).toEqual(new Set([5000]))
  })

  test('removes the boards of a currency without sales', async () => {
    await sellSome()
    await sql`update orders set currency = 'USD'`.execute(at.shop.db)
    await sql`delete from sales_by_product where currency = 'EUR'`.execute(at.shop.db)
    await at.figures.rebuild()
    expect(await at.board(SPENDING)).toEqual({ ann: 1570, eve: 2000 })
    expect((await at.keys()).slice(3)).toEqual([`leaderboard:${SPENDING}`, 'leaderboard:products:units:USD'])
  })

  test('finds right what is right, and changes nothing', async () => {
    await sellSome()
    await at.figures.publishKpis(NOW)
    const content = async () => Promise.all((await at.keys()).map((name) => at.redis.dump(at.key(name))))
    const before = await content()
    const right = { ok: true, differences: 0, examples: [] }
    expect(await at.figures.check()).toMatchObject([
      // ann and eve in USD, ann in EUR
      { name: 'redis_customers', expected: 3, actual: 3, ...right },
      { name: 'redis_products', expected: 2, actual: 2, ...right },
      // three days and three ranges
      { name: 'redis_kpis', expected: 6, actual: 6, ...right },
    ])
    await at.redis.zadd(board(), 7, 'ann')
    const spoiled = await content()
    await at.figures.check()
    expect(await content()).toEqual(spoiled)
    expect(spoiled).not.toEqual(before)
  })

  test('finds a wrong score, a missing member and one too many', async () => {
    await sellSome()
    await at.redis.zadd(board(), 1499, 'ann', 9, 'ghost', 8, 'specter')
    await at.redis.zrem(board(), 'eve')
    expect(await resultOf('redis_customers')).toMatchObject({
      ok: false,
      expected: 3,
      differences: 3,
      examples: ['ann (USD)', 'eve (USD)', `2 unknown in leaderboard:${SPENDING}`],
    })
    await at.redis.del(at.key('leaderboard:products:units:EUR'))
    expect(await resultOf('redis_products')).toMatchObject({ expected: 2, actual: 1, differences: 1 })
  })

  test('finds a KPI that is not the one of the database, and no range that is only older', async () => {
    await sellSome()
    await at.figures.publishKpis(NOW)
    const spoil = async (name: string) =>
      at.redis.set(
        at.key(name),
        ((await at.redis.get(at.key(name))) ?? '').replace('"total_revenue":35,', '"total_revenue":36,'),
      )
    await spoil(DAILY)
    await spoil(RANGE)
    expect(await resultOf('redis_kpis')).toMatchObject({ ok: false, differences: 2 })
    await at.sell('5', 'eve', 100, { settledAt: Date.now() })
    await at.figures.publish()
    // The day was published again; the range may be from before the sale.
    expect(await resultOf('redis_kpis')).toMatchObject({ ok: true, expected: 6 })
  })

  test('counts what was settled and never published', async () => {
    await sellSome()
    await at.sell('5', 'eve', 100, { settledAt: NOW + 10_000 })
    expect(await at.figures.check()).toMatchObject([{ differences: 1 }, { differences: 1 }, { differences: 1 }])
  })

  test('does not count what a worker publishes beside it', async () => {
    await sellSome()
    const worker = at.figuresOf(await at.connection())
    await at.redis.zadd(board(), 9_000_000, 'ann', 9, 'ghost')
    let working = true
    const work = (async () => {
      await setTimeout(300)
      await worker.rebuild()
      // Redis is behind by one order at any time.
      for (let order = 0; working; order++) {
        await worker.publish()
        await at.sell(`more ${order}`, 'eve', 100, { settledAt: NOW + 10_000 + order })
        await setTimeout(150)
      }
    })()
    const checks = await at.figures.check()
    working = false
    await work
    expect(checks).toMatchObject([{ differences: 0 }, { differences: 0 }, { differences: 0 }])
  })

  test('the audit covers Redis, and a rebuild or a repair puts it right', async () => {
    const { db } = at.shop
    const queue = new EmbeddedQueue(db)
    await sellSome()
    const differences = async () => (await auditDatabase(db, 'UTC', at.figures)).differences
    const before = await differences()
    await at.redis.zadd(board(), 7, 'ann')
    await rebuild(db, queue, 'queue', 'UTC', at.figures)
    expect(await differences()).toBe(before + 1)
    await rebuild(db, queue, 'kpis', 'UTC', at.figures)
    expect(await differences()).toBe(before)
    await at.redis.zadd(board(), 7, 'ann')
    await repair(db, 'UTC', at.figures)
    expect(await differences()).toBe(before)
  })
})
