// A worker that is killed between two steps of a charge. Afterwards every order is charged once, and the provider's
// ledger equals our payments.
import { expect } from 'vitest'
import { singles } from '../support/drain.js'
import { describeOnEngines, type EngineShop } from '../support/engine-shop.js'
import { Provider } from '../support/provider.js'

const ORDERS = 6

/** One charge at a time, all orders in one batch. */
const ONE_BY_ONE = { ORDERCTL_PAYMENT_MAX_IN_FLIGHT: '1', ORDERCTL_LEASE_MS: '1000' }

const count = async (shop: EngineShop, table: string) => Number(await shop.value(`select count(*) from ${table}`))

describeOnEngines('a worker killed', (test) => {
  test.for([
    // The first request waits at the provider, which charges it later; the other intents have no request.
    ['between the intents and the requests', ['--latency', '700'], 0],
    ['between a charge and its answer', ['--answer-latency', '700'], 1],
    ['between answers and their settlement', ['--answer-latency', '300'], 4],
  ] as const)('%s', async ([, options, charged], { shop, onTestFinished }) => {
    const provider = await Provider.start(...options)
    onTestFinished(() => provider.close())
    await shop.importing(singles(ORDERS))
    const environment = { ...provider.environment, ...ONE_BY_ONE }
    const worker = shop.start(environment, 'work')
    await expect.poll(() => count(shop, 'payments'), { interval: 10 }).toBe(ORDERS)
    await expect.poll(() => provider.entries.length, { interval: 10 }).toBeGreaterThanOrEqual(charged)
    worker.child.kill('SIGKILL')
    await worker.ended
    expect(await shop.statuses()).toEqual({ payment_processing: ORDERS })
    expect(await count(shop, "payments where status = 'captured'")).toBe(0)
    await provider.restart('--drop-after', '0.3')
    const drain = await shop.startJson({ ...environment, ORDERCTL_ATTEMPTS: '50' }, 'work', '--drain', '--wait')
    expect(drain).toMatchObject({ code: 0, result: { completed: ORDERS } })
    expect(provider.entries.length).toBe(ORDERS)
    await provider.expectLedgerEqualsPayments(shop)
    await shop.expectAuditClean()
  })
})
