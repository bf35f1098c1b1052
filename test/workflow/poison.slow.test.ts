// One order among many at which workers die or hang: the others are settled, and it is set aside after five attempts.

import { describe, expect, test } from 'vitest'
import { EngineShop } from '../support/engine-shop.js'
import { drainPoisoned, expectOnlyPoisonLeft, expectSoldWhenRetried, importPoisoned } from '../support/poisoned.js'

describe('a poison order among 2,000 others', () => {
  test('is set aside after it has killed its process five times', async ({ onTestFinished }) => {
    const shop = await EngineShop.open('sqlite')
    onTestFinished(() => shop.close())
    await importPoisoned(shop)
    const runs = await drainPoisoned(shop, 'killing')
    expect(runs.map(({ code }) => code)).toEqual([null, null, null, null, null, 3])
    expect(runs[5]?.stderr).toContain('1 order set aside')
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
    'is set aside if it %s its thread, and the process continues',
    async ([, kind, notice, status], { onTestFinished }) => {
      const shop = await EngineShop.open('sqlite')
      onTestFinished(() => shop.close())
      await importPoisoned(shop)
      const impatient = { ORDERCTL_BATCH_TIMEOUT_MS: '5000', ORDERCTL_PAYMENT_TIMEOUT_MS: '1000' }
      const [run, ...others] = await drainPoisoned(shop, kind, impatient)
      expect(others).toEqual([])
      expect(run).toMatchObject({ code: 3, stderr: expect.stringContaining(notice) })
      expect(run?.stderr).toContain('1 order set aside')
      await expectOnlyPoisonLeft(shop, status)
      await expectSoldWhenRetried(shop)
    },
  )
})
