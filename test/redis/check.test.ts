// A rebuild replaces everything that is published at once, and the check finds what differs.

import { setTimeout } from 'node:timers/promises'
import { sql } from 'kysely'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { repair } from '../../src/audit/rebuild.js'
import type { Day } from '../../src/domain/business-day.js'
import { amountsAsNumbers } from '../../src/domain/money.js'
import { rangeKpis } from '../../src/reports/kpis.js'
import { FiguresShop, SPENDING } from '../support/figures-shop.js'
import { describeWith } from '../support/servers.js'
import { NOW } from '../support/shop.js'

const DAILY = 'kpis:daily:2025-01-15:UTC'
const [FIRST, LAST] = ['2025-01-14', '2025-01-20'] as [Day, Day]
const RANGE = `kpis:range:${FIRST}:${LAST}:UTC`

describeWith('redis', 'rebuilding and checking published figures', () => {
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

  test('a rebuild corrects what is wrong, adds what is missing and removes the rest', async () => {
    await sellSome()
    await at.redis.zadd(board(), 7, 'ann', 9, 'ghost')
    await at.redis.zrem(board(), 'eve')
    await at.redis.set(at.key(DAILY), 'spoiled')
    await at.figures.rebuild()
    expect(await at.board(SPENDING)).toEqual({ ann: 1500, eve: 2000 })
    expect(await at.board('products:units:EUR')).toEqual({ W: 1 })
    expect(await at.kpi(DAILY)).toMatchObject({ date: '2025-01-15', kpis: [{ order_count: 1 }, { order_count: 3 }] })
    const boards = ['customers:spending:EUR', SPENDING, 'products:units:EUR', 'products:units:USD']
    const leaderboards = boards.map((name) => `leaderboard:${name}`)
    expect(await at.keys()).toEqual(['figures:mark', DAILY, 'kpis:published', ...leaderboards])
    for (const name of leaderboards) expect(await at.redis.ttl(at.key(name)), name).toBe(-1)

    // Without sales in EUR, its boards are removed.
    await sql`update orders set currency = 'USD'`.execute(at.shop.db)
    await sql`delete from sales_by_product where currency = 'EUR'`.execute(at.shop.db)
    await at.figures.rebuild()
    expect(await at.board(SPENDING)).toEqual({ ann: 1570, eve: 2000 })
    expect((await at.keys()).slice(3)).toEqual(leaderboards.filter((name) => name.endsWith('USD')))
  })

  test('current days, ranges and realtime figures are published, each with its lifetime', async () => {
    await sellSome()
    await at.figures.publishKpis(NOW)
    const lifetimes = {
      'kpis:daily:2025-01-20:UTC': 86_400,
      'kpis:daily:2025-01-19:UTC': 86_400,
      [RANGE]: 3600,
      'kpis:range:2025-01-01:2025-01-20:UTC': 3600,
      'kpis:realtime:UTC': 300,
    }
    for (const [name, seconds] of Object.entries(lifetimes)) {
      expect(Math.abs(seconds - 10 - (await at.redis.ttl(at.key(name)))), name).toBeLessThanOrEqual(10)
    }
    const range = JSON.parse(JSON.stringify(await rangeKpis(at.shop.db, 'UTC', FIRST, LAST), amountsAsNumbers))
    expect(await at.kpi(RANGE)).toEqual({ ...range, generated_at: expect.any(String) })
    const realtime = { pending_orders: 0, completed_today: 0, revenue_today: [] }
    expect(await at.kpi('kpis:realtime:UTC')).toMatchObject(realtime)
  })

  test('readers see the old board in full until they see the new one in full', async () => {
    at.shop.sqlite.transaction(() => {
      for (let n = 0; n < 2000; n++) at.sell(`${n}`, `C-${n}`, 1000, { lines: [[`W-${n % 5}`, 1, 1000]] })
    })()
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
    expect(new Set(sizes)).toEqual(new Set([2000]))
  })

  test('a check finds wrong, missing and unknown members and unpublished sales, and changes nothing', async () => {
    await sellSome()
    await at.figures.publishKpis(NOW)
    const right = { ok: true, differences: 0, examples: [] }
    expect(await at.figures.check()).toMatchObject([
      // ann and eve in USD, ann in EUR
      { name: 'redis_customers', expected: 3, actual: 3, ...right },
      { name: 'redis_products', expected: 2, actual: 2, ...right },
      // three days and three ranges
      { name: 'redis_kpis', expected: 6, actual: 6, ...right },
    ])
    await at.redis.zadd(board(), 1499, 'ann', 9, 'ghost', 8, 'specter')
    await at.redis.zrem(board(), 'eve')
    await at.redis.del(at.key('leaderboard:products:units:EUR'))
    const content = async () => Promise.all((await at.keys()).map((name) => at.redis.dump(at.key(name))))
    const spoiled = await content()
    const examples = ['ann (USD)', 'eve (USD)', `2 unknown in leaderboard:${SPENDING}`]
    expect(await resultOf('redis_customers')).toMatchObject({ ok: false, expected: 3, differences: 3, examples })
    expect(await resultOf('redis_products')).toMatchObject({ expected: 2, actual: 1, differences: 1 })
    expect(await content()).toEqual(spoiled)

    await repair(at.shop.db, 'UTC', at.figures)
    await at.sell('5', 'eve', 100, { settledAt: NOW + 10_000 })
    // The KPIs of a day and three ranges differ.
    expect(await at.figures.check()).toMatchObject([{ differences: 1 }, { differences: 1 }, { differences: 4 }])
  })

  test('a check finds KPIs that differ from the database, but accepts a range that is older', async () => {
    await sellSome()
    await at.figures.publishKpis(NOW)
    for (const key of [at.key(DAILY), at.key(RANGE)]) {
      const text = (await at.redis.get(key)) ?? ''
      await at.redis.set(key, text.replace('"total_revenue":35,', '"total_revenue":36,'))
    }
    expect(await resultOf('redis_kpis')).toMatchObject({ ok: false, differences: 2 })
    await at.sell('5', 'eve', 100, { settledAt: Date.now() })
    await at.figures.publish()
    // The day was published again; the range may be older than the sale.
    expect(await resultOf('redis_kpis')).toMatchObject({ ok: true, expected: 6 })
  })

  test('a check finds no difference while a worker publishes', async () => {
    await sellSome()
    const worker = at.figuresOf(await at.shop.connection())
    await at.redis.zadd(board(), 9_000_000, 'ann', 9, 'ghost')
    let working = true
    const work = (async () => {
      await setTimeout(300)
      await worker.rebuild()
      // At any time, Redis lacks one order.
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
})
