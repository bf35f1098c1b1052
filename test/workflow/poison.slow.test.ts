// One order among many at which workers die or hang: the others are sold, and it is set aside after five times.

import { describe, expect, test as plainTest } from 'vitest'
import { EngineShop } from '../support/engine-shop.js'
import { drainPoisoned, expectOnlyPoisonLeft, expectSoldWhenRetried, importPoisoned } from '../support/poisoned.js'

const test = plainTest.extend<{ shop: EngineShop }>({
  // biome-ignore lint/correctness/noEmptyPattern: Vitest reads from it that the fixture needs no other.
  shop: async ({}, use) => {
    const shop = await EngineShop.open('sqlite')
    await use(shop)
    await shop.close()
  },
})

const MINUTES = 10 * 60_000

describe('a poison order among 2,000 others', () => {
  test('that kills its process is set aside after five deaths', { timeout: MINUTES }, async ({ shop }) => {
    await importPoisoned(shop)
    const runs = await drainPoisoned(shop, 'killing')
    expect(runs.map(({ code }) => code)).toEqual([null, null, null, null, null, 3])
    expect(runs[5]?.stderr).toContain('Set aside 1 order')
    await expectOnlyPoisonLeft(shop)
    await expectSoldWhenRetried(shop)
  })

  test.for([
    ['ends', 'exiting', 'worker exited with code: 7', 'payment_processing'],
    ['throws in', 'throwing', 'nobody catches this', 'payment_processing'],
    ['ends in mid-claim', 'claiming', 'worker exited with code: 7', 'pending'],
    ['ends in mid-settlement', 'settling', 'worker exited with code: 7', 'payment_processing'],
    ['keeps busy', 'looping', 'A thread has made no progress for', 'payment_processing'],
    ['never gets an answer in', 'hanging', 'A thread has made no progress for', 'payment_processing'],
  ] as const)(
    'that %s its thread costs threads, and not the process',
    { timeout: MINUTES },
    async ([, kind, notice, status], { shop }) => {
      await importPoisoned(shop)
      const impatient = { ORDERCTL_BATCH_TIMEOUT_MS: '5000', ORDERCTL_PAYMENT_TIMEOUT_MS: '1000' }
      const [run, ...others] = await drainPoisoned(shop, kind, impatient)
      expect(others).toEqual([])
      expect(run).toMatchObject({ code: 3, stderr: expect.stringContaining(notice) })
      expect(run?.stderr).toContain('Set aside 1 order')
      await expectOnlyPoisonLeft(shop, status)
      await expectSoldWhenRetried(shop)
    },
  )
})
