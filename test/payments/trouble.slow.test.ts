// A gateway that is away or fails most calls: workers claim nothing, say so, and continue when it is back.
import { describe, expect } from 'vitest'
import { opened } from '../support/cli.js'
import { singles } from '../support/drain.js'
import { Provider } from '../support/provider.js'
import { type Shop, test as shopTest } from '../support/shop.js'

const test = shopTest.extend<{ provider: Provider }>({ provider: opened(() => Provider.reserve()) })

const waitingFor = (shop: Shop) => shop.value('select waiting_for from workers where stopped_at is null')

async function expectSold(shop: Shop, provider: Provider, orders: number): Promise<void> {
  expect(shop.value("select count(*) from orders where status = 'completed'")).toBe(orders)
  await provider.expectLedgerEqualsPayments(shop)
  await shop.expectAuditClean()
}

test('a worker that starts before its gateway waits for it', async ({ shop, provider }) => {
  await shop.importing(singles(20))
  const worker = shop.start(provider.environment, 'work', '--max-orders', '20')
  await worker.saw('Cannot reach the payment gateway')
  await expect.poll(() => waitingFor(shop)).toContain('Cannot reach the payment gateway')
  expect(shop.value('select count(*) from payments')).toBe(0)
  const { stdout } = await shop.run('status')
  expect(stdout).toContain('WAITING ')
  expect((await shop.run('status')).stderr).toContain('Workers claim no orders: Cannot reach the payment gateway')
  await provider.restart()
  await worker.saw('The payment gateway is back.')
  expect(await worker.ended).toMatchObject({ code: 0 })
  await expectSold(shop, provider, 20)
})

test('an outage while orders are charged loses nothing, and counts as no attempt', async ({ shop, provider }) => {
  await shop.importing(singles(400))
  await provider.restart('--latency', '50')
  const limits = { ORDERCTL_PAYMENT_MAX_IN_FLIGHT: '10', ORDERCTL_BATCH_SIZE: '50', ORDERCTL_ATTEMPTS: '2' }
  const worker = shop.start({ ...provider.environment, ...limits }, 'work', '--max-orders', '400')
  await expect.poll(() => provider.entries.length).toBeGreaterThan(30)
  await provider.stop()
  await worker.saw('Waiting for it.')
  await expect.poll(() => waitingFor(shop)).toBeTruthy()
  await expect.poll(() => shop.value('select count(*) from due_orders where lease_token is not null')).toBe(0)
  // Only charges that were open when the connection was lost may have been asked for.
  expect(shop.value('select sum(unanswered) from payments')).toBeLessThanOrEqual(10)
  await provider.restart()
  expect(await worker.ended).toMatchObject({ code: 0 })
  expect(waitingFor(shop)).toBeUndefined()
  await expectSold(shop, provider, 400)
})

describe('the circuit', () => {
  test('opens while most calls fail, and closes when GET /health and the calls work', async ({ shop, provider }) => {
    await shop.importing(singles(200))
    await provider.restart('--error', '1')
    const limits = { ORDERCTL_PAYMENT_MAX_IN_FLIGHT: '5', ORDERCTL_ATTEMPTS: '20' }
    const worker = shop.start({ ...provider.environment, ...limits }, 'work', '--max-orders', '200')
    await worker.saw('does not work (most calls have no known outcome, last: the gateway answered HTTP 503)')
    await expect.poll(() => waitingFor(shop)).toContain('most calls have no known outcome')
    await provider.restart()
    await worker.saw('The payment gateway is back.')
    expect(await worker.ended).toMatchObject({ code: 0 })
    await expectSold(shop, provider, 200)
  })
})

describe('a key that the provider may have forgotten', () => {
  /** Orders whose charge the provider has, while we do not know the outcome, and whose keys are 25 hours old. */
  async function forgotten(shop: Shop, provider: Provider, ...options: string[]): Promise<void> {
    await shop.importing(singles(3))
    await provider.restart(...options)
    await shop.runWith(provider.environment, 'work', '--drain')
    shop.sqlite.exec('update payments set created_at = created_at - 25 * 3600000; update due_orders set due_at = 1')
  }

  test('is looked up, and its outcome is taken over', async ({ shop, provider }) => {
    await forgotten(shop, provider, '--drop-after', '1')
    await provider.restart('--error', '1')
    expect(await shop.jsonWith(provider.environment, 'work', '--drain')).toMatchObject({ result: { completed: 3 } })
    await expectSold(shop, provider, 3)
  })

  test('is looked up if a clock that was ahead dated it later than now', async ({ shop, provider }) => {
    await forgotten(shop, provider, '--drop-after', '1')
    shop.sqlite.exec('update payments set created_at = created_at + 97 * 3600000')
    await provider.restart('--error', '1')
    expect(await shop.jsonWith(provider.environment, 'work', '--drain')).toMatchObject({ result: { completed: 3 } })
    await expectSold(shop, provider, 3)
  })

  test('is asked again if the provider knows of no charge', async ({ shop, provider }) => {
    await forgotten(shop, provider, '--error', '1')
    await provider.restart()
    expect(await shop.jsonWith(provider.environment, 'work', '--drain')).toMatchObject({ result: { completed: 3 } })
    await expectSold(shop, provider, 3)
  })

  test('needs review if the provider cannot look it up', async ({ shop, provider }) => {
    await forgotten(shop, provider, '--drop-after', '1')
    await provider.restart('--no-look-up')
    const drain = await shop.jsonWith(provider.environment, 'work', '--drain')
    expect(drain).toMatchObject({ code: 3, result: { completed: 0, needs_review: 3 } })
    expect(shop.rows('select distinct reason from orders')).toEqual([{ reason: 'payment_unknown' }])
    expect(provider.entries.length).toBe(3)
  })

  test('is asked again as usual within payments.keyLifetimeHours', async ({ shop, provider }) => {
    await forgotten(shop, provider, '--drop-after', '1')
    await provider.restart('--no-look-up')
    const lasting = { ...provider.environment, ORDERCTL_PAYMENT_KEY_LIFETIME_HOURS: '26' }
    expect(await shop.jsonWith(lasting, 'work', '--drain')).toMatchObject({ result: { completed: 3 } })
    await expectSold(shop, provider, 3)
  })
})
