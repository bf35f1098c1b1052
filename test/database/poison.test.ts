// Claims whose worker died, on every database: an order is then claimed alone, later set aside, and can be retried.

import { expect } from 'vitest'
import { rebuild } from '../../src/audit/rebuild.js'
import type { OrderId } from '../../src/domain/ids.js'
import { EmbeddedQueue } from '../../src/queue/embedded.js'
import { countLostBatch, uncountLostClaim } from '../../src/queue/suspects.js'
import { readAlarms } from '../../src/reports/alarms.js'
import { countOrders } from '../../src/reports/status.js'
import { claim } from '../../src/workflow/claim.js'
import { chooseFailures, clearFailures, listFailures, retryFailures } from '../../src/workflow/failures.js'
import { expireReservations, settle } from '../../src/workflow/settle.js'
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
      await countLostBatch(shop.db, ids, { ranMs: 0, alone: false })
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

    test('five times is set aside for review, keeps its reservation, and is retried under the same key', async ({
      shop,
    }) => {
      const [poison, sound] = (await importing(shop, 2)) as [OrderId, OrderId]
      for (let lost = 0; lost < 5; lost++) {
        expect(await claim(shop.db, [poison], ALONE)).toMatchObject({ count: 1 })
        await loseLeases(shop)
      }
      expect(await claim(shop.db, [poison, sound], OPTIONS)).toMatchObject({ count: 1, setAside: 1, suspects: [] })
      await shop.db.updateTable('stock_reservations').set({ expires_at: 1 }).execute()
      expect(await expireReservations(shop.db)).toBe(0)
      const queue = new EmbeddedQueue(shop.db)
      expect(await rebuild(shop.db, queue, 'queue', 'UTC')).toMatchObject({ published: 0 })

      expect(await shop.rows(`select order_id from due_orders`)).toEqual([{ order_id: sound }])
      expect(await shop.value('select sum(reserved) from products')).toBe(2)
      expect((await countOrders(shop.db, 0)).unresolved).toBe(1)
      const alarms = await readAlarms(shop.db, shop.config(), Date.now())
      expect(alarms.find(({ name }) => name === 'unresolved')).toMatchObject({
        state: 'failed',
        message: expect.stringContaining('poison: 1'),
        fix: expect.stringContaining('orderctl failed retry --reason poison'),
      })
      const { orders } = await listFailures(shop.db, { reason: 'poison' })
      expect(orders).toMatchObject([{ order_id: 'A-0', status: 'payment_processing', attempts: 1 }])
      expect(await clearFailures(shop.db, [poison])).toBe(0)
      await shop.expectAuditClean()

      const { ids } = await chooseFailures(shop.db, 'retry', { reason: 'poison' })
      expect(await retryFailures(shop.db, queue, ids)).toBe(1)
      const again = await claim(shop.db, [poison], OPTIONS)
      expect(again.orders).toMatchObject([{ attempt: 1, key: 'default:A-0:1' }])
      expect(await shop.rows(`select claims from due_orders where order_id = ${poison}`)).toEqual([{ claims: 1 }])
      await shop.expectAuditClean()
    })

    test('five times before there was a payment intent stays pending, and is listed', async ({ shop }) => {
      const ids = await importing(shop, 1)
      for (let lost = 0; lost < 5; lost++) await countLostBatch(shop.db, ids, { ranMs: -1000, alone: true })
      expect(await claim(shop.db, ids, OPTIONS)).toMatchObject({ count: 0, setAside: 1 })
      expect(await shop.rows('select status, reason from orders')).toEqual([{ status: 'pending', reason: 'poison' }])
      const importedAt = Number(await shop.value('select started_at from imports'))
      const { orders } = await listFailures(shop.db, {})
      expect(orders).toMatchObject([{ order_id: 'A-0', status: 'pending', failed_at: new Date(importedAt) }])
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
