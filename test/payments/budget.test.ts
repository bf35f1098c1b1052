// The limits that all batches and threads of a process share.
import { expect } from 'vitest'
import { Budget } from '../../src/payments/guard.js'
import { singles } from '../support/drain.js'
import { Provider } from '../support/provider.js'
import { test } from '../support/shop.js'

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
