// After a publication, Redis holds what the database holds, whatever else is published meanwhile or was lost.

import { sql } from 'kysely'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { rebuild } from '../../src/audit/rebuild.js'
import { EmbeddedQueue } from '../../src/queue/embedded.js'
import { retryFailures } from '../../src/workflow/failures.js'
import { FiguresShop, SPENDING, whenFirstRead } from '../support/figures-shop.js'
import { describeWith } from '../support/servers.js'
import { NOW } from '../support/shop.js'

describeWith('redis', 'publishing figures', () => {
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
  /** Settled this many seconds after the first order. */
  const later = (seconds: number) => ({ settledAt: NOW + seconds * 1000 })

  test('counts each sale once, by currency, however often it is published', async () => {
    await sellFirst()
    await at.sell('2', 'ann', 500, later(10))
    await at.sell('3', 'eve', 70, { ...later(10), currency: 'EUR' })
    at.shop.order('4', { customer: 'ann', status: 'rolled_back', settledAt: NOW + 10_000 })
    // Settled before the last sale that was published, or at the same time, but committed later.
    await at.sell('5', 'joe', 300, later(-2))
    await at.sell('6', 'joe', 30, later(0))
    await at.figures.publish()
    await at.figures.publish()
    expect(await at.board(SPENDING)).toEqual({ ann: 1500, joe: 330 })
    expect(await at.board('customers:spending:EUR')).toEqual({ eve: 70 })
    expect(await at.board('products:units:USD')).toEqual({ W: 4 })
  })

  test('publishes the KPIs of days with new sales as JSON, with a lifetime', async () => {
    await sellFirst()
    await at.sell('2', 'ann', 500, { at: '2025-01-16T10:00:00', settledAt: NOW + 10_000 })
    await at.figures.publish()
    const name = 'kpis:daily:2025-01-16:UTC'
    expect(await at.kpi(name)).toEqual({
      date: '2025-01-16',
      time_zone: 'UTC',
      generated_at: expect.any(String),
      kpis: [
        {
          currency: 'USD',
          ...{ total_revenue: 5, refunds: 0, net_revenue: 5 },
          order_count: 1,
          average_order_value: 5,
          unique_customers: 1,
        },
      ],
    })
    expect(await at.redis.ttl(at.key(name))).toBeGreaterThan(86_000)
  })

  test('subtracts refunds made since, and publishes the KPIs of their days', async () => {
    await sellFirst()
    await at.sell('2', 'joe', 500)
    const dayAfter = { answeredAt: NOW + 86_400_000 }
    at.shop.refund('1', 250, dayAfter)
    at.shop.refund('1', 100, { ...dayAfter, status: 'declined' })
    await at.figures.publish()
    expect(await at.board(SPENDING)).toEqual({ ann: 750, joe: 500 })
    const none = { total_revenue: 0, order_count: 0, average_order_value: 0, unique_customers: 0 }
    expect(await at.kpi('kpis:daily:2025-01-21:UTC')).toMatchObject({
      kpis: [{ currency: 'USD', ...none, refunds: 2.5, net_revenue: -2.5 }],
    })
    // Answered before the last change that was published, but committed later.
    at.shop.refund('2', 200, { answeredAt: dayAfter.answeredAt - 1000 })
    await at.figures.publish()
    expect(await at.board(SPENDING)).toEqual({ ann: 750, joe: 300 })
    await at.figures.rebuild()
    expect(await at.board(SPENDING)).toEqual({ ann: 750, joe: 300 })
    expect((await at.figures.check()).flatMap(({ examples }) => examples)).toEqual([])
  })

  test('a publication that read older figures than another one reverts nothing', async () => {
    await sellFirst()
    await at.sell('2', 'ann', 500, later(10))
    const meanwhile = async () => {
      await at.sell('3', 'ann', 250, later(20))
      await at.figures.publish()
      expect(await at.board(SPENDING)).toEqual({ ann: 1750 })
    }
    await at.figuresOf(whenFirstRead(await at.shop.connection(), 'order_lines', meanwhile)).publish()
    expect(await at.board(SPENDING)).toEqual({ ann: 1750 })
    expect(await at.kpi('figures:mark')).toMatchObject(later(20))
  })

  test('a rebuild also publishes what is settled meanwhile', async () => {
    await at.sell('1', 'ann', 1000)
    const meanwhile = async () => at.sell('2', 'ann', 500, later(10))
    await at.figuresOf(whenFirstRead(await at.shop.connection(), 'sales_by_product', meanwhile)).rebuild()
    expect(await at.board(SPENDING)).toEqual({ ann: 1500 })
  })

  test('publishes other sales after a failed order is retried', async () => {
    const failed = at.shop.order('1', { customer: 'eve', status: 'failed', settledAt: NOW + 60_000 })
    await at.sell('2', 'ann', 1000)
    await at.figures.publish()
    await retryFailures(at.shop.db, new EmbeddedQueue(at.shop.db), [failed])
    await at.sell('3', 'joe', 500, { settledAt: NOW + 1000 })
    await at.figures.publish()
    expect(await at.board(SPENDING)).toEqual({ ann: 1000, joe: 500 })
  })

  test.each([
    ...['figures:mark', `leaderboard:${SPENDING}`, 'everything'].map((lost) => ({ lost, mark: undefined })),
    ...['yesterday', '[]', 'null', '{"shop":1}'].map((mark) => ({ lost: 'nothing', mark })),
  ])('publishes everything again (lost: $lost, spoiled mark: $mark)', async ({ lost, mark }) => {
    const settledAt = Date.now() - 10_000
    await at.sell('1', 'ann', 1000, { settledAt })
    await at.sell('2', 'eve', 2000, { settledAt })
    await at.figures.publish()
    const keys = await at.keys()
    if (mark === undefined) await at.redis.del((lost === 'everything' ? keys : [lost]).map((key) => at.key(key)))
    else {
      await at.redis.set(at.key('figures:mark'), mark)
      await at.redis.zadd(at.key(`leaderboard:${SPENDING}`), 7, 'eve')
    }
    await at.sell('3', 'ann', 4000, { settledAt: settledAt + 1 })
    await at.figures.publish()
    expect(await at.board(SPENDING)).toEqual({ ann: 5000, eve: 2000 })
    expect(await at.keys()).toEqual(keys)
    expect(await at.kpi('kpis:daily:2025-01-15:UTC')).toMatchObject({ kpis: [{ order_count: 3 }] })
  })

  test('refuses a prefix that another database uses, and names that one', async () => {
    const other = await FiguresShop.open(at.url, at.prefix)
    await at.sell('1', 'ann', 1000)
    await other.sell('1', 'eve', 70, { currency: 'EUR' })
    await at.figures.publish()
    const { identity } = at.shop
    const refused = {
      code: 'redis_prefix_taken',
      message: expect.stringMatching(`prefix "${at.prefix}" in Redis at .* ${at.shop.path} \\(shop ${identity}\\)`),
    }
    for (const act of ['publish', 'rebuild', 'check'] as const) {
      await expect(other.figures[act]()).rejects.toMatchObject(refused)
    }
    await expect(other.figures.publishKpis(NOW)).rejects.toMatchObject(refused)
    expect(await at.board(SPENDING)).toEqual({ ann: 1000 })

    await at.redis.del(at.key('figures:mark'))
    await other.figures.publish()
    expect(await at.board('customers:spending:EUR')).toEqual({ eve: 70 })
    expect(await at.keys()).not.toContain(`leaderboard:${SPENDING}`)
    await expect(at.figures.publish()).rejects.toMatchObject({ code: 'redis_prefix_taken' })
    await other.close()
  })

  test('removes sales that are missing from a database that was restored from a backup', async () => {
    const backup = `${at.shop.path}.backup`
    await sellFirst()
    await sql`vacuum into ${backup}`.execute(at.shop.db)
    await at.sell('2', 'eve', 9000, later(60))
    await at.figures.publish()
    await at.figuresOf(await at.shop.connection(backup)).publish()
    expect(await at.board(SPENDING)).toEqual({ ann: 1000 })
  })

  test('publishes sales figures that a process without Redis has rebuilt', async () => {
    await at.sell('1', 'ann', 1000)
    await sql`update sales_by_product set units = 5`.execute(at.shop.db)
    await at.figures.publish()
    expect(await at.board('products:units:USD')).toEqual({ W: 5 })
    await rebuild(at.shop.db, new EmbeddedQueue(at.shop.db), 'leaderboard', 'UTC')
    await at.figures.publish()
    expect(await at.board('products:units:USD')).toEqual({ W: 1 })
  })

  test('three processes that publish at once leave the figures of the database', async () => {
    const others = await Promise.all([1, 2, 3].map(async () => at.figuresOf(await at.shop.connection())))
    await at.figures.publish()
    for (let order = 0; order < 20; order++) {
      await at.sell(String(order), `c-${order % 3}`, 100, { settledAt: NOW + order })
      await Promise.all(others.map((figures) => figures.publish()))
    }
    expect(await at.board(SPENDING)).toEqual({ 'c-0': 700, 'c-1': 700, 'c-2': 600 })
  })

  test('rounds a score beyond 2^53 to a double, which the check accepts', async () => {
    await at.sell('1', 'rich', Number.MAX_SAFE_INTEGER)
    await at.sell('2', 'rich', 2)
    await at.sell('3', 'poor', 100)
    await at.figures.publish()
    expect(await at.board(SPENDING)).toEqual({ poor: 100, rich: 2 ** 53 })
    expect(await at.figures.check()).toMatchObject([{ ok: true, expected: 2 }, { ok: true }, { ok: true }])
  })
})
