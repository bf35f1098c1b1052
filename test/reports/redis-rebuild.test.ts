// A rebuild takes the place of what was there all at once, and the check finds what differs.

import { setTimeout } from 'node:timers/promises'
import { sql } from 'kysely'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Day } from '../../src/domain/business-day.js'
import { EmbeddedQueue } from '../../src/queue/embedded.js'
import { auditDatabase } from '../../src/reports/audit.js'
import { rebuild, repair } from '../../src/reports/rebuild.js'
import { describeWithRedis } from '../redis.js'
import { EVERYTHING, RedisShop } from './redis-shop.js'
import { NOW } from './shop.js'

const SPENDING = 'customers:spending:USD'
const DAY = '2025-01-15' as Day

describeWithRedis('rebuilding and checking Redis', () => {
  let at: RedisShop
  beforeEach(async () => {
    at = await RedisShop.open()
  })
  afterEach(() => at.close())

  const key = (name: string) => at.prefix + name
  const resultOf = async (name: string) => (await at.reports.check()).find((check) => check.name === name)

  /** USD: ann 10.00 and 5.00, eve 20.00 (3 units of W). EUR: ann 0.70 (1 unit). */
  async function sellSome() {
    await at.sell('1', 'ann', 1000)
    await at.sell('2', 'ann', 500)
    await at.sell('3', 'eve', 2000)
    await at.sell('4', 'ann', 70, { currency: 'EUR' })
    await at.reports.refresh()
  }

  test('what is wrong, missing or too much is put right; what is cached goes; nothing else is left behind', async () => {
    await sellSome()
    await at.reports.daily(DAY)
    await at.redis.zadd(key(`leaderboard:${SPENDING}`), 7, 'ann', 9, 'ghost')
    await at.redis.zrem(key(`leaderboard:${SPENDING}`), 'eve')
    await at.reports.rebuild()
    expect(await at.board(SPENDING)).toEqual({ ann: 1500, eve: 2000 })
    expect(await at.board('products:units:EUR')).toEqual({ W: 1 })
    expect(await at.keys()).toEqual([
      'leaderboard:customers:spending:EUR',
      'leaderboard:customers:spending:USD',
      'leaderboard:products:units:EUR',
      'leaderboard:products:units:USD',
      'leaderboard:refreshed',
    ])
    for (const name of await at.keys()) expect([name, await at.redis.ttl(key(name))]).toEqual([name, -1])
  })

  test('readers see the old board whole until they see the new one whole', async () => {
    await sql`insert into imports (source, file, status, lease_token, lease_until, host, pid, started_at)
      values ('default', 'f', 'finished', 't', 0, 'h', 1, 0)`.execute(at.shop.db)
    await sql`insert into customers (customer_id, name, import_id)
      with recursive n(i) as (select 1 union all select i + 1 from n where i < 5000)
      select 'C-' || i, 'Name', 1 from n`.execute(at.shop.db)
    await sql`insert into orders (import_id, source, reference, customer_id, currency, total, ordered_at, business_day,
      status, settled_at) select 1, 'default', customer_id, id, 'USD', 1000, '2025-01-15', '2025-01-15', 'completed', 5
      from customers`.execute(at.shop.db)
    await at.reports.rebuild()
    const sizes: number[] = []
    let rebuilding = true
    const reader = (async () => {
      while (rebuilding) sizes.push(await at.redis.zcard(key(`leaderboard:${SPENDING}`)))
    })()
    await at.reports.rebuild()
    rebuilding = false
    await reader
    expect(sizes.length).toBeGreaterThan(5)
    expect(new Set(sizes)).toEqual(new Set([5000]))
  })

  test('a board of a currency that is gone goes', async () => {
    await sellSome()
    await sql`update orders set currency = 'USD'`.execute(at.shop.db)
    await sql`delete from sales_by_product where currency = 'EUR'`.execute(at.shop.db)
    await at.reports.rebuild()
    expect(await at.board(SPENDING)).toEqual({ ann: 1570, eve: 2000 })
    expect(await at.keys()).toEqual([
      `leaderboard:${SPENDING}`,
      'leaderboard:products:units:USD',
      'leaderboard:refreshed',
    ])
  })

  test('what is right is found right, member by member, and the check changes nothing', async () => {
    await sellSome()
    await at.reports.daily(DAY)
    await at.reports.range(DAY, DAY)
    await at.reports.realtime(Date.now())
    const before = await Promise.all((await at.keys()).map((name) => at.redis.dump(key(name))))
    expect(await at.reports.check()).toMatchObject([
      // ann and eve in USD, ann in EUR
      { name: 'redis_customers', ok: true, expected: 3, actual: 3, differences: 0, examples: [] },
      // three units in USD, one in EUR
      { name: 'redis_products', ok: true, expected: 4, actual: 4, differences: 0, examples: [] },
      { name: 'redis_kpis', ok: true, expected: 3, actual: 3, differences: 0, examples: [] },
    ])
    await at.sell('5', 'joe', 100, { settledAt: NOW + 10_000 })
    await at.reports.check()
    expect(await Promise.all((await at.keys()).map((name) => at.redis.dump(key(name))))).toEqual(before)
  })

  test('a wrong score, a missing member and one too many differ', async () => {
    await sellSome()
    await at.redis.zadd(key(`leaderboard:${SPENDING}`), 1499, 'ann', 9, 'ghost')
    await at.redis.zrem(key(`leaderboard:${SPENDING}`), 'eve')
    expect(await resultOf('redis_customers')).toEqual({
      name: 'redis_customers',
      about: expect.any(String),
      ok: false,
      expected: 3,
      // ann in EUR, and the ghost
      actual: 2,
      differences: 3,
      examples: ['ann', 'eve', 'ghost'],
    })
    await at.redis.zadd(key('leaderboard:products:units:USD'), 30, 'W', 1, 'GHOST')
    expect(await resultOf('redis_products')).toMatchObject({
      expected: 4,
      actual: 32,
      differences: 2,
      examples: ['W', 'GHOST'],
    })
    await at.redis.del(key('leaderboard:products:units:EUR'))
    expect(await resultOf('redis_products')).toMatchObject({ expected: 4, actual: 31, differences: 3 })
  })

  test('a cached figure that is not the one of the database differs, whenever it was computed', async () => {
    await sellSome()
    const report = await at.reports.daily(DAY)
    const text = (await at.redis.get(key('kpis:daily:2025-01-15:UTC'))) ?? ''
    await at.redis.set(key('kpis:daily:2025-01-15:UTC'), text.replace(String(report.generatedAt), '5'))
    expect(await resultOf('redis_kpis')).toMatchObject({ ok: true, expected: 1, actual: 1 })
    await at.redis.set(key('kpis:daily:2025-01-15:UTC'), text.replace('3500', '3501'))
    expect(await resultOf('redis_kpis')).toMatchObject({
      ok: false,
      expected: 1,
      actual: 0,
      differences: 1,
      examples: ['kpis:daily:2025-01-15:UTC'],
    })
  })

  test('what a busy worker is just settling does not count, nor what was put right in between', async () => {
    await sellSome()
    const worker = at.reportsOn(await at.connection())
    await at.redis.zadd(key(`leaderboard:${SPENDING}`), 9_000_000, 'ann', 9, 'ghost')
    let working = true
    const work = (async () => {
      await setTimeout(300)
      await worker.rebuild()
      // Redis is behind by one order at any time, and so is what it keeps.
      for (let order = 0; working; order++) {
        await worker.daily(DAY)
        await at.sell(`more ${order}`, 'eve', 100, { settledAt: NOW + 10_000 + order })
        await setTimeout(150)
      }
    })()
    const checks = await at.reports.check()
    working = false
    await work
    expect(checks).toMatchObject([{ differences: 0 }, { differences: 0 }, { differences: 0 }])
    for (const { expected, actual } of checks) expect(actual).toBe(expected)
  })

  test('without a refresh it does count', async () => {
    await sellSome()
    await at.reports.daily(DAY)
    await at.sell('5', 'eve', 100, { settledAt: NOW + 10_000 })
    expect(await at.reports.check()).toMatchObject([
      { differences: 1, examples: ['eve'] },
      { differences: 1, examples: ['W'] },
      { differences: 1 },
    ])
  })

  test('the audit covers Redis, and a rebuild or a repair puts it right', async () => {
    const queue = new EmbeddedQueue(at.shop.db)
    await sellSome()
    const differences = async () => (await auditDatabase(at.shop.db, 'UTC', at.reports)).differences
    const before = await differences()
    const spoil = () => at.redis.zadd(key(`leaderboard:${SPENDING}`), 7, 'ann')
    await spoil()
    expect(await differences()).toBe(before + 1)
    await rebuild(at.shop.db, queue, 'queue', 'UTC', at.reports)
    expect(await differences()).toBe(before + 1)
    await rebuild(at.shop.db, queue, 'kpis', 'UTC', at.reports)
    expect(await differences()).toBe(before)
    await spoil()
    await repair(at.shop.db, 'UTC', at.reports)
    expect(await differences()).toBe(before)
    expect(await at.reports.customers({ ...EVERYTHING, limit: 1 })).toMatchObject({ entries: [{ customer: 'eve' }] })
  })
})
