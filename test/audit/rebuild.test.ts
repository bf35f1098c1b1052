// What a rebuild recomputes: sales figures, days in another time zone, the queue.

import { sql } from 'kysely'
import { expect } from 'vitest'
import { auditDatabase } from '../../src/audit/audit.js'
import { rebuild, repair } from '../../src/audit/rebuild.js'
import { readSetting, writeSetting } from '../../src/database/settings.js'
import { statistics } from '../../src/database/statistics.js'
import { EmbeddedQueue } from '../../src/queue/embedded.js'
import { describeOnServerEngines } from '../support/engine-shop.js'
import { csv, line } from '../support/lines.js'
import { whileLocked } from '../support/locks.js'
import { HOUR, NOW, type Shop, test } from '../support/shop.js'

const rebuilding = ({ db }: Shop, what: Parameters<typeof rebuild>[2], timeZone = 'UTC') =>
  rebuild(db, new EmbeddedQueue(db), what, timeZone)

const differences = async ({ db }: Shop, timeZone = 'UTC') => (await auditDatabase(db, timeZone)).differences

const daysOf = (shop: Shop) => shop.sqlite.prepare('select reference, business_day from orders order by id').raw().all()

test.for(['leaderboard', 'kpis', 'all'] as const)('%s corrects lost and invented sales', async (what, { shop }) => {
  shop.order('1', { status: 'completed' })
  shop.order('2', { status: 'completed', currency: 'EUR' })
  shop.sqlite.exec(`delete from sales_by_customer where currency = 'USD';
    update sales_by_product set units = 5 where currency = 'EUR'`)
  expect(await differences(shop)).toBe(2)
  expect(await rebuilding(shop, what)).toEqual({ refiled: 0, published: 0 })
  expect(await differences(shop)).toBe(0)
})

test('in another time zone, instants move to their day there and local dates stay', async ({ shop }) => {
  await writeSetting(shop.db, 'time_zone', 'UTC')
  // 23:30 UTC is half past midnight in Berlin, of the next day.
  shop.order('instant', { status: 'completed', at: '2025-01-15T23:30:00Z' })
  shop.order('noon', { status: 'completed', at: '2025-01-15T12:00:00Z' })
  shop.order('local', { status: 'completed', at: '2025-01-15T23:30:00' })
  shop.order('pending', { at: '2025-01-15T23:30:00Z', dueAt: NOW })
  expect((await auditDatabase(shop.db, 'Europe/Berlin')).checks[0]).toMatchObject({ name: 'time_zone', ok: false })

  expect(await rebuilding(shop, 'kpis', 'Europe/Berlin')).toEqual({ refiled: 2, published: 0 })

  expect(daysOf(shop)).toEqual([
    ['instant', '2025-01-16'],
    ['noon', '2025-01-15'],
    ['local', '2025-01-15'],
    ['pending', '2025-01-16'],
  ])
  expect(await readSetting(shop.db, 'time_zone')).toBe('Europe/Berlin')
  expect(await differences(shop, 'Europe/Berlin')).toBe(0)
})

test('a change of time zone that was interrupted lets nothing read the days until a rebuild ends', async ({ shop }) => {
  await writeSetting(shop.db, 'time_zone', 'UTC')
  shop.order('instant', { status: 'completed', at: '2025-01-15T23:30:00Z' })
  shop.sqlite.exec(`create trigger fails before update on orders begin select raise(abort, 'killed'); end`)
  await expect(rebuilding(shop, 'kpis', 'Europe/Berlin')).rejects.toThrow('killed')
  // As a page leaves it that was committed before.
  shop.sqlite.exec(`drop trigger fails; update orders set business_day = '2025-01-16'`)
  const refused = {
    code: 2,
    result: { error: { code: 'time_zone_changed', message: expect.stringContaining('interrupted') } },
  }
  expect(await shop.json('kpis', 'daily')).toMatchObject(refused)
  expect(await shop.json('rebuild', '--check')).toMatchObject({ code: 6 })
  expect(await rebuilding(shop, 'kpis')).toEqual({ refiled: 1, published: 0 })
  expect(daysOf(shop)).toEqual([['instant', '2025-01-15']])
  await shop.expectAuditClean()
})

test('while an import runs, days stay in their time zone', async ({ shop }) => {
  await writeSetting(shop.db, 'time_zone', 'UTC')
  shop.order('1', { at: '2025-01-15T23:30:00Z' })
  shop.import({ status: 'reading', leaseUntil: Date.now() + 60_000 })
  await expect(rebuilding(shop, 'all', 'Europe/Berlin')).rejects.toMatchObject({ code: 'import_running' })
  expect(daysOf(shop)).toEqual([['1', '2025-01-15']])
  expect(await readSetting(shop.db, 'time_zone')).toBe('UTC')
})

test('the queue has all orders in progress that fell out of it, and no settled ones', async ({ shop }) => {
  const lost = shop.order('lost', { status: 'payment_processing' })
  shop.unknownOrder('needs review')
  shop.order('sold', { status: 'completed', dueAt: NOW })
  expect(await differences(shop)).toBe(2)

  expect(await rebuilding(shop, 'queue')).toEqual({ refiled: 0, published: 1 })

  expect(shop.rows('select order_id from due_orders')).toEqual([{ order_id: lost }])
  expect(await differences(shop)).toBe(0)
})

test('the queue has all Pending orders, except those of an unfinished import', async ({ shop }) => {
  const cleared = shop.order('cleared', { dueAt: null })
  const due = shop.order('due', { dueAt: NOW })
  shop.order('failed', { status: 'failed' })
  shop.import({ source: 'unfinished', status: 'reading' })
  shop.order('held back', { source: 'unfinished', dueAt: null })

  expect(await rebuilding(shop, 'queue')).toEqual({ refiled: 0, published: 1 })

  expect(shop.rows('select order_id from due_orders order by 1')).toEqual([{ order_id: cleared }, { order_id: due }])
})

test('charges wait as long as the gateway asked, unless a clock ahead postponed them for longer', async ({ shop }) => {
  const asked = Date.now() + 0.9 * HOUR
  const unanswered = { status: 'payment_processing', payment: { status: 'unknown', unanswered: 1 } } as const
  shop.order('asked', { ...unanswered, dueAt: asked })
  shop.order('postponed', { ...unanswered, dueAt: Date.now() + 2 * HOUR })

  expect(await rebuilding(shop, 'queue')).toEqual({ refiled: 0, published: 1 })

  expect(shop.row('asked')).toMatchObject({ due_at: asked })
  expect(shop.row('postponed')['due_at']).toBeLessThan(0)
})

test('orders that a clock ahead claimed for longer than any lease are due', async ({ shop }) => {
  shop.order('held', { status: 'payment_processing', dueAt: Date.now() + 0.9 * HOUR, leaseToken: 'alive' })
  shop.order('lost', { status: 'payment_processing', dueAt: Date.now() + 24 * HOUR, leaseToken: 'dead' })

  expect(await rebuilding(shop, 'queue')).toEqual({ refiled: 0, published: 1 })

  expect(shop.row('lost')['due_at']).toBeLessThan(0)
  const { code } = await shop.runWith({ ORDERCTL_PAYMENT_SUCCESS_RATE: '1' }, 'work', '--max-orders', '1')
  expect(code).toBe(0)
  expect(shop.rows("select status from orders where reference = 'lost'")).toEqual([{ status: 'completed' }])
})

test('orders that a person retries later wait, although an earlier attempt had no answer', async ({ shop }) => {
  for (const reference of ['1', '2', '3', '4']) shop.order(reference, { status: 'rolled_back' })
  shop.sqlite.exec('update payments set unanswered = 1')
  expect((await shop.run('failed', 'retry', '--all', '--yes', '--stagger', '8h')).code).toBe(0)
  const before = shop.rows('select order_id, due_at from due_orders')

  expect(await rebuilding(shop, 'queue')).toEqual({ refiled: 0, published: 0 })

  expect(shop.rows('select order_id, due_at from due_orders')).toEqual(before)
})

describeOnServerEngines('a repair and a worker lock rows in one order:', (test) => {
  const sale = (day: string) => sql`update sales_by_customer set orders = 2 where day = ${day}`
  test.for([
    ['sales by key', sale('2025-01-01'), sale('2025-01-02')],
    ['products, then counts', sql`update products set reserved = 0`, sql`update order_counts set orders = 1`],
  ] as const)('%s', async ([, first, last], { shop }) => {
    await shop.importing(csv(line()))
    const customer = await shop.value('select id from customers')
    // Not stored in the order of their keys.
    for (const day of ['2025-01-02', '2025-01-01'])
      await shop.rows(`insert into sales_by_customer values ('${day}', 'USD', ${customer}, 1, 100)`)
    const before = statistics.retries
    await whileLocked(
      shop,
      (trx) => first.execute(trx),
      () => repair(shop.db, 'UTC'),
      {
        last: (trx) => last.execute(trx),
      },
    )
    expect(statistics.retries).toBe(before)
    await shop.expectAuditClean()
  })
})
