// Changes of the queue while another transaction holds the same orders: each waits, and acts on what the other has
// committed.

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
const dueIds = async (shop: EngineShop) =>
  (await shop.rows('select order_id from due_orders order by order_id')).map((row) => row['order_id'])

describeOnServerEngines('while another transaction is open', (test) => {
  test('queue clear leaves orders that are being claimed or postponed', async ({ shop }) => {
    await importing(shop)
    const [claimed, postponed] = (await idsOf(shop)) as [OrderId, OrderId]
    const withdrawn = await whileLocked(
      shop,
      async (trx) => {
        const until = { due_at: Date.now() + 60_000 }
        const lease = { lease_token: 'a-lease' as string as LeaseToken, ...until }
        await trx.updateTable('due_orders').set(lease).where('order_id', '=', claimed).execute()
        await trx.updateTable('due_orders').set(until).where('order_id', '=', postponed).execute()
        const inProcess = { status: 'payment_processing' } as const
        await trx.updateTable('orders').set(inProcess).where('id', 'in', [claimed, postponed]).execute()
      },
      () => withdrawDue(shop.db),
    )
    expect(withdrawn).toBe(1)
    expect(await dueIds(shop)).toEqual([claimed, postponed])
  })

  test('two rebuilds of the queue make each order due once', async ({ shop }) => {
    await importing(shop)
    const ids = await idsOf(shop)
    await withdrawDue(shop.db)
    const second = await whileLocked(
      shop,
      async (trx) => {
        await trx.selectFrom('orders').select('id').orderBy('id').forUpdate().execute()
        expect(await makeDue(trx, ids, Date.now())).toBe(3)
        // A worker settles one of them at once.
        const sold = { status: 'failed', reason: 'out_of_stock', settled_at: 1 } as const
        await trx.updateTable('orders').set(sold).where('reference', '=', 'A-1').execute()
        await trx.deleteFrom('due_orders').where('order_id', 'in', ids.slice(0, 1)).execute()
      },
      () => rebuild(shop.db, new EmbeddedQueue(shop.db), 'queue', 'UTC'),
    )
    expect(second.published).toBe(0)
    expect(await dueIds(shop)).toEqual(ids.slice(1))
    await shop.expectAuditClean()
  })

  test('an order that two people retry gets one new attempt', async ({ shop }) => {
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
    expect(await dueIds(shop)).toEqual(ids)
    await shop.expectAuditClean()
  })

  test('a claim removes an order that has been settled from the queue', async ({ shop }) => {
    await importing(shop)
    const [first, settled, last] = (await idsOf(shop)) as [OrderId, OrderId, OrderId]
    await shop.rows(`update orders set status = 'failed', settled_at = 1 where id = ${settled}`)
    const claimed = await claim(shop.db, [first, settled, last], LEASE)
    expect(claimed).toMatchObject({ count: 2, failed: 0, orders: [{ id: first }, { id: last }] })
    expect(await dueIds(shop)).toEqual([first, last])
  })
})
