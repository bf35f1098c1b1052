// Workers on a server that die, stop, or have a wrong clock: another worker processes their orders, and charges each
// once.

import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { describeOnServerEngines } from '../support/engine-shop.js'
import { shiftedClock } from '../support/shifted-clock.js'
import { until } from '../support/until.js'
import { expectSoldOnce, inProgress, SLOW, singles } from './drains.js'

/** A claimed batch is charged for so long that no transaction is open when a test stops the worker. */
const LONG_CHARGES = { ...SLOW, ORDERCTL_PAYMENT_LATENCY_MS: '1000' }

describeOnServerEngines(
  'a worker',
  (test) => {
    test('that was stopped until its lease ended changes nothing when it continues', async ({ shop }) => {
      await shop.importing(singles(80))
      const brief = { ...LONG_CHARGES, ORDERCTL_LEASE_MS: '500' }
      const sleeper = shop.start(brief, 'work', '--max-orders', '20', '--concurrency', '1')
      await until(async () => (await inProgress(shop)) > 0)
      sleeper.child.kill('SIGSTOP')
      // Meanwhile, another worker claims its orders, and all charges are declined.
      const other = await shop.runWith({ ...brief, ORDERCTL_PAYMENT_SUCCESS_RATE: '0' }, 'work', '--drain')
      expect(other.code, other.stderr).toBe(0)
      sleeper.child.kill('SIGCONT')
      await sleep(100)
      sleeper.child.kill('SIGTERM')
      const { code, stderr } = await sleeper.ended
      expect(code, stderr).toBe(130)
      expect(await shop.statuses()).toEqual({ rolled_back: 80 })
      expect(await shop.value("select count(*) from payments where status = 'captured'")).toBe(0)
      await shop.expectAuditClean()
    })

    test('whose clock is ten minutes behind and one whose clock is ahead claim no orders of each other', async ({
      shop,
    }) => {
      await shop.importing(singles(400))
      const patient = { ...LONG_CHARGES, ORDERCTL_LEASE_MS: '120000' }
      const behind = shop.start({ ...patient, ...shiftedClock(-10) }, 'work', '--drain', '--concurrency', '1', '--json')
      await until(async () => (await inProgress(shop)) > 0)
      behind.child.kill('SIGSTOP')
      const claimed = await inProgress(shop)
      const ahead = shop.start({ ...patient, ...shiftedClock(10) }, 'work', '--concurrency', '10')
      await until(async () => (await shop.value("select count(*) from orders where status = 'pending'")) === 0)
      behind.child.kill('SIGCONT')
      const { code, stdout } = await behind.ended
      expect({ code, result: JSON.parse(stdout) }).toMatchObject({ code: 0, result: { processed: claimed } })
      ahead.child.kill('SIGTERM')
      await ahead.ended
      await expectSoldOnce(shop, 400)
    })

    test('that is killed in mid-drain, its clock ten minutes ahead, loses its orders to another', async ({ shop }) => {
      await shop.importing(singles(100))
      const ahead = shop.start({ ...SLOW, ...shiftedClock(10) }, 'work', '--concurrency', '2')
      await until(async () => (await inProgress(shop)) > 0)
      ahead.child.kill('SIGKILL')
      await ahead.ended
      expect(await inProgress(shop)).toBeGreaterThan(0)
      const behind = await shop.runWith({ ...SLOW, ...shiftedClock(-10) }, 'work', '--drain', '--max-runtime', '60s')
      expect(behind.code).toBe(0)
      await expectSoldOnce(shop, 100)
    })
  },
  { concurrent: true },
)
