// Refunds on every database: exactly once, whatever the gateway answers, wherever the process dies, and however many
// people ask at once.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { LeaseToken, OrderId } from '../../src/domain/ids.js'
import type { Gateway, LookUp, Refund, RefundOutcome } from '../../src/payments/gateway.js'
import { beginRefunds, finishDueRefunds, type RefundOptions } from '../../src/workflow/refund.js'
import { refundOrders } from '../../src/workflow/refund-orders.js'
import { describeOnEngines, describeOnServerEngines, type EngineShop } from '../support/engine-shop.js'
import { csv, line } from '../support/lines.js'
import { whileLocked } from '../support/locks.js'
import { scriptedRefunds } from '../support/scripted-gateway.js'
import { until } from '../support/until.js'

const HOUR_MS = 3_600_000
const DAY_MS = 86_400_000
const OPTIONS: RefundOptions = {
  leaseMs: 30_000,
  inFlight: 10,
  timeoutMs: 1000,
  attempts: 3,
  timeZone: 'UTC',
  keyLifetimeMs: DAY_MS,
}
const ALL = { restock: false, isDryRun: false }
const REFUNDED: RefundOutcome = { status: 'refunded', reference: 'r-1' }
const LOST: RefundOutcome = { status: 'unknown', message: 'a time-out' }

/** A gateway that gives the answers in order, then refunds everything, and remembers the requests. */
function gatewayOf(...answers: readonly (RefundOutcome | Error)[]) {
  const left = [...answers]
  const requests: Refund[] = []
  const found: LookUp<RefundOutcome>[] = []
  const gateway: Gateway = {
    charge: () => expect.fail('charged'),
    lookUpCharge: () => expect.fail('looked up a charge'),
    async refund(refund) {
      requests.push(refund)
      const answer = left.shift() ?? REFUNDED
      if (answer instanceof Error) throw answer
      return answer
    },
    lookUpRefund: async () => found.shift() ?? expect.fail('looked up a refund'),
  }
  return { gateway, requests, found }
}

describeOnEngines('refunds', (test) => {
  test('give back all that is left, under a key per refund of the charge', async ({ shop }) => {
    const [id] = await selling(shop)
    const { gateway, requests } = gatewayOf()
    const first = await refundOrders(shop.db, gateway, [id], { ...ALL, amount: '7.25' }, OPTIONS)
    expect(first.get(id)).toEqual({ amount: { currency: 'USD', minor: 725 }, gateway_reference: 'r-1' })
    await refundOrders(shop.db, gateway, [id], ALL, OPTIONS)
    const third = await refundOrders(shop.db, gateway, [id], ALL, OPTIONS)
    expect(third.get(id)?.refusal).toMatchObject({ code: 'nothing_to_refund' })
    const [charge] = await shop.rows('select idempotency_key as charge_key, gateway_reference as ref from payments')
    expect(requests).toEqual([
      {
        key: `${charge?.['charge_key']}:refund-1`,
        charge: { key: charge?.['charge_key'], reference: charge?.['ref'] },
        amount: { currency: 'USD', minor: 725 },
      },
      expect.objectContaining({ key: `${charge?.['charge_key']}:refund-2`, amount: { currency: 'USD', minor: 2275 } }),
    ])
    await shop.expectAuditClean()
  })

  test('that were declined leave the amount, and the next one has a new key', async ({ shop }) => {
    const [id] = await selling(shop)
    const { gateway, requests } = gatewayOf({ status: 'declined', message: 'account closed' })
    const declined = await refundOrders(shop.db, gateway, [id], { ...ALL, restock: true }, OPTIONS)
    expect(declined.get(id)?.refusal).toMatchObject({
      code: 'refund_declined',
      message: expect.stringContaining('account closed'),
    })
    expect(await shop.value('select on_hand from products')).toBe(7)
    expect((await refundOrders(shop.db, gateway, [id], ALL, OPTIONS)).get(id)?.amount?.minor).toBe(3000)
    expect(requests.map(({ key }) => key.slice(-9))).toEqual([':refund-1', ':refund-2'])
    expect(await shop.rows('select number, status, message from refunds order by number')).toEqual([
      { number: 1, status: 'declined', message: 'account closed' },
      { number: 2, status: 'refunded', message: null },
    ])
  })

  test('with an unknown outcome are asked for again under the same key, and count until then', async ({ shop }) => {
    const [id] = await selling(shop)
    const { gateway, requests } = gatewayOf(LOST, new Error('connection reset'))
    const unknown = await refundOrders(shop.db, gateway, [id], { ...ALL, amount: '20' }, OPTIONS)
    expect(unknown.get(id)?.refusal).toMatchObject({ code: 'refund_unknown', retryable: false })
    const other = await refundOrders(shop.db, gateway, [id], { ...ALL, amount: '10' }, OPTIONS)
    expect(other.get(id)?.refusal).toMatchObject({ code: 'refund_unfinished' })
    // Nothing is due before the pause is over.
    expect(await finishDueRefunds(shop.db, (use) => use(gateway), OPTIONS)).toBe(0)
    for (let round = 0; round < 2; round++) {
      await shop.db.updateTable('refunds').set({ due_at: 1 }).execute()
      expect(await finishDueRefunds(shop.db, (use) => use(gateway), OPTIONS)).toBe(1)
    }
    expect(new Set(requests.map(({ key }) => key)).size).toBe(1)
    expect(requests.length).toBe(3)
    expect(await shop.rows('select status, amount, unanswered from refunds')).toEqual([
      { status: 'refunded', amount: 2000, unanswered: 2 },
    ])
  })

  test('need review after the last attempt, until a person asks again', async ({ shop }) => {
    const [id] = await selling(shop)
    const { gateway, requests } = gatewayOf(LOST, LOST)
    const impatient = { ...OPTIONS, attempts: 1 }
    await refundOrders(shop.db, gateway, [id], ALL, impatient)
    expect(await shop.rows('select status, due_at from refunds')).toEqual([{ status: 'unknown', due_at: null }])
    expect(await finishDueRefunds(shop.db, (use) => use(gateway), impatient)).toBe(0)
    const still = await refundOrders(shop.db, gateway, [id], ALL, impatient)
    expect(still.get(id)?.refusal?.fix).toContain('orderctl orders refund A-0')
    expect((await refundOrders(shop.db, gateway, [id], ALL, impatient)).get(id)?.gateway_reference).toBe('r-1')
    expect(new Set(requests.map(({ key }) => key)).size).toBe(1)
  })

  test('that are due again before a pass ends wait for the next one', async ({ shop }) => {
    const ids = await selling(shop, 2)
    const { gateway, requests } = gatewayOf(LOST, LOST)
    await refundOrders(shop.db, gateway, ids, ALL, OPTIONS)
    await shop.db.updateTable('refunds').set({ due_at: 1 }).where('order_id', '=', ids[0]).execute()
    const hanging: Gateway = {
      ...gateway,
      async refund(refund) {
        requests.push(refund)
        // Takes longer than the pause of the other refund.
        const began = Date.now()
        await shop.db
          .updateTable('refunds')
          .set({ due_at: began + 1 })
          .where('lease_token', 'is', null)
          .execute()
        await until(() => Date.now() > began + 1)
        return requests.length > 5 ? REFUNDED : { ...LOST, notAsked: true }
      },
    }
    expect(await finishDueRefunds(shop.db, (use) => use(hanging), OPTIONS)).toBe(1)
    expect(requests.length).toBe(3)
  })

  test('that the gateway refused to take are asked for later, and do not use up the attempts', async ({ shop }) => {
    const [id] = await selling(shop)
    const { gateway } = gatewayOf({ ...LOST, notAsked: true, retryAfterMs: HOUR_MS })
    const began = Date.now()
    await refundOrders(shop.db, gateway, [id], ALL, { ...OPTIONS, attempts: 1 })
    const [refund] = await shop.rows('select status, unanswered, due_at from refunds')
    expect(refund).toMatchObject({ status: 'unknown', unanswered: 0 })
    expect(refund?.['due_at']).toBeGreaterThanOrEqual(began + HOUR_MS - 1000)
  })

  test.for([
    ['older than a day', -25 * HOUR_MS],
    ['dated later than now, by a clock that was ahead,', 72 * HOUR_MS],
  ] as const)(
    '%s are looked up, and asked for only if the gateway knows no such key',
    async ([, fromNowMs], { shop }) => {
      const ids = await selling(shop, 3)
      const { gateway, requests, found } = gatewayOf(LOST, LOST, LOST)
      await refundOrders(shop.db, gateway, ids, ALL, OPTIONS)
      await shop.db
        .updateTable('refunds')
        .set({ due_at: 1, created_at: Date.now() + fromNowMs })
        .execute()
      found.push({ status: 'unsupported' }, { status: 'refunded', reference: 'long ago' }, { status: 'none' })
      expect(await finishDueRefunds(shop.db, (use) => use(gateway), OPTIONS)).toBe(3)
      expect(await shop.rows('select status, gateway_reference as ref, due_at from refunds order by order_id')).toEqual(
        [
          { status: 'unknown', ref: null, due_at: null },
          { status: 'refunded', ref: 'long ago', due_at: null },
          { status: 'refunded', ref: 'r-1', due_at: null },
        ],
      )
      expect(requests.length).toBe(4)
    },
  )

  test('of a process that lost its lease change nothing', async ({ shop }) => {
    const [id] = await selling(shop)
    let other = 0
    const { gateway } = gatewayOf()
    const slow: Gateway = {
      ...gateway,
      async refund() {
        await shop.db.updateTable('refunds').set({ due_at: 1 }).execute()
        other = await finishDueRefunds(shop.db, (use) => use(gateway), OPTIONS)
        return LOST
      },
    }
    const late = await refundOrders(shop.db, slow, [id], { ...ALL, restock: true }, OPTIONS)
    expect(other).toBe(1)
    expect(late.get(id)?.refusal?.message).toContain('another process')
    expect(await shop.rows('select status, unanswered from refunds')).toEqual([{ status: 'refunded', unanswered: 0 }])
    expect(await shop.value('select on_hand from products')).toBe(10)
    await shop.expectAuditClean()
  })

  test('whose lease ends while the process is suspended are not asked for', async ({ shop }) => {
    const ids = await selling(shop, 2)
    const { gateway, requests } = gatewayOf()
    const suspended: Gateway = {
      ...gateway,
      async refund(refund) {
        // Blocks the event loop, so that nothing renews the lease.
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1500)
        return gateway.refund(refund, 0)
      },
    }
    await beginRefunds(shop.db, ids, ALL, { leaseMs: 0 })
    await finishDueRefunds(shop.db, (use) => use(suspended), { ...OPTIONS, leaseMs: 1000, inFlight: 1 })
    expect(requests).toHaveLength(1)
    expect(await shop.rows('select status, unanswered from refunds order by order_id')).toEqual([
      { status: 'refunded', unanswered: 0 },
      { status: 'unknown', unanswered: 0 },
    ])
    await shop.expectAuditClean()
  })

  test('that many people ask for at once never exceed the payment', async ({ shop }) => {
    const [id] = await selling(shop)
    const { gateway, requests } = gatewayOf()
    const request = { ...ALL, amount: '8.00' }
    const asked = Array.from({ length: 12 }, () => refundOrders(shop.db, gateway, [id], request, OPTIONS))
    const codes = (await Promise.all(asked)).map((results) => results.get(id)?.refusal?.code ?? 'refunded')
    const refunded = codes.filter((code) => code === 'refunded').length
    expect(refunded).toBeGreaterThanOrEqual(1)
    expect(refunded).toBeLessThanOrEqual(3)
    expect(codes.every((code) => /^(refunded|refund_in_progress|refund_too_large)$/.test(code))).toBe(true)
    expect(new Set(requests.map(({ key }) => key)).size).toBe(refunded)
    expect(requests.length).toBe(refunded)
    expect(await shop.value(`select sum(amount) from refunds where status = 'refunded'`)).toBe(800 * refunded)
    await shop.expectAuditClean()
  })

  test('put the units of every line back once, as adjustments', async ({ shop }) => {
    const ids = await selling(shop, 2)
    expect(await shop.value('select on_hand from products')).toBe(4)
    await refundOrders(shop.db, gatewayOf().gateway, ids, { ...ALL, restock: true }, OPTIONS)
    expect(await shop.value('select on_hand from products')).toBe(10)
    expect(
      await shop.rows("select delta, reason from stock_adjustments where reason like 'refund%' order by id"),
    ).toEqual([
      { delta: 3, reason: 'refund of order A-0' },
      { delta: 3, reason: 'refund of order A-1' },
    ])
    await shop.expectAuditClean()
  })

  test('stored by a process that died are finished by a worker that has nothing else to do', async ({ shop }) => {
    const ids = await selling(shop)
    await beginRefunds(shop.db, ids, { restock: false }, { leaseMs: 0 })
    await shop.runWith(CAPTURING, 'work', '--drain')
    expect(await shop.value('select status from refunds')).toBe('refunded')
  })

  test.for(['request', 'answer', 'settle'] as const)(
    'are made once if the process is killed before the %s',
    async (killed, { shop }) => {
      await selling(shop)
      const ledger = join(shop.folder, 'ledger.jsonl')
      const asking = ['orders', 'refund', 'A-0', '--restock']
      const died = await shop.start(scriptedRefunds({ ledger, killed }), ...asking).ended
      expect(died.code).toBeNull()
      expect(await shop.value('select status from refunds')).toBe('pending')
      const early = await shop.runWith(scriptedRefunds({ ledger }), ...asking)
      expect(early).toMatchObject({ code: 1, stderr: expect.stringContaining('in progress') })
      await shop.db.updateTable('refunds').set({ due_at: 1 }).execute()
      const task = await shop.runWith(scriptedRefunds({ ledger }), 'schedule', 'run', 'refunds')
      expect(task.code, task.stderr).toBe(0)
      const requests = readFileSync(ledger, 'utf8').trim().split('\n')
      expect(new Set(requests).size).toBe(1)
      expect(requests.length).toBe(killed === 'request' ? 1 : 2)
      expect(JSON.parse(requests[0] ?? '')).toMatchObject({ minor: 3000, currency: 'USD' })
      expect(await shop.rows('select status, amount from refunds')).toEqual([{ status: 'refunded', amount: 3000 }])
      expect(await shop.value('select on_hand from products')).toBe(10)
      await shop.expectAuditClean()
    },
  )
})

const CAPTURING = { ORDERCTL_PAYMENT_SUCCESS_RATE: '1', ORDERCTL_INITIAL_STOCK: '10' }

describeOnServerEngines('a person who states the outcome of a refund', (test) => {
  test('waits for a worker that takes its lease, and finds it in progress', async ({ shop }) => {
    const [id] = await selling(shop)
    const { gateway } = gatewayOf(LOST)
    await refundOrders(shop.db, gateway, [id], ALL, OPTIONS)
    const declined = { ...ALL, stated: { status: 'declined', message: 'not in the dashboard' } as const }
    const stated = await whileLocked(
      shop,
      (trx) => {
        const lease = { lease_token: 'a-lease' as string as LeaseToken, due_at: Date.now() + DAY_MS }
        return trx.updateTable('refunds').set(lease).execute()
      },
      () => refundOrders(shop.db, gateway, [id], declined, OPTIONS),
    )
    expect(stated.get(id)?.refusal).toMatchObject({ code: 'refund_in_progress' })
    expect(await shop.rows('select status, lease_token from refunds')).toEqual([
      { status: 'unknown', lease_token: 'a-lease' },
    ])
  })
})

/** Completed orders, … of three units for 30.00 USD, on two lines of one product with ten units. */
async function selling(shop: EngineShop, count = 1): Promise<[OrderId, ...OrderId[]]> {
  const lines = Array.from({ length: count }, (_, index) => `A-${index}`).flatMap((order) => [
    line({ order, quantity: 1 }),
    line({ order, quantity: 2 }),
  ])
  await shop.importing(csv(...lines), CAPTURING)
  await shop.runWith(CAPTURING, 'work', '--drain')
  const rows = await shop.rows("select id from orders where status = 'completed' order by id")
  expect(rows.length).toBe(count)
  return rows.map(({ id }) => id as OrderId) as [OrderId, ...OrderId[]]
}
