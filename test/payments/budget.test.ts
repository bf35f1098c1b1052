// The limits that all batches and threads of a process share.
import { once } from 'node:events'
import { MessageChannel } from 'node:worker_threads'
import { describe, expect, onTestFinished } from 'vitest'
import { idempotencyKey, type ShopId } from '../../src/domain/ids.js'
import { LeaseEnd } from '../../src/domain/lease-end.js'
import type { Currency } from '../../src/domain/money.js'
import { GatewayChannel, serveGateway } from '../../src/payments/channel.js'
import type { ChargingGateway } from '../../src/payments/gateway.js'
import { Budget } from '../../src/payments/guard.js'
import { openGateway } from '../../src/payments/open-gateway.js'
import type { Running } from '../support/cli.js'
import { singles } from '../support/drain.js'
import { Provider } from '../support/provider.js'
import { type Shop, test } from '../support/shop.js'
import { until } from '../support/until.js'

const amount = { minor: 1250, currency: 'USD' as Currency }
const chargeOf = (name: string) => ({ key: idempotencyKey('shop' as ShopId, 'default', name, 1), amount })

test('all batches of a process together have payments.maxInFlight charges open', async ({ shop, onTestFinished }) => {
  const provider = await Provider.start('--latency', '30')
  onTestFinished(() => provider.close())
  await shop.importing(singles(200))
  const limits = { ORDERCTL_PAYMENT_MAX_IN_FLIGHT: '7', ORDERCTL_BATCH_SIZE: '20' }
  const drain = await shop.startJson({ ...provider.environment, ...limits }, 'work', '--drain', '--concurrency', '5')
  expect(drain).toMatchObject({ code: 0, result: { completed: 200 } })
  const health = await fetch(`${provider.url}/health`)
  expect(await health.json()).toMatchObject({ most_open: 7 })
  await provider.expectLedgerEqualsPayments(shop)
})

test('payments.ratePerSecond limits the charges of a process', async ({ shop, onTestFinished }) => {
  const provider = await Provider.start()
  onTestFinished(() => provider.close())
  await shop.importing(singles(50))
  const limits = { ORDERCTL_PAYMENT_RATE_PER_SECOND: '20' }
  const drain = await shop.startJson({ ...provider.environment, ...limits }, 'work', '--drain')
  expect(drain).toMatchObject({ code: 0, result: { completed: 50 } })
  // The first charges start at once.
  expect((drain.result as { seconds: number }).seconds).toBeGreaterThan(48 / 20)
})

test.for([
  [0.5, 2],
  [7, 15],
  [70, 80],
  [1500, 1000],
] as const)('a rate of %d per second holds over %d calls', { concurrent: true }, async ([perSecond, calls]) => {
  const budget = new Budget({ maxInFlight: 1000, perSecond })
  const starts: number[] = []
  const call = async () => {
    starts.push(performance.now())
  }
  await Promise.all(Array.from({ length: calls }, () => budget.run(call)))
  const seconds = ((starts.at(-1) ?? 0) - (starts[0] ?? 0)) / 1000
  // The calls of the first and of the last interval, a tenth of a second or one call, start at once.
  const apart = calls - Math.max(1, Math.round(perSecond / 10))
  expect(seconds).toBeGreaterThanOrEqual((apart / perSecond) * 0.95)
})

test('a pause stops new calls for all', async () => {
  const budget = new Budget({ maxInFlight: 10, perSecond: null })
  budget.pause(300)
  const began = performance.now()
  await budget.run(async () => undefined)
  expect(performance.now() - began).toBeGreaterThan(290)
  budget.close()
})

test.for(['0', '1.5', 'Mon, 01 Jan 2001 00:00:00 GMT', ''])(
  'HTTP 429 with Retry-After "%s" pauses all calls for a second at least',
  { concurrent: true },
  async (retryAfter, { shop, onTestFinished }) => {
    const provider = await Provider.start('--limit', '1', '--retry-after', retryAfter)
    onTestFinished(() => provider.close())
    const gateway = await openGateway(shop.config(provider.environment))
    onTestFinished(() => gateway.close())
    expect(await gateway.charge(chargeOf('A-1'), 5000)).toMatchObject({ status: 'unknown', notAsked: true })
    const began = performance.now()
    await gateway.charge(chargeOf('A-2'), 5000)
    expect(performance.now() - began).toBeGreaterThan(900)
  },
)

describe('calls that wait for others', () => {
  const refundOf = (name: string) => ({ ...chargeOf(name), charge: { key: chargeOf('A-1').key, reference: 'ch_1' } })
  const late = { status: 'unknown', message: 'the lease ended before the call', notAsked: true }

  /** A gateway with one call at a time, whose call for A-1 is open, under a lease of ten minutes. */
  async function busy(shop: Shop) {
    const provider = await Provider.start('--latency', '200')
    onTestFinished(() => provider.close())
    const config = shop.config({ ...provider.environment, ORDERCTL_PAYMENT_MAX_IN_FLIGHT: '1' })
    const gateway = await openGateway(config)
    onTestFinished(() => gateway.close())
    const leaseEnd = new LeaseEnd()
    leaseEnd.moveTo(performance.now() + 600_000)
    return { provider, gateway, leaseEnd }
  }

  test('are not asked once their lease has ended', async ({ shop }) => {
    const { provider, gateway, leaseEnd } = await busy(shop)
    const open = gateway.charge(chargeOf('A-1'), 5000, { leaseEnd })
    const waiting = [
      gateway.charge(chargeOf('A-2'), 5000, { leaseEnd }),
      gateway.lookUpCharge(chargeOf('A-2'), 5000, { leaseEnd }),
      gateway.refund(refundOf('R-1'), 5000, { leaseEnd }),
      gateway.lookUpRefund(refundOf('R-1'), 5000, { leaseEnd }),
    ]
    await provider.opened(1)
    leaseEnd.endNow()
    expect(await open).toMatchObject({ status: 'captured' })
    expect(await Promise.all(waiting)).toEqual([late, late, late, late])
    expect(keysOf(provider)).toEqual([chargeOf('A-1').key])
  })

  test('are asked if their lease was renewed, also in another thread', async ({ shop }) => {
    const { provider, gateway, leaseEnd } = await busy(shop)
    leaseEnd.moveTo(performance.now() + 100)
    const open = gateway.charge(chargeOf('A-1'), 5000)
    const [port, served] = channelTo(gateway)
    const waiting = port.charge(chargeOf('A-2'), 5000, { leaseEnd })
    leaseEnd.moveTo(performance.now() + 600_000)
    await Promise.all([open, waiting])
    expect(keysOf(provider)).toEqual([chargeOf('A-1').key, chargeOf('A-2').key])
    const lost = port.charge(chargeOf('A-3'), 5000, { leaseEnd })
    leaseEnd.endNow()
    expect(await lost).toEqual(late)
    served.close()
  })

  test('of a batch whose thread has died are not asked', async ({ shop }) => {
    const { provider, gateway, leaseEnd } = await busy(shop)
    const [port, served] = channelTo(gateway)
    void port.charge(chargeOf('A-1'), 5000, { leaseEnd })
    void port.charge(chargeOf('A-2'), 5000, { leaseEnd })
    await provider.opened(1)
    const closed = once(served, 'close')
    port.close()
    await closed
    expect(await gateway.charge(chargeOf('A-3'), 5000)).toMatchObject({ status: 'captured' })
    expect(keysOf(provider)).toEqual([chargeOf('A-1').key, chargeOf('A-3').key])
  })
})

test('a worker that was suspended beyond its lease charges nothing that a person has settled', async ({ shop }) => {
  const provider = await Provider.start('--latency', '700')
  onTestFinished(() => provider.close())
  await shop.importing(singles(8))
  const limits = { ORDERCTL_PAYMENT_MAX_IN_FLIGHT: '2', ORDERCTL_BATCH_SIZE: '2', ORDERCTL_LEASE_MS: '1500' }
  const worker = shop.start({ ...provider.environment, ...limits }, 'work', '--concurrency', '5', '--drain')
  await provider.opened(2)
  await until(() => shop.value('select count(*) from payments') === 8)
  await suspend(shop, worker)
  await until(() => provider.entries.length >= 2)
  const held = 'select count(*) from due_orders where due_at >= ?'
  await until(() => shop.value(held, Date.now()) === 0)
  // What the provider has not charged until now.
  const charged = keysOf(provider)
  const open = shop.rows('select idempotency_key as key, reference from payments join orders on orders.id = order_id')
  const left = (open as { key: string; reference: string }[]).filter(({ key }) => !charged.includes(key))
  expect(left.length).toBeGreaterThan(1)
  const references = left.map(({ reference }) => reference)
  expect(await shop.json('failed', 'resolve', ...references, '--not-charged')).toMatchObject({ code: 0 })
  worker.child.kill('SIGCONT')
  expect((await worker.ended).code).toBe(0)
  expect(keysOf(provider)).toEqual(charged)
  expect(shop.value("select count(*) from orders where status = 'rolled_back'")).toBe(left.length)
  await provider.expectLedgerEqualsPayments(shop)
  await shop.expectAuditClean()
})

/** Stops the worker between two of its transactions, which would block other writers of the file. */
async function suspend(shop: Shop, { child }: Running): Promise<void> {
  await until(() => {
    child.kill('SIGSTOP')
    try {
      shop.sqlite.exec('begin immediate; rollback')
      return true
    } catch {
      child.kill('SIGCONT')
      return false
    }
  })
}

const keysOf = (provider: Provider) => provider.entries.map(({ key }) => key)

function channelTo(gateway: ChargingGateway) {
  const { port1, port2 } = new MessageChannel()
  serveGateway(port1, gateway, 1)
  return [new GatewayChannel(port2), port1] as const
}
