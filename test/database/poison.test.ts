// Claims that came to nothing, on every database: when an order is left to be claimed alone, when it is set aside, and what a
// person then sees and does.
import { expect } from 'vitest'
import { rebuild } from '../../src/audit/rebuild.js'
import type { OrderId } from '../../src/domain/ids.js'
import { countUnresolved } from '../../src/queue/due-orders.js'
import { EmbeddedQueue } from '../../src/queue/embedded.js'
import { countLostBatch, forgiveLostClaim } from '../../src/queue/suspects.js'
import { readAlarms } from '../../src/reports/alarms.js'
import { countOrders } from '../../src/reports/status.js'
import { claim } from '../../src/workflow/claim.js'
import { chooseFailures, clearFailures, listFailures, retryFailures } from '../../src/workflow/failures.js'
import { expireReservations, settle } from '../../src/workflow/settle.js'
import { describeOnEngines, type EnginePlace } from '../support/engine-place.js'
import { csv, line } from '../support/workplace.js'

const OPTIONS = { leaseMs: 30_000, reservationTtlMs: 1000 }
const ALONE = { ...OPTIONS, alone: true }

describeOnEngines(
  'claims that came to nothing',
  (test) => {
    test('twice make an order one that is claimed alone, and its batch is claimed without it', async ({ place }) => {
      const ids = await importing(place, 3)
      const suspect = ids.slice(1, 2)
      for (const claims of [1, 2]) {
        expect(await claim(place.db, suspect, OPTIONS)).toMatchObject({ count: 1, suspects: [], setAside: 0 })
        expect(await place.rows(`select claims from due_orders where order_id = ${suspect}`)).toEqual([{ claims }])
        await loseLeases(place)
      }
      const others = await claim(place.db, ids, OPTIONS)
      expect(others).toMatchObject({ count: 2, suspects: suspect })
      expect(others.orders.map(({ id }) => id)).toEqual([ids[0], ids[2]])
      expect(await claim(place.db, suspect, OPTIONS)).toMatchObject({ count: 0, suspects: suspect })
      expect(await claim(place.db, suspect, ALONE)).toMatchObject({ count: 1, suspects: [] })
    })

    test('are forgotten once the gateway gave no answer', async ({ place }) => {
      const ids = await importing(place, 1)
      await claim(place.db, ids, OPTIONS)
      await loseLeases(place)
      const held = await claim(place.db, ids, OPTIONS)
      const unknown = { status: 'unknown', message: 'a time-out' } as const
      await settle(place.db, held, [{ order: held.orders[0] ?? expect.fail(), outcome: unknown }], { attempts: 3 })
      expect(await place.rows('select claims, lease_token from due_orders')).toEqual([{ claims: 0, lease_token: null }])
    })

    test('are counted of a batch that its thread lost before it claimed, and of nothing else', async ({ place }) => {
      const ids = await importing(place, 2)
      await claim(place.db, ids.slice(0, 1), OPTIONS)
      await countLostBatch(place.db, ids, { ranMs: 0, alone: false })
      expect(await place.rows('select claims from due_orders order by order_id')).toEqual([
        { claims: 1 },
        { claims: 1 },
      ])
    })

    test('because of an outage are given back', async ({ place }) => {
      const ids = await importing(place, 2)
      const { token } = await claim(place.db, ids.slice(0, 1), OPTIONS)
      const other = await claim(place.db, ids.slice(1), OPTIONS)
      await forgiveLostClaim(place.db, { ids, token })
      expect(await place.rows('select claims, lease_token from due_orders order by order_id')).toEqual([
        { claims: 0, lease_token: token },
        { claims: 1, lease_token: other.token },
      ])
    })

    test('are not counted of suspects that a batch left out', async ({ place }) => {
      const ids = await importing(place, 1)
      for (let lost = 0; lost < 4; lost++) await countLostBatch(place.db, ids, { ranMs: -1000, alone: false })
      expect(await place.rows('select claims from due_orders')).toEqual([{ claims: 2 }])
    })

    test('five times set an order aside for a person, with its stock and its intent', async ({ place }) => {
      const [poison, sound] = (await importing(place, 2)) as [OrderId, OrderId]
      for (let lost = 0; lost < 5; lost++) {
        expect(await claim(place.db, [poison], ALONE)).toMatchObject({ count: 1 })
        await loseLeases(place)
      }
      expect(await claim(place.db, [poison, sound], OPTIONS)).toMatchObject({ count: 1, setAside: 1, suspects: [] })
      await place.db.updateTable('stock_reservations').set({ expires_at: 1 }).execute()
      expect(await expireReservations(place.db)).toBe(0)
      const queue = new EmbeddedQueue(place.db)
      expect(await rebuild(place.db, queue, 'queue', 'UTC')).toMatchObject({ published: 0 })

      expect(await place.rows(`select order_id from due_orders`)).toEqual([{ order_id: sound }])
      expect(await place.value('select sum(reserved) from products')).toBe(2)
      expect((await countOrders(place.db, 0)).unresolved).toBe(1)
      expect([...(await countUnresolved(place.db))]).toEqual([['poison', 1]])
      const alarms = await readAlarms(place.db, place.config(), Date.now())
      expect(alarms.find(({ name }) => name === 'unresolved')).toMatchObject({
        state: 'failed',
        message: 'Orders that need review: 1 (poison: 1); the alarm is at 1.',
        fix: expect.stringContaining('orderctl failed retry --reason poison'),
      })
      const { orders } = await listFailures(place.db, { reason: 'poison' })
      expect(orders).toMatchObject([
        {
          order_id: 'A-0',
          status: 'payment_processing',
          attempts: 1,
          message: 'its worker died or hung 5 times while processing it',
        },
      ])
      expect(await clearFailures(place.db, [poison])).toBe(0)
      await place.expectAuditClean()

      const { ids } = await chooseFailures(place.db, 'retry', { reason: 'poison' })
      expect(await retryFailures(place.db, queue, ids)).toBe(1)
      const again = await claim(place.db, [poison], OPTIONS)
      expect(again.orders).toMatchObject([{ attempt: 1, key: 'default:A-0:1' }])
      expect(await place.rows(`select claims from due_orders where order_id = ${poison}`)).toEqual([{ claims: 1 }])
      await place.expectAuditClean()
    })

    test('before there was a payment intent leave an order pending, and listed', async ({ place }) => {
      const ids = await importing(place, 1)
      for (let lost = 0; lost < 5; lost++) await countLostBatch(place.db, ids, { ranMs: -1000, alone: true })
      expect(await claim(place.db, ids, OPTIONS)).toMatchObject({ count: 0, setAside: 1 })
      expect(await place.rows('select status, reason from orders')).toEqual([{ status: 'pending', reason: 'poison' }])
      const importedAt = Number(await place.value('select started_at from imports'))
      const { orders } = await listFailures(place.db, {})
      expect(orders).toMatchObject([{ order_id: 'A-0', status: 'pending', failed_at: new Date(importedAt) }])
      await place.expectAuditClean()
    })
  },
  { concurrent: true },
)

async function importing(place: EnginePlace, count: number): Promise<OrderId[]> {
  await place.importing(csv(...Array.from({ length: count }, (_, index) => line({ order: `A-${index}` }))))
  const rows = await place.rows('select id from orders order by id')
  return rows.map(({ id }) => id as OrderId)
}

/** As time would, where workers died. */
async function loseLeases({ db }: EnginePlace): Promise<void> {
  await db.updateTable('due_orders').set({ due_at: 1 }).execute()
}
