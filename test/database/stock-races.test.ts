// Manual changes while another transaction holds the same rows: each waits, and acts on what the other has committed.

import { sql, type Transaction } from 'kysely'
import { expect } from 'vitest'
import { repair } from '../../src/audit/rebuild.js'
import type { Schema } from '../../src/database/schema.js'
import { writeSetting } from '../../src/database/settings.js'
import { storeProducts } from '../../src/inventory/catalogue-store.js'
import { adjustStock } from '../../src/inventory/products.js'
import { expireReservations } from '../../src/workflow/settle.js'
import { describeOnServerEngines } from '../support/engine-shop.js'
import { csv, line } from '../support/lines.js'
import { whileLocked } from '../support/locks.js'

describeOnServerEngines('while another transaction is open', (test) => {
  test('an adjustment and a catalogue count what is sold meanwhile', async ({ shop }) => {
    await shop.importing(csv(line({ quantity: 2 })), { ORDERCTL_INITIAL_STOCK: '100' })
    // 100 - 10 = 90, and 5 more; then 95 - 10 = 85, and what makes it 50.
    const adjusted = await whileLocked(shop, sellTen, () => adjustStock(shop.db, 'S-1', 5, 'found'))
    expect(adjusted).toMatchObject({ on_hand: 95 })
    expect(await shop.value('select on_hand from products')).toBe(95)
    const row = { line: 2, sku: 'S-1', name: null, unitPrice: null, currency: null, stock: 50 }
    await whileLocked(shop, sellTen, () => storeProducts(shop.db, [row]))
    expect(await shop.value('select on_hand from products')).toBe(50)
    await shop.expectAuditClean()
  })

  test('a repair keeps what is sold meanwhile', async ({ shop }) => {
    await shop.importing(csv(line()), { ORDERCTL_INITIAL_STOCK: '100' })
    await whileLocked(shop, sellTen, () => repair(shop.db, 'UTC'))
    expect(await shop.value('select on_hand from products')).toBe(90)
    await shop.expectAuditClean()
  })

  test('two tasks release an expired reservation once', async ({ shop }) => {
    await shop.importing(csv(line({ quantity: 3 }), line({ order: 'A-2' })), { ORDERCTL_INITIAL_STOCK: '100' })
    await shop.rows("update orders set status = 'reserved' where reference = 'A-1'")
    await shop.rows('insert into stock_reservations values (1, 1, 1, 3, 1)')
    await shop.rows('update products set reserved = 3')
    const second = await whileLocked(
      shop,
      async (first) => {
        const expired = { status: 'rolled_back', reason: 'expired', settled_at: 1 } as const
        await first.updateTable('orders').set(expired).where('reference', '=', 'A-1').execute()
        await sql`delete from due_orders where order_id = 1`.execute(first)
        await first.updateTable('products').set({ reserved: 0 }).execute()
      },
      () => expireReservations(shop.db),
    )
    expect(second).toBe(0)
    expect(await shop.rows('select on_hand, reserved from products')).toEqual([{ on_hand: 100, reserved: 0 }])
    await shop.expectAuditClean()
  })

  test('two processes can write the same new setting', async ({ shop }) => {
    await whileLocked(
      shop,
      (first) => first.insertInto('settings').values({ name: 'queue_paused', value: 'no' }).execute(),
      () => writeSetting(shop.db, 'queue_paused', 'yes'),
    )
    expect(await shop.rows("select value from settings where name = 'queue_paused'")).toEqual([{ value: 'yes' }])
  })
})

async function sellTen(trx: Transaction<Schema>): Promise<void> {
  await sql`update products set on_hand = on_hand - 10`.execute(trx)
  await sql`insert into stock_adjustments (product_id, delta, reason, adjusted_at)
    select id, -10, 'sold', 1 from products`.execute(trx)
}
