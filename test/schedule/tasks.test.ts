// What the scheduled tasks do to the database. All figures are worked out by hand.

import { describe, expect, test as plainTest } from 'vitest'
import { auditDatabase } from '../../src/audit/audit.js'
import { loadConfig } from '../../src/config/config.js'
import { EmbeddedQueue } from '../../src/queue/embedded.js'
import type { PublishedFigures } from '../../src/redis/figures.js'
import type { TaskName } from '../../src/schedule/slots.js'
import { createTask } from '../../src/schedule/tasks.js'
import { FiguresShop } from '../support/figures-shop.js'
import { describeWithRedis } from '../support/redis.js'
import { Shop } from '../support/shop.js'

const test = plainTest.extend<{ shop: Shop }>({
  // biome-ignore lint/correctness/noEmptyPattern: Vitest reads from it that the fixture needs no other.
  shop: async ({}, use) => {
    const shop = await Shop.open()
    await use(shop)
    await shop.close()
  },
})

function run({ db, path }: Shop, name: TaskName, figures?: PublishedFigures): Promise<string> {
  const folders = { working: '/nowhere', user: '/nowhere', data: '/nowhere' }
  const { config } = loadConfig({ ORDERCTL_DATABASE_URL: `sqlite:${path}` }, folders)
  return createTask(name, { db, config, queue: new EmbeddedQueue(db), figures }).run()
}

describe('reservations', () => {
  async function reservedUntil(shop: Shop, reference: string, expiresAt: number): Promise<void> {
    const id = shop.order(reference, {
      status: 'reserved',
      lines: [
        ['X', 2, 1000],
        ['Y', 1, 500],
        ['X', 1, 1000],
      ],
    })
    await shop.db.updateTable('stock_reservations').set({ expires_at: expiresAt }).where('order_id', '=', id).execute()
  }

  test('that have expired are rolled back with their stock; others, and those at the gateway, stay', async ({
    shop,
  }) => {
    const now = Date.now()
    await reservedUntil(shop, 'EXPIRED', now - 1)
    await reservedUntil(shop, 'HELD', now + 60_000)
    // Its reservation ran out long ago, and the gateway may have its money.
    shop.order('CHARGED', { status: 'payment_processing', lines: [['X', 5, 1000]] })
    expect(await run(shop, 'reservations')).toBe('1 rolled back')
    const orders = await shop.db
      .selectFrom('orders')
      .leftJoin('due_orders', 'due_orders.order_id', 'orders.id')
      .select(['reference', 'status', 'reason', 'due_at', 'lease_token'])
      .orderBy('orders.id')
      .execute()
    expect(orders).toMatchObject([
      { reference: 'EXPIRED', status: 'rolled_back', reason: 'expired', due_at: null, lease_token: null },
      { reference: 'HELD', status: 'reserved', reason: null },
      { reference: 'CHARGED', status: 'payment_processing', reason: null },
    ])
    const stock = await shop.db.selectFrom('products').select(['sku', 'on_hand', 'reserved']).orderBy('sku').execute()
    // X: 3 of HELD and 5 of CHARGED; Y: 1 of HELD.
    expect(stock).toEqual([
      { sku: 'X', on_hand: 1000, reserved: 8 },
      { sku: 'Y', on_hand: 1000, reserved: 1 },
    ])
    const { checks } = await auditDatabase(shop.db, 'UTC')
    expect(checks.filter((check) => !check.ok)).toEqual([])
    expect(await run(shop, 'reservations')).toBe('0 rolled back')
  })

  test('of an earlier attempt say nothing about the present one', async ({ shop }) => {
    await reservedUntil(shop, 'AGAIN', Date.now() + 60_000)
    const { id } = await shop.db.selectFrom('orders').select('id').executeTakeFirstOrThrow()
    const product_id = shop.product('X')
    const old = { order_id: id, attempt: 0, product_id, quantity: 3, expires_at: 1 }
    await shop.db.insertInto('stock_reservations').values(old).execute()
    expect(await run(shop, 'reservations')).toBe('0 rolled back')
  })
})

test('leaderboards puts wrong sales figures right', async ({ shop }) => {
  shop.order('A', { status: 'completed' })
  await shop.db.updateTable('sales_by_customer').set({ revenue: 1 }).execute()
  await run(shop, 'leaderboards')
  const { revenue } = await shop.db.selectFrom('sales_by_customer').select('revenue').executeTakeFirstOrThrow()
  expect(revenue).toBe(1000)
})

test('kpis fails where a figure cannot be computed', async ({ shop }) => {
  shop.order('A')
  expect(await run(shop, 'kpis')).toMatch(/^\d{4}-\d\d-\d\d, \d{4}-\d\d-\d\d; 1 pending$/)
  await shop.db.schema.alterTable('sales_by_customer').renameTo('elsewhere').execute()
  await expect(run(shop, 'kpis')).rejects.toThrow('no such table')
})

describeWithRedis('with a Redis', () => {
  test('kpis publishes, and leaderboards puts the boards right and leaves the KPIs', async () => {
    const at = await FiguresShop.open()
    await at.sell('A', 'ann', 1000)
    const kinds = async () =>
      (await at.keys()).flatMap((key) => /^kpis:(daily|range|realtime)/.exec(key)?.slice(1) ?? [])
    await run(at.shop, 'kpis', at.figures)
    const expected = await kinds()
    // On some days of the month, two of the three ranges are the same.
    expect(new Set(expected)).toEqual(new Set(['daily', 'range', 'realtime']))
    await at.redis.zadd(at.key('leaderboard:customers:spending:USD'), 77, 'ann')
    expect(await run(at.shop, 'leaderboards', at.figures)).toBe('in the database and in Redis')
    expect(await at.board('customers:spending:USD')).toEqual({ ann: 1000 })
    expect(await kinds()).toEqual(expected)
    await at.close()
  })

  test('both fail, and name the other database, where the prefix is taken', async () => {
    const at = await FiguresShop.open()
    const other = await FiguresShop.open(at.url, at.prefix)
    await at.figures.publish()
    for (const name of ['kpis', 'leaderboards'] as const) {
      await expect(run(other.shop, name, other.figures)).rejects.toThrow(`another database: ${at.shop.path} (id `)
    }
    await other.close()
    await at.close()
  })
})
