// `orderctl work`: who gets the stock, and when it ends. All figures are worked out by hand. Money and failures are
// tested on every database in test/database/workflow.test.ts.

import { describe, expect } from 'vitest'
import { TRANSITIONS } from '../../src/domain/order.js'
import { DAY_MS } from '../../src/domain/time.js'
import { importing, SLOW, statuses } from '../support/drain.js'
import { csv, line } from '../support/lines.js'
import { scriptedGateway } from '../support/scripted-gateway.js'
import { test } from '../support/shop.js'
import { until } from '../support/until.js'

const ALL_CAPTURED = { ORDERCTL_PAYMENT_SUCCESS_RATE: '1' }

/** Orders A-1 … A-n of one unit each. */
function ordersOf(count: number, skuOf: (index: number) => string): string {
  return csv(...Array.from({ length: count }, (_, index) => line({ order: `A-${index + 1}`, sku: skuOf(index) })))
}

describe.concurrent('a drain', () => {
  test('by two workers sells a stock of one to one of 200 orders', async ({ shop }) => {
    const file = shop.file(
      'orders.csv',
      ordersOf(200, () => 'RARE'),
    )
    await shop.runWith({ ORDERCTL_INITIAL_STOCK: '1' }, 'import', file)
    const workers = { ...ALL_CAPTURED, ORDERCTL_BATCH_SIZE: '7' }
    await Promise.all([1, 2].map(() => shop.start(workers, 'work', '--drain').ended))
    expect(statuses(shop)).toEqual({ completed: 1, failed: 199 })
    expect(shop.rows('select on_hand, reserved from products')).toEqual([{ on_hand: 0, reserved: 0 }])
    expect(shop.value("select count(*) from orders where reason = 'out_of_stock'")).toBe(199)
    await shop.expectAuditClean()
  })

  test('moves orders along allowed transitions only', async ({ shop }) => {
    // 20 orders with stock, 10 of which are declined, and 20 for which there are 12 units.
    const orders = ordersOf(40, (index) => (index < 20 ? 'PLENTY' : 'RARE'))
    await shop.runWith({ ORDERCTL_INITIAL_STOCK: '12' }, 'import', shop.file('orders.csv', orders))
    shop.sqlite.exec(`
      update products set on_hand = 20 where sku = 'PLENTY';
      update stock_adjustments set delta = 20 where product_id = (select id from products where sku = 'PLENTY');
      create table moves (origin text, target text);
      create trigger watch after update of status on orders when old.status <> new.status
      begin insert into moves values (old.status, new.status); end`)
    const declined = Object.fromEntries(
      Array.from({ length: 10 }, (_, index) => [`A-${index + 1}`, 'declined' as const]),
    )
    await shop.runWith(scriptedGateway(declined), 'work', '--drain')
    expect(statuses(shop)).toEqual({ completed: 10 + 12, rolled_back: 10, failed: 8 })
    await shop.run('failed', 'retry', '--all', '--yes')
    await shop.runWith(ALL_CAPTURED, 'work', '--drain')
    expect(statuses(shop)).toEqual({ completed: 10 + 12 + 10, failed: 8 })
    const moves = shop.rows('select distinct origin, target from moves') as { origin: string; target: string }[]
    expect(moves).toHaveLength(6)
    expect(moves.filter(({ origin, target }) => !canReach(origin, target))).toEqual([])
    await shop.expectAuditClean()
  })

  test('stops after --max-orders and after --max-runtime', async ({ shop }) => {
    await importing(shop, 100, {})
    const tens = { ...ALL_CAPTURED, ORDERCTL_BATCH_SIZE: '10' }
    const few = await shop.jsonWith(tens, 'work', '--max-orders', '10', '--concurrency', '1')
    expect(few).toMatchObject({ code: 0, result: { processed: 10 } })
    const short = await shop.jsonWith({ ORDERCTL_PAYMENT_LATENCY_MS: '40' }, 'work', '--max-runtime', '1s')
    expect(short.code).toBe(0)
    expect(shop.value('select count(*) from due_orders where lease_token is not null')).toBe(0)
  })

  test('forgets workers that ended more than a week ago', async ({ shop }) => {
    for (const days of [6, 8]) shop.worker(`${days} days ago`, Date.now() - days * DAY_MS, 1)
    await shop.runWith({}, 'work', '--drain')
    expect(shop.rows('select count(*) as workers, min(id) as first from workers where stopped_at = 1')).toEqual([
      { workers: 1, first: '6 days ago' },
    ])
  })

  test('takes more batches at a time while there is a backlog, within the given limits', async ({ shop }) => {
    // 250 batches of 400 ms each: far more than five at a time clear in two seconds.
    await importing(shop, 5000, {})
    const worker = shop.start(SLOW, 'work', '--drain', '--max-concurrency', '9')
    const concurrency = () => shop.value('select max(concurrency) from workers') as number
    await until(() => concurrency() > 5)
    worker.child.kill('SIGTERM')
    await worker.ended
    expect(concurrency()).toBeLessThanOrEqual(9)

    const swapped = await shop.run('work', '--min-concurrency', '9', '--max-concurrency', '2')
    expect(swapped).toMatchObject({ code: 2, stderr: expect.stringContaining('--max-concurrency 2') })
    const both = await shop.run('work', '--concurrency', '9', '--max-concurrency', '2')
    expect(both.code).toBe(2)
  })
})

/** Steps may share a transaction, so a move may be a chain of transitions. */
function canReach(from: string, to: string): boolean {
  const next = TRANSITIONS.filter((move) => move.from === from)
  return next.some((move) => move.to === to || (move.by === 'worker' && canReach(move.to, to)))
}
