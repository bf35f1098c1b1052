// Claims whose worker died, on every database: an order is then claimed alone, and later set aside.

import { expect } from 'vitest'
import type { OrderId } from '../../src/domain/ids.js'
import { countNeedingReview } from '../../src/queue/due-orders.js'
import { countLostBatch, uncountLostClaim } from '../../src/queue/suspects.js'
import { readAlarms } from '../../src/reports/alarms.js'
import { claim } from '../../src/workflow/claim.js'
import { expireReservations } from '../../src/workflow/expire.js'
import { clearFailures, listFailures } from '../../src/workflow/failures.js'
import { settle } from '../../src/workflow/settle.js'
import { describeOnEngines, type EngineShop } from '../support/engine-shop.js'
import { csv, line } from '../support/lines.js'

const OPTIONS = { leaseMs: 30_000, reservationTtlMs: 1000 }
const ALONE = { ...OPTIONS, alone: true }

describeOnEngines(
  'an order whose worker died',
  (test) => {
    test('twice is claimed alone, and its batch is claimed without it', async ({ shop }) => {
      const ids = await importing(shop, 3)
      const suspect = ids.slice(1, 2)
      for (const claims of [1, 2]) {
        expect(await claim(shop.db, suspect, OPTIONS)).toMatchObject({ count: 1, suspects: [], setAside: 0 })
        expect(await shop.rows(`select claims from due_orders where order_id = ${suspect}`)).toEqual([{ claims }])
        await loseLeases(shop)
      }
      const others = await claim(shop.db, ids, OPTIONS)
      expect(others).toMatchObject({ count: 2, suspects: suspect })
      expect(others.orders.map(({ id }) => id)).toEqual([ids[0], ids[2]])
      expect(await claim(shop.db, suspect, OPTIONS)).toMatchObject({ count: 0, suspects: suspect })
      expect(await claim(shop.db, suspect, ALONE)).toMatchObject({ count: 1, suspects: [] })
    })

    test('is no suspect any more once the gateway gave no answer', async ({ shop }) => {
      const ids = await importing(shop, 1)
      await claim(shop.db, ids, OPTIONS)
      await loseLeases(shop)
      const held = await claim(shop.db, ids, OPTIONS)
      const unknown = { status: 'unknown', message: 'a time-out' } as const
      await settle(shop.db, held, [{ order: held.orders[0] ?? expect.fail(), outcome: unknown }], { attempts: 3 })
      expect(await shop.rows('select claims, lease_token from due_orders')).toEqual([{ claims: 0, lease_token: null }])
    })

    test('before it was claimed counts like a claimed one, but only until it is a suspect', async ({ shop }) => {
      const ids = await importing(shop, 2)
      await claim(shop.db, ids.slice(0, 1), OPTIONS)
      await countLostBatch(shop.db, ids, { ranMs: 0.25, alone: false })
      expect(await shop.rows('select claims from due_orders')).toEqual([{ claims: 1 }, { claims: 1 }])
      await loseLeases(shop)
      for (let lost = 0; lost < 3; lost++) await countLostBatch(shop.db, ids, { ranMs: -1000, alone: false })
      expect(await shop.rows('select claims from due_orders')).toEqual([{ claims: 2 }, { claims: 2 }])
    })

    test('because of an outage is not counted', async ({ shop }) => {
      const ids = await importing(shop, 2)
      const { token } = await claim(shop.db, ids.slice(0, 1), OPTIONS)
      const other = await claim(shop.db, ids.slice(1), OPTIONS)
      await uncountLostClaim(shop.db, { ids, token })
      expect(await shop.rows('select claims, lease_token from due_orders order by order_id')).toEqual([
        { claims: 0, lease_token: token },
        { claims: 1, lease_token: other.token },
      ])
    })

    test('five times is set aside for review, with its reservation if it has a payment intent', async ({ shop }) => {
      const [poison, early, sound] = (await importing(shop, 3)) as [OrderId, OrderId, OrderId]
      for (let lost = 0; lost < 5; lost++) {
        expect(await claim(shop.db, [poison], ALONE)).toMatchObject({ count: 1 })
        await loseLeases(shop)
        await countLostBatch(shop.db, [early], { ranMs: -1000, alone: true })
      }
      const batch = await claim(shop.db, [poison, early, sound], OPTIONS)
      expect(batch).toMatchObject({ count: 1, setAside: 2, suspects: [] })
      await shop.db.updateTable('stock_reservations').set({ expires_at: 1 }).execute()
      expect(await expireReservations(shop.db)).toBe(0)
      expect(await clearFailures(shop.db, [poison])).toBe(0)

      expect(await shop.rows('select order_id from due_orders')).toEqual([{ order_id: sound }])
      expect(await shop.value('select sum(reserved) from products')).toBe(2)
      const failed_at = new Date(Number(await shop.value('select started_at from imports')))
      const { orders } = await listFailures(shop.db, { reason: 'poison' })
      expect(orders.toSorted((one, other) => (one.order_id < other.order_id ? -1 : 1))).toMatchObject([
        { order_id: 'A-0', status: 'payment_processing', attempts: 1 },
        { order_id: 'A-1', status: 'pending', failed_at },
      ])
      expect([...(await countNeedingReview(shop.db))]).toEqual([['poison', 2]])
      const alarms = await readAlarms(shop.db, shop.config(), Date.now())
      expect(alarms.find(({ name }) => name === 'unresolved')).toMatchObject({
        state: 'failed',
        message: expect.stringContaining('poison: 2'),
        fix: expect.stringContaining('orderctl failed retry --reason poison'),
      })
      await shop.expectAuditClean()
    })
  },
  { concurrent: true },
)

async function importing(shop: EngineShop, count: number): Promise<OrderId[]> {
  await shop.importing(csv(...Array.from({ length: count }, (_, index) => line({ order: `A-${index}` }))))
  const rows = await shop.rows('select id from orders order by id')
  return rows.map(({ id }) => id as OrderId)
}

async function loseLeases({ db }: EngineShop): Promise<void> {
  await db.updateTable('due_orders').set({ due_at: 1 }).execute()
}
