// Changes of stock, queue and settings while another transaction holds the same rows: each waits, and acts on what the
// other has committed.

import { sql, type Transaction } from 'kysely'
import { expect } from 'vitest'
import { rebuild, repair } from '../../src/audit/rebuild.js'
import type { Schema } from '../../src/database/schema.js'
import { writeSetting } from '../../src/database/settings.js'
import type { LeaseToken, OrderId } from '../../src/domain/ids.js'
import { storeProducts } from '../../src/inventory/catalogue-store.js'
import { adjustStock } from '../../src/inventory/products.js'
import { makeDue, withdrawDue } from '../../src/queue/due-orders.js'
import { EmbeddedQueue } from '../../src/queue/embedded.js'
import { claim } from '../../src/workflow/claim.js'
import { expireReservations } from '../../src/workflow/expire.js'
import { retryFailures } from '../../src/workflow/failures.js'
import { describeOnServerEngines, type EngineShop } from '../support/engine-shop.js'
import { csv, line } from '../support/lines.js'
import { whileLocked } from '../support/locks.js'
import { recount } from '../support/recount.js'

const CATALOGUE = { line: 2, sku: 'S-1', name: null, unitPrice: null, currency: null, stock: 50 }

describeOnServerEngines('changes of the same rows', (test) => {
  test.for([
    { what: 'an adjustment', change: ({ db }: EngineShop) => adjustStock(db, 'S-1', { delta: 5 }, 'found'), stock: 95 },
    { what: 'a catalogue', change: ({ db }: EngineShop) => storeProducts(db, [CATALOGUE]), stock: 50 },
    { what: 'a repair', change: ({ db }: EngineShop) => repair(db, 'UTC'), stock: 90 },
  ])('$what counts what is sold meanwhile', async ({ change, stock }, { shop }) => {
    await importing(shop, '100')
    const sellTen = async (trx: Transaction<Schema>) => {
      await sql`update products set on_hand = on_hand - 10`.execute(trx)
      await sql`insert into stock_adjustments (product_id, delta, reason, adjusted_at)
        select id, -10, 'sold', 1 from products`.execute(trx)
    }
    await whileLocked<unknown>(shop, sellTen, () => change(shop))
    expect(await shop.value('select on_hand from products')).toBe(stock)
    await shop.expectAuditClean()
  })

  test('two tasks release an expired reservation once', async ({ shop }) => {
    const [id] = await importing(shop)
    await shop.rows(`update orders set status = 'reserved' where id = ${id}`)
    await shop.rows(`insert into stock_reservations values (${id}, 1, 1, 1, 1)`)
    await shop.rows('update products set reserved = 1')
    await recount(shop.db)
    const second = await whileLocked(
      shop,
      async (trx) => {
        const expired = { status: 'rolled_back', reason: 'expired', settled_at: 1 } as const
        await trx.updateTable('orders').set(expired).where('id', '=', id).execute()
        await trx.deleteFrom('due_orders').where('order_id', '=', id).execute()
        await trx.updateTable('products').set({ reserved: 0 }).execute()
        await recount(trx)
      },
      () => expireReservations(shop.db),
    )
    expect(second).toBe(0)
    expect(await shop.rows('select on_hand, reserved from products')).toEqual([{ on_hand: 10, reserved: 0 }])
    await shop.expectAuditClean()
  })

  test('two processes can write the same new setting', async ({ shop }) => {
    await whileLocked(
      shop,
      (trx) => trx.insertInto('settings').values({ name: 'queue_paused', value: 'no' }).execute(),
      () => writeSetting(shop.db, 'queue_paused', 'yes'),
    )
    expect(await shop.rows("select value from settings where name = 'queue_paused'")).toEqual([{ value: 'yes' }])
  })

  test('queue clear leaves orders that are being claimed or postponed', async ({ shop }) => {
    const [claimed, postponed] = await importing(shop)
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
    const [sold, ...others] = await importing(shop)
    await withdrawDue(shop.db)
    const second = await whileLocked(
      shop,
      async (trx) => {
        await trx.selectFrom('orders').select('id').orderBy('id').forUpdate().execute()
        expect(await makeDue(trx, [sold, ...others], Date.now())).toBe(3)
        // A worker settles one of them at once.
        const outOfStock = { status: 'failed', reason: 'out_of_stock', settled_at: 1 } as const
        await trx.updateTable('orders').set(outOfStock).where('id', '=', sold).execute()
        await trx.deleteFrom('due_orders').where('order_id', '=', sold).execute()
        await recount(trx)
      },
      () => rebuild(shop.db, new EmbeddedQueue(shop.db), 'queue', 'UTC'),
    )
    expect(second.published).toBe(0)
    expect(await dueIds(shop)).toEqual(others)
    await shop.expectAuditClean()
  })

  test('an order that two people retry gets one new attempt', async ({ shop }) => {
    const ids = await importing(shop, '0')
    await shop.runWith({}, 'work', '--drain')
    expect(await shop.statuses()).toEqual({ failed: 3 })
    const second = await whileLocked(
      shop,
      async (trx) => {
        const again = { status: 'pending', attempt: 2, reason: null, message: null, settled_at: null } as const
        await trx.updateTable('orders').set(again).execute()
        await makeDue(trx, ids, Date.now())
        await recount(trx)
      },
      () => retryFailures(shop.db, new EmbeddedQueue(shop.db), ids),
    )
    expect(second).toBe(0)
    expect(await shop.value('select max(attempt) from orders')).toBe(2)
    expect(await dueIds(shop)).toEqual(ids)
    await shop.expectAuditClean()
  })

  test('a claim gets the units that another one leaves', async ({ shop }) => {
    const ids = await importing(shop, '3')
    const claimed = await whileLocked(
      shop,
      (trx) => trx.updateTable('products').set({ reserved: 2 }).execute(),
      () => claim(shop.db, ids, { leaseMs: 60_000, reservationTtlMs: 60_000 }),
    )
    expect(claimed).toMatchObject({ count: 3, failed: 2, orders: [{ id: ids[0] }] })
    expect(await shop.rows('select on_hand, reserved from products')).toEqual([{ on_hand: 3, reserved: 3 }])
    expect(await shop.rows("select message from orders where status = 'failed'")).toEqual(
      Array(2).fill({ message: 'S-1: 1 ordered, 0 available' }),
    )
    expect(await shop.value('select count(*) from payments')).toBe(1)
  })

  test('a claim removes an order that was settled before from the queue', async ({ shop }) => {
    const [first, settled, last] = await importing(shop)
    await shop.rows(`update orders set status = 'failed', settled_at = 1 where id = ${settled}`)
    const claimed = await claim(shop.db, [first, settled, last], { leaseMs: 60_000, reservationTtlMs: 60_000 })
    expect(claimed).toMatchObject({ count: 2, failed: 0, orders: [{ id: first }, { id: last }] })
    expect(await dueIds(shop)).toEqual([first, last])
  })
})

/** @returns the ids of three orders of one unit each */
async function importing(shop: EngineShop, stock = '10') {
  await shop.importing(csv(...['A-1', 'A-2', 'A-3'].map((order) => line({ order }))), { ORDERCTL_INITIAL_STOCK: stock })
  const rows = await shop.rows('select id from orders order by id')
  return rows.map(({ id }) => id) as [OrderId, OrderId, OrderId]
}

async function dueIds(shop: EngineShop) {
  return (await shop.rows('select order_id from due_orders order by order_id')).map((row) => row['order_id'])
}
