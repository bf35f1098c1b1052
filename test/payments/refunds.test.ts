// Refunds over HTTP, by a provider that loses requests and answers: its ledger has each refund once, as ours.
import { describe, expect } from 'vitest'
import type { OrderId } from '../../src/domain/ids.js'
import type { Gateway } from '../../src/payments/gateway.js'
import { openGateway } from '../../src/payments/open-gateway.js'
import { beginRefunds, finishDueRefunds, refundOptionsOf } from '../../src/workflow/refund.js'
import { opened } from '../support/cli.js'
import { singles } from '../support/drain.js'
import { Provider } from '../support/provider.js'
import { type Shop, test as shopTest } from '../support/shop.js'

const test = shopTest.extend<{ provider: Provider }>({ provider: opened(() => Provider.start()) })

const PATIENT = { ORDERCTL_ATTEMPTS: '100' }

/** Completed orders, … of 10.00 USD each. */
async function selling(shop: Shop, provider: Provider, count: number) {
  await shop.importing(singles(count))
  expect((await shop.runWith(provider.environment, 'work', '--drain')).code).toBe(0)
  return Array.from({ length: count }, (_, index) => `A-${index + 1}`)
}

/** Asks for what is open until nothing is, without the pauses. */
async function finish(shop: Shop, environment: Record<string, string>) {
  for (let round = 0; shop.value('select count(*) from refunds where due_at is not null') !== 0; round++) {
    expect(round).toBeLessThan(50)
    shop.sqlite.exec('update refunds set due_at = 1 where due_at is not null')
    const task = await shop.runWith({ ...environment, ...PATIENT }, 'schedule', 'run', 'refunds')
    expect(task.code, task.stderr).toBe(0)
  }
}

function expectLedgerEqualsRefunds(shop: Shop, provider: Provider) {
  const ours = shop.rows("select idempotency_key, amount, gateway_reference from refunds where status = 'refunded'")
  const theirs = provider.entries.filter(({ status }) => status === 'refunded')
  expect(theirs.map(({ key, amount, reference }) => [key, amount, reference].map(String)).sort()).toEqual(
    ours.map((row) => Object.values(row as object).map(String)).sort(),
  )
  expect(new Set(theirs.map(({ key }) => key)).size).toBe(theirs.length)
}

describe('refunds over HTTP', { timeout: 60_000 }, () => {
  test('by a provider that drops requests and answers are made once', async ({ shop, provider }) => {
    const ids = await selling(shop, provider, 40)
    await provider.restart('--drop', '0.2', '--drop-after', '0.3', '--error', '0.1')
    const asking = ['orders', 'refund', '--restock', '--yes', '--from-file', shop.file('ids.txt', ids.join('\n'))]
    const { code } = await shop.runWith({ ...provider.environment, ...PATIENT }, ...asking)
    expect(code).not.toBe(0)
    await provider.restart('--drop-after', '0.2')
    await finish(shop, provider.environment)
    expect(shop.value("select count(*) from refunds where status = 'refunded'")).toBe(40)
    expectLedgerEqualsRefunds(shop, provider)
    await shop.expectAuditClean()
  })

  test('that wait for others while the process is suspended beyond its lease are not asked', async ({
    shop,
    provider,
    onTestFinished,
  }) => {
    const ids = await selling(shop, provider, 2)
    const config = shop.config({ ...provider.environment, ORDERCTL_PAYMENT_MAX_IN_FLIGHT: '1' })
    const gateway = await openGateway(config)
    onTestFinished(() => gateway.close())
    let calls = 0
    const suspended: Pick<Gateway, 'refund'> = {
      refund(...call) {
        const answer = gateway.refund(...call)
        if (++calls === 2) {
          // Blocks the event loop while the second call waits for the first. Another process takes that one over.
          Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1500)
          shop.sqlite.exec("update refunds set lease_token = 'theirs' where order_id = 2")
        }
        return answer
      },
    }
    const orders = shop.rows('select id from orders') as { id: OrderId }[]
    await beginRefunds(
      shop.db,
      orders.map(({ id }) => id),
      { restock: false },
      { leaseMs: 0 },
    )
    const options = { ...refundOptionsOf(config), leaseMs: 1000, inFlight: 2 }
    await finishDueRefunds(shop.db, (use) => use(Object.assign(Object.create(gateway), suspended)), options)
    expect(calls).toBe(ids.length)
    expect(shop.rows('select status, unanswered from refunds order by order_id')).toEqual([
      { status: 'refunded', unanswered: 0 },
      { status: 'pending', unanswered: 0 },
    ])
    expectLedgerEqualsRefunds(shop, provider)
  })

  test('are not begun while the provider is away, which a dry run does not need', async ({ shop, provider }) => {
    await selling(shop, provider, 1)
    await provider.stop()
    const away = await shop.jsonWith(provider.environment, 'orders', 'refund', 'A-1', '--amount', '4')
    expect(away).toMatchObject({ code: 4, result: { error: { code: 'gateway_unreachable', retryable: true } } })
    expect(shop.value('select count(*) from refunds')).toBe(0)
    const dry = await shop.jsonWith(provider.environment, 'orders', 'refund', 'A-1', '--dry-run')
    expect(dry).toMatchObject({ code: 0, result: { orders: [{ amount: 10 }] } })
    await provider.restart()
    await shop.runWith(provider.environment, 'orders', 'refund', 'A-1', '--amount', '4')
    expect(shop.rows('select status, amount from refunds')).toEqual([{ status: 'refunded', amount: 400 }])
    expectLedgerEqualsRefunds(shop, provider)
  })

  test('that were made in the dashboard are declined with the reason of the provider', async ({ shop, provider }) => {
    await selling(shop, provider, 1)
    await shop.runWith(provider.environment, 'orders', 'refund', 'A-1', '--amount', '4')
    // Another program has refunded the rest, so the provider has less than our payments say.
    shop.sqlite.exec('update refunds set amount = 1')
    const declined = await shop.jsonWith(provider.environment, 'orders', 'refund', 'A-1', '--amount', '8')
    expect(declined).toMatchObject({ code: 1, result: { error: { code: 'refund_declined' } } })
    expect(shop.value("select count(*) from refunds where status = 'declined'")).toBe(1)
    expect(provider.entries.filter(({ status }) => status === 'refunded').length).toBe(1)
  })
})
