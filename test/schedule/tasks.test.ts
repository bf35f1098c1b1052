// What the scheduled tasks do to the database. All figures are worked out by hand.

import { describe, expect } from 'vitest'
import { EmbeddedQueue } from '../../src/queue/embedded.js'
import type { PublishedFigures } from '../../src/redis/figures.js'
import type { TaskName } from '../../src/schedule/slots.js'
import { createTask } from '../../src/schedule/tasks.js'
import { FiguresShop } from '../support/figures-shop.js'
import { describeWith } from '../support/servers.js'
import { NOW, type Shop, test } from '../support/shop.js'

function run(shop: Shop, name: TaskName, figures?: PublishedFigures): Promise<string> {
  const { db } = shop
  return createTask(name, { db, config: shop.config(), queue: new EmbeddedQueue(db), figures }).run()
}

describe('reservations', () => {
  const CLAIMED = { dueAt: NOW, leaseToken: 'a-lease' }

  function reserve(shop: Shop, reference: string, expiresAt: number) {
    const lines = [['X', 2, 1000] as const, ['Y', 1, 500] as const, ['X', 1, 1000] as const]
    const id = shop.order(reference, { status: 'reserved', ...CLAIMED, lines })
    shop.sqlite.prepare('update stock_reservations set expires_at = ? where order_id = ?').run(expiresAt, id)
    return id
  }

  test('rolls back orders whose reservation has expired, with their stock, unless they are charged', async ({
    shop,
  }) => {
    const now = Date.now()
    reserve(shop, 'EXPIRED', now - 1)
    reserve(shop, 'HELD', now + 60_000)
    // Its reservation has expired, but the gateway may have its money.
    shop.order('CHARGED', { status: 'payment_processing', ...CLAIMED, lines: [['X', 5, 1000]] })
    expect(await run(shop, 'reservations')).toBe('1 rolled back')
    expect(shop.row('EXPIRED')).toMatchObject({ status: 'rolled_back', reason: 'expired', due_at: null })
    expect(shop.row('HELD')).toMatchObject({ status: 'reserved', reason: null })
    expect(shop.row('CHARGED')).toMatchObject({ status: 'payment_processing', reason: null })
    // X: 3 of HELD and 5 of CHARGED; Y: 1 of HELD.
    expect(shop.rows('select sku, on_hand, reserved from products order by sku')).toEqual([
      { sku: 'X', on_hand: 1000, reserved: 8 },
      { sku: 'Y', on_hand: 1000, reserved: 1 },
    ])
    await shop.expectAuditClean()
    expect(await run(shop, 'reservations')).toBe('0 rolled back')
  })

  test('ignores reservations of an earlier attempt', async ({ shop }) => {
    const order_id = reserve(shop, 'AGAIN', Date.now() + 60_000)
    const old = { order_id, attempt: 0, product_id: shop.product('X'), quantity: 3, expires_at: 1 }
    await shop.db.insertInto('stock_reservations').values(old).execute()
    expect(await run(shop, 'reservations')).toBe('0 rolled back')
  })
})

test('kpis fails if a figure cannot be computed', async ({ shop }) => {
  shop.order('A')
  expect(await run(shop, 'kpis')).toMatch(/^\d{4}-\d\d-\d\d, \d{4}-\d\d-\d\d; 1 pending$/)
  shop.sqlite.exec('alter table sales_by_customer rename to elsewhere')
  await expect(run(shop, 'kpis')).rejects.toThrow('no such table')
})

describeWith('redis', 'tasks with Redis', () => {
  test('kpis publishes KPIs; leaderboards corrects the boards and leaves the KPIs', async () => {
    const at = await FiguresShop.open()
    await at.sell('A', 'ann', 1000)
    const kinds = async () =>
      (await at.keys()).flatMap((key) => /^kpis:(daily|range|realtime)/.exec(key)?.slice(1) ?? [])
    await run(at.shop, 'kpis', at.figures)
    const expected = await kinds()
    // On some days of the month, two of the three ranges are the same.
    expect(new Set(expected)).toEqual(new Set(['daily', 'range', 'realtime']))
    at.shop.sqlite.exec('update sales_by_customer set revenue = 1')
    await at.redis.zadd(at.key('leaderboard:customers:spending:USD'), 77, 'ann')
    expect(await run(at.shop, 'leaderboards', at.figures)).toBe('in the database and in Redis')
    expect(at.shop.value('select revenue from sales_by_customer')).toBe(1000)
    expect(await at.board('customers:spending:USD')).toEqual({ ann: 1000 })
    expect(await kinds()).toEqual(expected)
    await at.close()
  })

  test('kpis and leaderboards fail and name the other database if it owns the prefix', async () => {
    const at = await FiguresShop.open()
    const other = await FiguresShop.open(at.url, at.prefix)
    await at.figures.publish()
    for (const name of ['kpis', 'leaderboards'] as const) {
      await expect(run(other.shop, name, other.figures)).rejects.toThrow(`another database: ${at.shop.path} (shop `)
    }
    await other.close()
    await at.close()
  })
})
