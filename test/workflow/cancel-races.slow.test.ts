// Orders that are cancelled or resolved while a worker claims, charges and settles them: one of the two wins.
import { setImmediate as turnOfLoop } from 'node:timers/promises'
import { sql } from 'kysely'
import { expect } from 'vitest'
import { inBatches } from '../../src/domain/batches.js'
import type { LeaseToken, OrderId } from '../../src/domain/ids.js'
import type { ChargeOutcome, Gateway } from '../../src/payments/gateway.js'
import { EmbeddedQueue } from '../../src/queue/embedded.js'
import { processBatch } from '../../src/workflow/batch.js'
import { cancelOrders } from '../../src/workflow/cancel.js'
import { claim } from '../../src/workflow/claim.js'
import { retryFailures } from '../../src/workflow/failures.js'
import { resolveOrders } from '../../src/workflow/resolve.js'
import { settle } from '../../src/workflow/settle.js'
import { describeOnEngines, describeOnServerEngines, type EngineShop } from '../support/engine-shop.js'
import { csv, line } from '../support/lines.js'
import { whileLocked } from '../support/locks.js'

const CLAIM = { leaseMs: 60_000, reservationTtlMs: 900_000 }
const OPTIONS = { claim: CLAIM, charge: { inFlight: 20, timeoutMs: 60_000 }, settle: { attempts: 1 } }

const ANSWERS = {
  captured: (reference: string) => ({ status: 'captured', reference }),
  unknown: () => ({ status: 'unknown', message: 'silence' }),
  notAsked: () => ({ status: 'unknown', message: 'the gateway is unreachable', notAsked: true }),
} satisfies Record<string, (reference: string) => ChargeOutcome>

/** Answers every charge one turn of the event loop later, and remembers the keys. */
function gatewayOf(charged: string[], outcome: keyof typeof ANSWERS = 'captured'): Gateway {
  const unused = () => Promise.reject(new Error('no test asks for it'))
  return {
    charge: async ({ key }) => {
      charged.push(key)
      await turnOfLoop()
      return ANSWERS[outcome](key)
    },
    lookUpCharge: unused,
    refund: unused,
    lookUpRefund: unused,
  }
}

async function importing(shop: EngineShop, count: number): Promise<OrderId[]> {
  const orders = Array.from({ length: count }, (_, index) => line({ order: `A-${index}`, sku: `S-${index % 7}` }))
  await shop.importing(csv(...orders), { ORDERCTL_INITIAL_STOCK: '1000' })
  return (await shop.rows('select id from orders order by id')).map(({ id }) => id as OrderId)
}

/**
 * Lets a worker process the orders, batch by batch, while people change the same orders.
 *
 * @returns the orders that people could not change
 */
async function race(
  shop: EngineShop,
  ids: readonly OrderId[],
  charged: string[],
  change: (ids: readonly OrderId[]) => Promise<ReadonlyMap<OrderId, unknown>>,
): Promise<OrderId[]> {
  const refused: OrderId[] = []
  for (const [round, batch] of inBatches(ids, 20).entries()) {
    const before = charged.length
    const people = inBatches(batch, shop.engine === 'sqlite' ? 1 : 4).map(async (some, index) => {
      // In one round of four the worker comes first, in another a person does. In the others, they start together.
      if (round % 4 === 0) while (charged.length === before) await turnOfLoop()
      else for (let turn = 0; turn < index * round; turn++) await turnOfLoop()
      refused.push(...(await change(some)).keys())
    })
    const work = async () => {
      if (round % 4 === 1) await people[0]
      await processBatch(shop.db, gatewayOf(charged), batch, OPTIONS)
    }
    await Promise.all([...people, work()])
  }
  return refused
}

describeOnEngines('races of a person with a worker', (test) => {
  test('of a thousand orders cancelled while they are claimed, each is cancelled or charged, never both', async ({
    shop,
  }) => {
    const ids = await importing(shop, 1000)
    const charged: string[] = []
    const refused = await race(shop, ids, charged, (some) => cancelOrders(shop.db, some))
    const { completed = 0, failed = 0, ...others } = await shop.statuses()
    expect(others).toEqual({})
    expect(completed + failed).toBe(1000)
    expect(Math.min(completed, failed)).toBeGreaterThan(0)
    expect(refused).toHaveLength(completed)
    const paid = await shop.rows(`select idempotency_key from payments join orders on orders.id = order_id
      where orders.status = 'completed' and payments.status = 'captured'`)
    expect(charged.sort()).toEqual(paid.map((row) => String(row['idempotency_key'])).sort())
    expect(await shop.value('select count(*) from payments')).toBe(completed)
    expect(await shop.value("select count(*) from orders where reason = 'cancelled'")).toBe(failed)
    expect(await shop.value('select count(*) from action_orders')).toBe(failed)
    await shop.expectAuditClean()
  })

  test('of orders resolved while they are charged again, each is rolled back or completed, never both', async ({
    shop,
  }) => {
    const ids = await importing(shop, 200)
    await processBatch(shop.db, gatewayOf([], 'unknown'), ids, { ...OPTIONS, settle: { attempts: 3 } })
    await shop.rows('update due_orders set due_at = 1')
    const charged: string[] = []
    const refused = await race(shop, ids, charged, (some) => resolveOrders(shop.db, some, {}))
    const { completed = 0, rolled_back = 0, ...others } = await shop.statuses()
    expect(others).toEqual({})
    expect(completed + rolled_back).toBe(200)
    expect(Math.min(completed, rolled_back)).toBeGreaterThan(0)
    expect(refused).toHaveLength(completed)
    expect(charged).toHaveLength(completed)
    await shop.expectAuditClean()
  })

  test('of two people who resolve an order differently, one wins', async ({ shop }) => {
    const ids = await importing(shop, 40)
    await processBatch(shop.db, gatewayOf([], 'unknown'), ids, OPTIONS)
    const outcomes = await Promise.all(
      ids.flatMap((id) => [
        resolveOrders(shop.db, [id], { captured: new Map([[id, `ch_${id}`]]) }),
        resolveOrders(shop.db, [id], { reason: 'not in the dashboard' }),
      ]),
    )
    const refusals = outcomes.flatMap((refused) => [...refused.values()].map(({ code }) => code))
    const { completed = 0, rolled_back = 0 } = await shop.statuses()
    expect(completed + rolled_back).toBe(40)
    expect(refusals.filter((code) => code === 'order_completed')).toHaveLength(completed)
    expect(refusals.filter((code) => code === 'order_settled')).toHaveLength(rolled_back)
    expect(await shop.value("select count(*) from actions where command = 'failed resolve'")).toBe(40)
    await shop.expectAuditClean()
  })

  test('a reference that two people name for two orders completes one of them', async ({ shop }) => {
    const ids = await importing(shop, 2)
    await processBatch(shop.db, gatewayOf([], 'unknown'), ids, OPTIONS)
    const resolve = (id: OrderId) => resolveOrders(shop.db, [id], { captured: new Map([[id, 'ch_1']]) })
    const outcomes = await Promise.all(ids.map(resolve))
    expect(outcomes.flatMap((refused) => [...refused.values()].map(({ code }) => code))).toEqual(['reference_used'])
    expect(await shop.statuses()).toEqual({ completed: 1, payment_processing: 1 })
  })

  test('a cancelled order whose stale batch is still charging is not settled again', async ({ shop }) => {
    await shop.importing(csv(line({ price: '0' })))
    const ids = (await shop.rows('select id from orders')).map(({ id }) => id as OrderId)
    const before = await shop.rows('select on_hand, reserved from products')
    // An order that is free of charge is never asked for, so it can be cancelled under the worker's lease.
    const batch = await claim(shop.db, ids, CLAIM)
    expect(await cancelOrders(shop.db, ids)).toEqual(new Map())
    expect(await shop.rows('select status, reason from orders')).toEqual([
      { status: 'rolled_back', reason: 'cancelled' },
    ])
    const answers = batch.orders.map((order) => ({
      order,
      outcome: { status: 'captured', reference: 'free' } as const,
    }))
    expect(await settle(shop.db, batch, answers, { attempts: 1 })).toMatchObject({ completed: 0 })
    expect(await shop.rows('select on_hand, reserved from products')).toEqual(before)
    await shop.expectAuditClean()
  })
})

describeOnEngines('an order in progress whose gateway was unreachable', (test) => {
  const makeDue = (shop: EngineShop) => shop.rows('update due_orders set due_at = 1')
  const work = (shop: EngineShop, ids: readonly OrderId[], outcome: 'unknown' | 'notAsked') =>
    processBatch(shop.db, gatewayOf([], outcome), ids, OPTIONS)

  test('is cancelled, and releases its stock, if no worker has asked for its charge', async ({ shop }) => {
    const ids = await importing(shop, 3)
    for (let outage = 0; outage < 2; outage++) {
      await makeDue(shop)
      await work(shop, ids, 'notAsked')
    }
    expect(await shop.value('select sum(reserved) from products')).toBe(3)
    expect(await cancelOrders(shop.db, ids, { reason: 'too slow' })).toEqual(new Map())
    expect(await shop.rows('select distinct status, reason, message from orders')).toEqual([
      { status: 'rolled_back', reason: 'cancelled', message: 'too slow' },
    ])
    expect(await shop.value('select sum(reserved) from products')).toBe(0)
    await shop.expectAuditClean()
  })

  test('is not cancelled if a worker died that may have asked, or one has asked', async ({ shop }) => {
    const ids = await importing(shop, 2)
    const [died, asked] = ids as [OrderId, OrderId]
    await claim(shop.db, [died], CLAIM)
    await work(shop, [asked], 'notAsked')
    await makeDue(shop)
    await work(shop, [asked], 'unknown')
    await work(shop, [died], 'notAsked')
    const refused = await cancelOrders(shop.db, ids)
    expect(ids.map((id) => refused.get(id)?.code)).toEqual(['charge_unknown', 'charge_unknown'])
  })

  test('is not cancelled once a later attempt may have been charged', async ({ shop }) => {
    const [id] = (await importing(shop, 1)) as [OrderId]
    await work(shop, [id], 'notAsked')
    expect(await cancelOrders(shop.db, [id])).toEqual(new Map())
    expect(await shop.rows('select status, never_asked from payments')).toEqual([
      { status: 'declined', never_asked: 0 },
    ])
    // As a mark that was left behind: it says nothing about the next attempt.
    await shop.rows('update payments set never_asked = 1')
    await retryFailures(shop.db, new EmbeddedQueue(shop.db), [id])
    // Its worker dies, perhaps after the charge.
    await claim(shop.db, [id], CLAIM)
    await makeDue(shop)
    await work(shop, [id], 'notAsked')
    expect((await cancelOrders(shop.db, [id])).get(id)).toMatchObject({ code: 'charge_unknown' })
    await shop.expectAuditClean()
  })

  test('is not cancelled while another worker holds it', async ({ shop }) => {
    const ids = await importing(shop, 1)
    await work(shop, ids, 'notAsked')
    await makeDue(shop)
    await claim(shop.db, ids, CLAIM)
    expect([...(await cancelOrders(shop.db, ids)).values()]).toMatchObject([{ code: 'being_charged' }])
  })
})

describeOnServerEngines('a cancellation while another transaction holds the order', (test) => {
  test('waits for a claim, and finds the order being charged', async ({ shop }) => {
    const [id] = (await importing(shop, 1)) as [OrderId]
    const refused = await whileLocked(
      shop,
      async (trx) => {
        const lease = { lease_token: 'a-lease' as string as LeaseToken, due_at: Date.now() + 60_000 }
        await trx.updateTable('due_orders').set(lease).execute()
        await trx.updateTable('orders').set({ status: 'payment_processing' }).execute()
        await sql`insert into payments (order_id, attempt, idempotency_key, amount, currency, status, created_at)
          values (${id}, 1, 'key', 1000, 'USD', 'pending', 1)`.execute(trx)
      },
      () => cancelOrders(shop.db, [id]),
    )
    expect(refused.get(id)).toMatchObject({ code: 'being_charged' })
  })

  test('waits for an undo of the import, and finds that it has begun', async ({ shop }) => {
    const [id] = (await importing(shop, 1)) as [OrderId]
    await shop.rows('delete from due_orders')
    const refused = await whileLocked(
      shop,
      async (trx) => {
        await sql`select name from settings where name = 'turn_imports' for update`.execute(trx)
        await trx.updateTable('imports').set({ status: 'undoing', ended_at: null }).execute()
      },
      () => cancelOrders(shop.db, [id]),
    )
    expect(refused.get(id)).toMatchObject({ code: 'import_unfinished', retryable: true })
  })
})
