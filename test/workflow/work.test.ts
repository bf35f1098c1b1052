// `orderctl work` as its users meet it: who gets the stock, when it ends, and how. All figures are worked out by hand; what
// it makes of money and failures is in test/database/workflow.test.ts, on every database alike.

import { describe, expect } from 'vitest'
import { TRANSITIONS } from '../../src/domain/order.js'
import { importing, SLOW, statuses } from '../support/drain.js'
import { csv, line } from '../support/lines.js'
import { scriptedGateway } from '../support/scripted-gateway.js'
import { type Shop, test } from '../support/shop.js'
import { until } from '../support/until.js'

const ALL_CAPTURED = { ORDERCTL_PAYMENT_SUCCESS_RATE: '1' }

async function importingFile(shop: Shop, content: string, initialStock: number): Promise<void> {
  const environment = { ORDERCTL_INITIAL_STOCK: `${initialStock}` }
  const { code, stderr } = await shop.runWith(environment, 'import', shop.file('orders.csv', content))
  expect(code, stderr).toBe(0)
}

/** Orders A-1 … A-n of one unit each. */
function ordersOf(count: number, skuOf: (index: number) => string): string {
  return csv(...Array.from({ length: count }, (_, index) => line({ order: `A-${index + 1}`, sku: skuOf(index) })))
}

describe.concurrent('a drain', () => {
  test('gives stock of one to one of 200 orders, with two workers at it', async ({ shop }) => {
    const file = ordersOf(200, () => 'RARE')
    await importingFile(shop, file, 1)
    const workers = { ...ALL_CAPTURED, ORDERCTL_BATCH_SIZE: '7' }
    await Promise.all([1, 2].map(() => shop.start(workers, 'work', '--drain').ended))
    expect(statuses(shop)).toEqual({ completed: 1, failed: 199 })
    expect(shop.rows('select on_hand, reserved from products')).toEqual([{ on_hand: 0, reserved: 0 }])
    expect(shop.value("select count(*) from orders where reason = 'out_of_stock'")).toBe(199)
    await shop.expectAuditClean()
  })

  test('reserves whole orders or nothing of them', async ({ shop }) => {
    const file = csv(
      line({ order: 'A-1', sku: 'X', quantity: 6 }),
      line({ order: 'A-2', sku: 'X', quantity: 3 }),
      line({ order: 'A-2', sku: 'Y', quantity: 11 }),
      line({ order: 'A-3', sku: 'X', quantity: 4 }),
    )
    await importingFile(shop, file, 10)
    await shop.runWith(ALL_CAPTURED, 'work', '--drain')
    expect(shop.rows('select reference, status, message from orders order by id')).toEqual([
      { reference: 'A-1', status: 'completed', message: null },
      { reference: 'A-2', status: 'failed', message: 'Y: 11 wanted, 10 available' },
      { reference: 'A-3', status: 'completed', message: null },
    ])
    await shop.expectAuditClean()
  })

  test('moves orders along allowed transitions alone', async ({ shop }) => {
    // 20 orders with stock, 10 of which are declined, and 20 for which there are 12 units.
    const file = ordersOf(40, (index) => (index < 20 ? 'PLENTY' : 'RARE'))
    await importingFile(shop, file, 12)
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

  test('ends at once on a paused queue, says so, and goes on when it is resumed', async ({ shop }) => {
    await importing(shop, 3, {})
    await shop.run('queue', 'pause')
    const paused = await shop.runWith(ALL_CAPTURED, 'work', '--drain')
    expect(paused.code).toBe(1)
    expect(paused.stderr).toContain('queue resume')
    expect(statuses(shop)).toEqual({ pending: 3 })
    await shop.run('queue', 'resume')
    await shop.runWith(ALL_CAPTURED, 'work', '--drain')
    expect(statuses(shop)).toEqual({ completed: 3 })
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

  test('takes more batches while a backlog stands, within the limits given', async ({ shop }) => {
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
