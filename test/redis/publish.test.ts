// After a publication Redis holds what the database holds, whoever else publishes at the same time, and whatever was lost.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'kysely'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { rebuild } from '../../src/audit/rebuild.js'
import { EmbeddedQueue } from '../../src/queue/embedded.js'
import { retryFailures } from '../../src/workflow/failures.js'
import { FiguresShop, SPENDING, whenFirstRead } from '../support/figures-shop.js'
import { describeWithRedis } from '../support/redis.js'
import { NOW } from '../support/shop.js'

describeWithRedis('publishing figures', () => {
  let at: FiguresShop
  beforeEach(async () => {
    at = await FiguresShop.open()
  })
  afterEach(() => at.close())

  /** Ann spends 10.00, and that is published. */
  async function sellFirst() {
    await at.sell('1', 'ann', 1000)
    await at.figures.publish()
  }
  /** Settled so many seconds after the first order. */
  const later = (seconds: number) => ({ settledAt: NOW + seconds * 1000 })

  test('scores are absolute: a sale that is published twice is not counted twice', async () => {
    await sellFirst()
    await at.sell('2', 'ann', 500, later(10))
    await at.sell('3', 'eve', 70, { ...later(10), currency: 'EUR' })
    at.shop.order('4', { customer: 'ann', status: 'rolled_back', settledAt: NOW + 10_000 })
    await at.figures.publish()
    await at.figures.publish()
    expect(await at.board(SPENDING)).toEqual({ ann: 1500 })
    expect(await at.board('customers:spending:EUR')).toEqual({ eve: 70 })
    expect(await at.board('products:units:USD')).toEqual({ W: 2 })
  })

  test('publishes the days that were sold on, as JSON, for a day', async () => {
    await sellFirst()
    await at.sell('2', 'ann', 500, { at: '2025-01-16T10:00:00', settledAt: NOW + 10_000 })
    await at.figures.publish()
    const name = 'kpis:daily:2025-01-16:UTC'
    expect(await at.kpi(name)).toEqual({
      date: '2025-01-16',
      time_zone: 'UTC',
      generated_at: expect.any(String),
      kpis: [{ currency: 'USD', total_revenue: 5, order_count: 1, average_order_value: 5, unique_customers: 1 }],
    })
    const seconds = await at.redis.ttl(at.key(name))
    expect([seconds > 86_000, seconds <= 86_400]).toEqual([true, true])
    await at.sell('3', 'eve', 250, { at: '2025-01-16T11:00:00', settledAt: NOW + 20_000 })
    await at.figures.publish()
    expect(await at.kpi(name)).toMatchObject({ kpis: [{ currency: 'USD', order_count: 2, total_revenue: 7.5 }] })
  })

  test('publishes an order that others see late, behind the last one', async () => {
    await sellFirst()
    await at.sell('late', 'ann', 500, { settledAt: NOW - 2000 })
    await at.sell('at once', 'eve', 300, { settledAt: NOW })
    await at.figures.publish()
    expect(await at.board(SPENDING)).toEqual({ ann: 1500, eve: 300 })
  })

  test('writes nothing if nothing was settled', async () => {
    await sellFirst()
    await at.redis.zadd(at.key(`leaderboard:${SPENDING}`), 7, 'ann')
    at.shop.order('waiting', { customer: 'ann' })
    await at.figures.publish()
    expect(await at.board(SPENDING)).toEqual({ ann: 7 })
  })

  test('a publication that read before another one wrote takes nothing back', async () => {
    await sellFirst()
    await at.sell('2', 'ann', 500, later(10))
    const meanwhile = async () => {
      await at.sell('3', 'ann', 250, later(20))
      await at.figures.publish()
      expect(await at.board(SPENDING)).toEqual({ ann: 1750 })
    }
    await at.figuresOf(whenFirstRead(await at.connection(), 'order_lines', meanwhile)).publish()
    expect(await at.board(SPENDING)).toEqual({ ann: 1750 })
    expect(await at.kpi('figures:mark')).toMatchObject(later(20))
  })

  test('what is settled during a rebuild is published after it', async () => {
    await at.sell('1', 'ann', 1000)
    const meanwhile = async () => at.sell('2', 'ann', 500, later(10))
    await at.figuresOf(whenFirstRead(await at.connection(), 'sales_by_product', meanwhile)).rebuild()
    expect(await at.board(SPENDING)).toEqual({ ann: 1500 })
  })

  test('failed orders that are retried are settled again as others are', async () => {
    const failed = at.shop.order('1', { customer: 'eve', status: 'failed', settledAt: NOW + 60_000 })
    await at.sell('2', 'ann', 1000)
    await at.figures.publish()
    await retryFailures(at.shop.db, new EmbeddedQueue(at.shop.db), [failed])
    await at.sell('3', 'joe', 500, { settledAt: NOW + 1000 })
    await at.figures.publish()
    expect(await at.board(SPENDING)).toEqual({ ann: 1000, joe: 500 })
  })

  test.each(['figures:mark', `leaderboard:${SPENDING}`, 'everything'])(
    '%s is lost: the next publication has it again',
    async (lost) => {
      const settledAt = Date.now() - 10_000
      await at.sell('1', 'ann', 1000, { settledAt })
      await at.sell('2', 'eve', 2000, { settledAt })
      await at.figures.publish()
      const keys = await at.keys()
      await at.redis.del((lost === 'everything' ? keys : [lost]).map((key) => at.key(key)))
      await at.sell('3', 'ann', 4000, { settledAt: settledAt + 1 })
      await at.figures.publish()
      expect(await at.board(SPENDING)).toEqual({ ann: 5000, eve: 2000 })
      expect(await at.keys()).toEqual(keys)
      expect(await at.kpi('kpis:daily:2025-01-15:UTC')).toMatchObject({ kpis: [{ order_count: 3 }] })
    },
  )

  test.each(['yesterday', '[]', 'null', '{"databaseId":1}'])('a mark of %j counts as missing', async (text) => {
    await sellFirst()
    await at.redis.set(at.key('figures:mark'), text)
    await at.redis.zadd(at.key(`leaderboard:${SPENDING}`), 7, 'ann')
    await at.figures.publish()
    expect(await at.board(SPENDING)).toEqual({ ann: 1000 })
  })

  test('two databases under one prefix: the second one is refused by name until the first gives it up', async () => {
    const other = await FiguresShop.open(at.url, at.prefix)
    await at.sell('1', 'ann', 1000)
    await other.sell('1', 'eve', 70, { currency: 'EUR' })
    await at.figures.publish()
    const { databaseId } = (await at.kpi('figures:mark')) as { databaseId: string }
    const refused = {
      code: 'redis_prefix_taken',
      message: expect.stringMatching(`prefix "${at.prefix}" in Redis at .* ${at.shop.path} \\(id ${databaseId}\\)`),
    }
    for (const act of ['publish', 'rebuild', 'check'] as const) {
      await expect(other.figures[act]()).rejects.toMatchObject(refused)
    }
    await expect(other.figures.publishKpis(NOW)).rejects.toMatchObject(refused)
    expect(await at.board(SPENDING)).toEqual({ ann: 1000 })
    expect(await at.redis.ttl(at.key('figures:mark'))).toBeGreaterThan(86_000)

    await at.redis.del(at.key('figures:mark'))
    await other.figures.publish()
    expect(await at.board('customers:spending:EUR')).toEqual({ eve: 70 })
    expect(await at.keys()).not.toContain(`leaderboard:${SPENDING}`)
    await expect(at.figures.publish()).rejects.toMatchObject({ code: 'redis_prefix_taken' })
    await other.close()
  })

  test('a database that was restored from a backup does not keep what it no longer knows', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'orderctl-'))
    await sellFirst()
    await sql`vacuum into ${join(folder, 'backup.sqlite')}`.execute(at.shop.db)
    await at.sell('2', 'eve', 9000, later(60))
    await at.figures.publish()
    await at.figuresOf(await at.connection(join(folder, 'backup.sqlite'))).publish()
    expect(await at.board(SPENDING)).toEqual({ ann: 1000 })
    rmSync(folder, { recursive: true })
  })

  test('sales figures that a process without Redis rebuilt are published, too', async () => {
    await at.sell('1', 'ann', 1000)
    await sql`update sales_by_product set units = 5`.execute(at.shop.db)
    await at.figures.publish()
    expect(await at.board('products:units:USD')).toEqual({ W: 5 })
    await rebuild(at.shop.db, new EmbeddedQueue(at.shop.db), 'leaderboard', 'UTC')
    await at.figures.publish()
    expect(await at.board('products:units:USD')).toEqual({ W: 1 })
  })

  test('many processes at once leave what the database has', async () => {
    const others = await Promise.all([1, 2, 3].map(async () => at.figuresOf(await at.connection())))
    await at.figures.publish()
    for (let order = 0; order < 20; order++) {
      await at.sell(String(order), `c-${order % 3}`, 100, { settledAt: NOW + order })
      await Promise.all(others.map((figures) => figures.publish()))
    }
    expect(await at.board(SPENDING)).toEqual({ 'c-0': 700, 'c-1': 700, 'c-2': 600 })
  })

  test('a score beyond 2^53 is published rounded, as a double, and the check finds no difference', async () => {
    await at.sell('1', 'rich', Number.MAX_SAFE_INTEGER)
    await at.sell('2', 'rich', 2)
    await at.sell('3', 'poor', 100)
    await at.figures.publish()
    expect(await at.board(SPENDING)).toEqual({ poor: 100, rich: 2 ** 53 })
    expect(await at.figures.check()).toMatchObject([{ ok: true, expected: 2 }, { ok: true }, { ok: true }])
  })
})
