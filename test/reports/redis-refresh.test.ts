// After a refresh Redis holds what the database holds, whoever else writes at the same time, and whatever was lost.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'kysely'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { EmbeddedQueue } from '../../src/queue/embedded.js'
import { rebuild } from '../../src/reports/rebuild.js'
import { retryFailures } from '../../src/workflow/failures.js'
import { describeWithRedis } from '../redis.js'
import { EVERYTHING, RedisShop, whenFirstRead } from './redis-shop.js'
import { NOW } from './shop.js'

const SPENDING = 'customers:spending:USD'

describeWithRedis('refreshing Redis', () => {
  let at: RedisShop
  beforeEach(async () => {
    at = await RedisShop.open()
  })
  afterEach(() => at.close())

  const mark = () => at.redis.hgetall(`${at.prefix}leaderboard:refreshed`)

  test('scores are absolute: what is refreshed twice, or reaches back, is not counted twice', async () => {
    await at.sell('1', 'ann', 1000)
    await at.reports.refresh()
    await at.sell('2', 'ann', 500, { settledAt: NOW + 10_000 })
    await at.sell('3', 'eve', 70, { settledAt: NOW + 10_000, currency: 'EUR' })
    await at.shop.order('4', { customer: 'ann', status: 'rolled_back', settledAt: NOW + 10_000 })
    await at.reports.refresh()
    await at.reports.refresh()
    expect(await at.board(SPENDING)).toEqual({ ann: 1500 })
    expect(await at.board('customers:spending:EUR')).toEqual({ eve: 70 })
    expect(await at.board('products:units:USD')).toEqual({ W: 2 })
  })

  test('an order that others see late, behind the last one, is not missed', async () => {
    await at.sell('1', 'ann', 1000)
    await at.reports.refresh()
    await at.sell('late', 'ann', 500, { settledAt: NOW - 2000 })
    await at.sell('at once', 'eve', 300, { settledAt: NOW })
    await at.reports.refresh()
    expect(await at.board(SPENDING)).toEqual({ ann: 1500, eve: 300 })
  })

  test('nothing is written where nothing was settled', async () => {
    await at.sell('1', 'ann', 1000)
    await at.reports.refresh()
    await at.redis.zadd(`${at.prefix}leaderboard:${SPENDING}`, 7, 'ann')
    await at.shop.order('waiting', { customer: 'ann' })
    await at.reports.refresh()
    expect(await at.board(SPENDING)).toEqual({ ann: 7 })
  })

  test('a refresh that read before another one wrote takes nothing back', async () => {
    await at.sell('1', 'ann', 1000)
    await at.reports.refresh()
    await at.sell('2', 'ann', 500, { settledAt: NOW + 10_000 })
    const meanwhile = async () => {
      await at.sell('3', 'ann', 250, { settledAt: NOW + 20_000 })
      await at.reports.refresh()
      expect(await at.board(SPENDING)).toEqual({ ann: 1750 })
    }
    await at.reportsOn(whenFirstRead(await at.connection(), 'order_lines', meanwhile)).refresh()
    expect(await at.board(SPENDING)).toEqual({ ann: 1750 })
    expect(await mark()).toMatchObject({ settled_at: String(NOW + 20_000) })
  })

  test('a refresh that another one overtakes with older figures tries again', async () => {
    await at.sell('1', 'ann', 1000)
    await at.reports.refresh()
    await at.sell('2', 'ann', 500, { settledAt: NOW + 10_000 })
    let hasRead = () => {}
    let goOn = () => {}
    const reading = new Promise<void>((resolve) => {
      hasRead = resolve
    })
    const going = new Promise<void>((resolve) => {
      goOn = resolve
    })
    const slow = at.reportsOn(
      whenFirstRead(await at.connection(), 'order_lines', async () => {
        hasRead()
        await going
      }),
    )
    const older = slow.refresh()
    await reading
    await at.sell('3', 'ann', 250, { settledAt: NOW + 20_000 })
    const overtake = async () => {
      goOn()
      await older
      expect(await at.board(SPENDING)).toEqual({ ann: 1500 })
    }
    await at.reportsOn(whenFirstRead(await at.connection(), 'order_lines', overtake)).refresh()
    expect(await at.board(SPENDING)).toEqual({ ann: 1750 })
  })

  test('a failed order that is tried again does not move the mark back, nor cost a rebuild', async () => {
    const queue = new EmbeddedQueue(at.shop.db)
    await at.sell('1', 'ann', 1000)
    const failed = await at.shop.order('2', { customer: 'eve', status: 'failed', settledAt: NOW + 60_000 })
    await at.reports.refresh()
    await at.redis.zadd(`${at.prefix}leaderboard:${SPENDING}`, 7, 'left alone')
    await retryFailures(at.shop.db, queue, [failed])
    await at.reports.refresh()
    expect(await mark()).toMatchObject({ settled_at: String(NOW + 60_000) })
    await at.sell('3', 'joe', 500, { settledAt: NOW + 61_000 })
    await at.reports.refresh()
    expect(await at.board(SPENDING)).toEqual({ ann: 1000, joe: 500, 'left alone': 7 })
  })

  test.each(['the mark', 'a board', 'everything'])('%s is lost: the next report has it again', async (what) => {
    await at.sell('1', 'ann', 1000)
    await at.sell('2', 'eve', 2000)
    await at.reports.daily('2025-01-15' as never)
    const lost = { 'the mark': ['leaderboard:refreshed'], 'a board': [`leaderboard:${SPENDING}`] }[what]
    await at.redis.del((lost ?? (await at.keys())).map((key) => at.prefix + key))
    await at.sell('3', 'ann', 4000, { settledAt: NOW + 1 })
    const { entries } = await at.reports.customers({ ...EVERYTHING, limit: 5 })
    expect(entries.map(({ customer, spent }) => [customer, spent.minor])).toEqual([
      ['ann', 5000],
      ['eve', 2000],
    ])
    expect(await at.board(SPENDING)).toEqual({ ann: 5000, eve: 2000 })
  })

  test('a mark that is none is one that is missing', async () => {
    await at.sell('1', 'ann', 1000)
    await at.reports.refresh()
    await at.redis.hset(`${at.prefix}leaderboard:refreshed`, { settled_at: 'yesterday' })
    await at.redis.zadd(`${at.prefix}leaderboard:${SPENDING}`, 7, 'ann')
    await at.reports.refresh()
    expect(await at.board(SPENDING)).toEqual({ ann: 1000 })
  })

  test('two databases that meet on one Redis each get their own figures', async () => {
    const other = await RedisShop.open(at.url, at.prefix)
    await at.sell('1', 'ann', 1000)
    await other.sell('1', 'eve', 70, { currency: 'EUR' })
    const day = '2025-01-15' as never
    for (const _ of [1, 2]) {
      expect(await at.reports.customers({ ...EVERYTHING, limit: 5 })).toMatchObject({
        currency: 'USD',
        entries: [{ customer: 'ann' }],
      })
      expect(await at.reports.daily(day)).toMatchObject({ kpis: [{ revenue: { currency: 'USD', minor: 1000 } }] })
      expect(await other.reports.daily(day)).toMatchObject({ kpis: [{ revenue: { currency: 'EUR', minor: 70 } }] })
      expect(await other.reports.rank({ ...EVERYTHING, customer: 'eve' })).toMatchObject({ rank: 1, of: 1 })
    }
    expect(await at.keys()).not.toContain(`leaderboard:${SPENDING}`)
    await other.close()
  })

  test('a database that was put back to a backup does not keep what it no longer knows', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'orderctl-'))
    await at.sell('1', 'ann', 1000)
    await at.reports.refresh()
    await sql`vacuum into ${join(folder, 'backup.sqlite')}`.execute(at.shop.db)
    await at.sell('2', 'eve', 9000, { settledAt: NOW + 60_000 })
    await at.reports.refresh()

    const reports = at.reportsOn(await at.connection(join(folder, 'backup.sqlite')))
    const { entries } = await reports.customers({ ...EVERYTHING, limit: 5 })
    expect(entries).toMatchObject([{ customer: 'ann', spent: { minor: 1000 } }])
    expect(await at.board(SPENDING)).toEqual({ ann: 1000 })
    rmSync(folder, { recursive: true })
  })

  test('sales figures that are written anew in the database make Redis follow, also if nobody tells it', async () => {
    await at.sell('1', 'ann', 1000)
    await sql`update sales_by_customer set revenue = 5`.execute(at.shop.db)
    const day = '2025-01-15' as never
    expect(await at.reports.daily(day)).toMatchObject({ kpis: [{ revenue: { minor: 5 } }] })
    await rebuild(at.shop.db, new EmbeddedQueue(at.shop.db), 'leaderboard', 'UTC')
    expect(await at.reports.daily(day)).toMatchObject({ kpis: [{ revenue: { minor: 1000 } }] })
  })

  test('many processes at once leave what the database has', async () => {
    const others = await Promise.all([1, 2, 3].map(async () => at.reportsOn(await at.connection())))
    for (let order = 0; order < 20; order++) {
      await at.sell(String(order), `c-${order % 3}`, 100, { settledAt: NOW + order })
      await Promise.all(others.map((reports) => reports.refresh()))
    }
    expect(await at.board(SPENDING)).toEqual({ 'c-0': 700, 'c-1': 700, 'c-2': 600 })
    expect(at.warnings).toEqual([])
  })
})
