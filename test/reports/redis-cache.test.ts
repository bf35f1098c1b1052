// KPIs that Redis keeps: the names and times are the ones of old, and none outlives the figures that it was made of.
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Day } from '../../src/domain/business-day.js'
import { EmbeddedQueue } from '../../src/queue/embedded.js'
import { retryFailures } from '../../src/workflow/failures.js'
import { describeWithRedis } from '../redis.js'
import { RedisShop, whenFirstRead } from './redis-shop.js'
import { NOW } from './shop.js'

const [FIRST, SECOND, THIRD] = ['2025-01-15', '2025-01-16', '2025-01-17'] as [Day, Day, Day]

describeWithRedis('KPIs in Redis', () => {
  let at: RedisShop
  beforeEach(async () => {
    at = await RedisShop.open()
  })
  afterEach(() => at.close())

  const cached = async () => (await at.keys()).filter((key) => /^kpis:(daily|range|realtime)/.test(key))
  const sellOn = (day: Day, reference: string, settledAt = NOW) =>
    at.sell(reference, 'ann', 1000, { at: `${day}T10:00:00`, settledAt })

  test('each report is kept as JSON under its name of old, for its time', async () => {
    await sellOn(FIRST, '1')
    const reports = {
      'kpis:daily:2025-01-15:UTC': await at.reports.daily(FIRST),
      'kpis:range:2025-01-15:2025-01-17:UTC': await at.reports.range(FIRST, THIRD),
      'kpis:realtime:UTC': await at.reports.realtime(NOW),
    }
    const lifetimes = []
    for (const [name, report] of Object.entries(reports)) {
      lifetimes.push(await at.redis.ttl(at.prefix + name))
      expect(JSON.parse((await at.redis.get(at.prefix + name)) ?? '')).toMatchObject(report)
    }
    for (const [index, seconds] of [86_400, 3600, 300].entries()) {
      expect(lifetimes[index]).toBeGreaterThan(seconds - 10)
      expect(lifetimes[index]).toBeLessThanOrEqual(seconds)
    }
    expect(reports['kpis:daily:2025-01-15:UTC']).toEqual({ ...(await at.database.daily(FIRST)), generatedAt: expect.any(Number) }) // biome-ignore format: short
  })

  test('what is kept is what is answered', async () => {
    await sellOn(FIRST, '1')
    for (const report of [
      () => at.reports.daily(FIRST),
      () => at.reports.range(FIRST, THIRD),
      () => at.reports.realtime(NOW),
    ]) {
      const first = await report()
      const [name = ''] = await cached()
      await at.redis.set(at.prefix + name, ((await at.redis.get(at.prefix + name)) ?? '').replace('1000', '1001'))
      expect(await report()).toEqual(JSON.parse(JSON.stringify(first).replace('1000', '1001')))
      await at.redis.del(at.prefix + name)
      expect(await report()).toEqual({ ...first, generatedAt: expect.any(Number) })
      await at.redis.del(at.prefix + name)
    }
  })

  test('an order that is settled drops its day, every range that holds it, and the figures of the moment', async () => {
    await sellOn(FIRST, '1')
    const worker = at.reportsOn(await at.connection())
    await at.reports.daily(FIRST)
    await at.reports.daily(SECOND)
    await at.reports.range(FIRST, FIRST)
    await at.reports.range(FIRST, SECOND)
    await at.reports.range(SECOND, THIRD)
    await at.reports.range(THIRD, THIRD)
    await at.reports.realtime(NOW)
    await sellOn(SECOND, '2', NOW + 1)
    await worker.refresh()
    expect(await cached()).toEqual([
      'kpis:daily:2025-01-15:UTC',
      'kpis:range:2025-01-15:2025-01-15:UTC',
      'kpis:range:2025-01-17:2025-01-17:UTC',
    ])
    expect(await at.redis.zrange(`${at.prefix}kpis:cached`, '0', '-1')).toHaveLength(3)
    expect(await at.reports.range(FIRST, SECOND)).toMatchObject({ kpis: [{ orders: 2 }] })
  })

  test('a report is never older than its own start, with no worker about', async () => {
    await sellOn(FIRST, '1')
    expect(await at.reports.daily(FIRST)).toMatchObject({ kpis: [{ orders: 1 }] })
    await sellOn(FIRST, '2')
    expect(await at.reports.daily(FIRST)).toMatchObject({ kpis: [{ orders: 2 }] })
  })

  test('figures of the moment follow every step of an order', async () => {
    const queue = new EmbeddedQueue(at.shop.db)
    const figures = () => at.reports.realtime(NOW)
    const none = { pendingOrders: 0, processingOrders: 0, completedToday: 0, failedToday: 0 }
    expect(await figures()).toMatchObject(none)
    const imported = await at.shop.order('1')
    expect(await figures()).toMatchObject({ ...none, pendingOrders: 1 })
    await at.shop.db
      .updateTable('due_orders')
      .set({ due_at: NOW + 30_000 })
      .execute()
    await at.shop.db.updateTable('orders').set({ status: 'payment_processing' }).execute()
    expect(await figures()).toMatchObject({ ...none, processingOrders: 1 })
    await at.shop.db.updateTable('orders').set({ status: 'rolled_back', settled_at: NOW }).execute()
    await at.shop.db.deleteFrom('due_orders').execute()
    expect(await figures()).toMatchObject({ ...none, failedToday: 1 })
    await retryFailures(at.shop.db, queue, [imported])
    expect(await figures()).toMatchObject({ ...none, pendingOrders: 1 })
    await sellOn(FIRST, '2', NOW)
    const { generatedAt } = await figures()
    expect(await at.reports.realtime(NOW + 1000)).toMatchObject({ completedToday: 1, generatedAt })
    expect(await at.reports.realtime(NOW + 86_400_000)).toMatchObject({ day: '2025-01-21', completedToday: 0 })
  })

  test('figures that were read before a refresh are not kept after it', async () => {
    await sellOn(FIRST, '1')
    await at.reports.refresh()
    const meanwhile = async () => {
      await sellOn(FIRST, '2', NOW + 1)
      await at.reports.refresh()
    }
    const slow = at.reportsOn(whenFirstRead(await at.connection(), 'sales_by_customer', meanwhile))
    expect(await slow.daily(FIRST)).toMatchObject({ kpis: [{ orders: 1 }] })
    expect(await cached()).toEqual([])
    expect(await at.reports.daily(FIRST)).toMatchObject({ kpis: [{ orders: 2 }] })
  })

  test.each(['', '{', '[]', 'null', '{"generatedAt":1}'])(
    'a value of %j is none of ours: it is computed',
    async (text) => {
      await sellOn(FIRST, '1')
      await at.reports.daily(FIRST)
      await at.redis.set(`${at.prefix}kpis:daily:2025-01-15:UTC`, text)
      expect(await at.reports.daily(FIRST)).toMatchObject({ kpis: [{ orders: 1 }] })
    },
  )

  test('where a Redis that evicts keys lost the list of what to drop, nothing old is answered', async () => {
    await sellOn(FIRST, '1')
    await at.reports.daily(FIRST)
    await at.redis.del(`${at.prefix}kpis:cached`)
    await sellOn(FIRST, '2', NOW + 1)
    expect(await at.reports.daily(FIRST)).toMatchObject({ kpis: [{ orders: 2 }] })
  })
})
