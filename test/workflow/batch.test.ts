// A batch as a whole: how long it may charge, and what is left if one of its transactions fails.
import { describe, expect } from 'vitest'
import type { OrderId } from '../../src/domain/ids.js'
import { recordingEvents } from '../../src/notify/events.js'
import type { ChargeOutcome, ChargingGateway } from '../../src/payments/gateway.js'
import { type BatchOptions, processBatch } from '../../src/workflow/batch.js'
import { claim } from '../../src/workflow/claim.js'
import { settle } from '../../src/workflow/settle.js'
import { everyRow } from '../support/orders-file.js'
import { type Shop, test } from '../support/shop.js'
import { until } from '../support/until.js'

const CAPTURED: ChargeOutcome = { status: 'captured', reference: 'paid' }
const CLAIM = { leaseMs: 60_000, reservationTtlMs: 900_000 }

const optionsOf = (leaseMs: number): BatchOptions => ({
  claim: { ...CLAIM, leaseMs },
  charge: { inFlight: 1, timeoutMs: 60_000 },
  settle: { attempts: 3 },
})

function gatewayOf(charge: ChargingGateway['charge']): ChargingGateway {
  return { charge, lookUpCharge: () => expect.fail('looked up a charge') }
}

/** Three orders that are due. */
const orders = (shop: Shop): OrderId[] => ['A-1', 'A-2', 'A-3'].map((order) => shop.order(order, { dueAt: 1 }))

describe('the lease of a batch', () => {
  test('is renewed while the gateway is asked', async ({ shop }) => {
    const end = () => shop.value('select due_at from due_orders where lease_token is not null') as number
    let renewed = 0
    const gateway = gatewayOf(async () => {
      const before = end()
      await until(() => end() > before || Date.now() > before)
      if (end() > before) renewed += 1
      return CAPTURED
    })
    expect(await processBatch(shop.db, gateway, orders(shop).slice(0, 1), optionsOf(1500))).toMatchObject({
      completed: 1,
    })
    expect(renewed).toBe(1)
  })

  test('that ends while the process is suspended lets it charge nothing more', async ({ shop }) => {
    const asked: string[] = []
    const gateway = gatewayOf(async ({ key }) => {
      asked.push(key)
      // Blocks the event loop, so that nothing renews the lease.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200)
      return CAPTURED
    })
    const result = await processBatch(shop.db, gateway, orders(shop), optionsOf(100))
    expect(result).toMatchObject({ completed: 1, postponed: 0 })
    expect(asked).toEqual([`${shop.identity}:default:A-1:1`])
    expect(shop.rows('select reference from due_orders join orders on id = order_id')).toHaveLength(2)
    await shop.expectAuditClean()
  })
})

/** Makes every statement of this kind fail. */
function failing(shop: Shop, statement: string): void {
  shop.sqlite.exec(`create trigger fails before ${statement} begin select raise(abort, 'killed'); end`)
}

describe('a claim that cannot', () => {
  test.for([
    ['take the lease', 'update on due_orders'],
    ['store a payment intent', 'insert on payments'],
    ['reserve stock', 'update on products'],
  ])('%s changes nothing', async ([, statement = ''], { shop }) => {
    const ids = orders(shop)
    const before = everyRow(shop)
    failing(shop, statement)
    await expect(claim(shop.db, ids, CLAIM)).rejects.toThrow('killed')
    expect(everyRow(shop)).toEqual(before)
  })
})

describe('a settlement that cannot', () => {
  test.for([
    ['complete an order', 'update on orders'],
    ['store an event', 'insert on events'],
    ['add to the sales', 'insert on sales_by_product'],
    ['take units out of stock', 'update on products'],
  ])('%s changes nothing', async ([, statement = ''], { shop }) => {
    const ids = orders(shop)
    const db = recordingEvents(await shop.connection(), shop.config({ ORDERCTL_NOTIFY_COMMAND: 'true' }))
    const batch = await claim(db, ids, CLAIM)
    const before = everyRow(shop)
    failing(shop, statement)
    const answers = batch.orders.map((order) => ({ order, outcome: CAPTURED }))
    await expect(settle(db, batch, answers, { attempts: 3 })).rejects.toThrow('killed')
    expect(everyRow(shop)).toEqual(before)

    shop.sqlite.exec('drop trigger fails')
    expect(await settle(db, batch, answers, { attempts: 3 })).toMatchObject({ completed: 3 })
    expect(shop.value("select count(*) from events where kind = 'completed'")).toBe(3)
    await shop.expectAuditClean()
  })
})
