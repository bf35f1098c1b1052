// Changes of the queue on a server, made while another transaction is at the same orders: each waits for the other and goes by
// what it left.

import { expect } from 'vitest'
import { rebuild } from '../../src/audit/rebuild.js'
import type { LeaseToken, OrderId } from '../../src/domain/ids.js'
import { makeDue, withdrawDue } from '../../src/queue/due-orders.js'
import { EmbeddedQueue } from '../../src/queue/embedded.js'
import { claim } from '../../src/workflow/claim.js'
import { retryFailures } from '../../src/workflow/failures.js'
import { describeOnServerEngines, type EngineShop } from '../support/engine-shop.js'
import { csv, line } from '../support/lines.js'
import { whileLocked } from '../support/locks.js'

const ORDERS = ['A-1', 'A-2', 'A-3']
const LEASE = { leaseMs: 60_000, reservationTtlMs: 60_000 }

const importing = (shop: EngineShop, stock = '10') =>
  shop.importing(csv(...ORDERS.map((order) => line({ order }))), { ORDERCTL_INITIAL_STOCK: stock })
const idsOf = async (shop: EngineShop) =>
  (await shop.rows('select id from orders order by id')).map((row) => row['id'] as OrderId)
const inQueue = (shop: EngineShop) => shop.value('select count(*) from due_orders')

describeOnServerEngines('the queue beside another transaction', (test) => {
  test('what is just being claimed, or put off by the gateway, is not taken from it', async ({ shop }) => {
    await importing(shop)
    const [claimed, putOff] = (await idsOf(shop)) as [OrderId, OrderId]
    const withdrawn = await whileLocked(
      shop,
      async (trx) => {
        const until = { due_at: Date.now() + 60_000 }
        const lease = { lease_token: 'a-lease' as string as LeaseToken, ...until }
        await trx.updateTable('due_orders').set(lease).where('order_id', '=', claimed).execute()
        await trx.updateTable('due_orders').set(until).where('order_id', '=', putOff).execute()
        const inProcess = { status: 'payment_processing' } as const
        await trx.updateTable('orders').set(inProcess).where('id', 'in', [claimed, putOff]).execute()
      },
      () => withdrawDue(shop.db),
    )
    expect(withdrawn).toBe(1)
    expect(await shop.rows('select order_id from due_orders order by order_id')).toEqual([
      { order_id: claimed },
      { order_id: putOff },
    ])
  })

  test('orders that two rebuilds put back are in it once', async ({ shop }) => {
    await importing(shop)
    const ids = await idsOf(shop)
    await withdrawDue(shop.db)
    const second = await whileLocked(
      shop,
      async (trx) => {
        await trx.selectFrom('orders').select('id').orderBy('id').forUpdate().execute()
        expect(await makeDue(trx, ids, Date.now())).toBe(3)
        // A worker was quick.
        const sold = { status: 'failed', reason: 'out_of_stock', settled_at: 1 } as const
        await trx.updateTable('orders').set(sold).where('reference', '=', 'A-1').execute()
        await trx
          .deleteFrom('due_orders')
          .where('order_id', '=', ids[0] as OrderId)
          .execute()
      },
      () => rebuild(shop.db, new EmbeddedQueue(shop.db), 'queue', 'UTC'),
    )
    expect(second.published).toBe(0)
    expect(await inQueue(shop)).toBe(2)
    await shop.expectAuditClean()
  })

  test('an order that two people retry is tried once', async ({ shop }) => {
    await importing(shop, '0')
    const ids = await idsOf(shop)
    await shop.runWith({}, 'work', '--drain')
    expect(await shop.statuses()).toEqual({ failed: 3 })
    const second = await whileLocked(
      shop,
      async (trx) => {
        const again = { status: 'pending', attempt: 2, reason: null, message: null, settled_at: null } as const
        await trx.updateTable('orders').set(again).execute()
        await makeDue(trx, ids, Date.now())
      },
      () => retryFailures(shop.db, new EmbeddedQueue(shop.db), ids),
    )
    expect(second).toBe(0)
    expect(await shop.value('select max(attempt) from orders')).toBe(2)
    expect(await inQueue(shop)).toBe(3)
    await shop.expectAuditClean()
  })

  test('a claim of an order that has been settled takes it out of it', async ({ shop }) => {
    await importing(shop)
    const ids = await idsOf(shop)
    await shop.rows(
      "update orders set status = 'failed', reason = 'out_of_stock', settled_at = 1 where reference = 'A-2'",
    )
    const claimed = await claim(shop.db, ids, LEASE)
    expect(claimed).toMatchObject({ count: 2, failed: 0 })
    expect(claimed.orders.map(({ id }) => id)).toEqual([ids[0], ids[2]])
    expect(await shop.rows('select order_id from due_orders order by order_id')).toEqual([
      { order_id: ids[0] },
      { order_id: ids[2] },
    ])
  })
})
