// Workers on a server that die, stand still, or whose clocks are wrong, each on a host of its own as far as the database can
// tell: what they had in hand is made up for, and charged once.

import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { describeOnServerEngines, type EngineShop } from '../support/engine-shop.js'
import { shiftedClock } from '../support/shifted-clock.js'
import { until } from '../support/until.js'
import { completed, expectEachChargedOnce, inHand, SLOW, singles } from './drains.js'

/** A claimed batch is charged for so long that no transaction is open when a test stops the worker. */
const LONG_CHARGES = { ...SLOW, ORDERCTL_PAYMENT_LATENCY_MS: '1000' }

describeOnServerEngines(
  'a worker',
  (test, engine) => {
    test('killed in mid-drain is made up for by another, and every order is charged once', async ({ shop }) => {
      await shop.importing(singles(600))
      const first = shop.start(SLOW, 'work', '--drain')
      await until(async () => (await completed(shop)) > 0)
      first.child.kill('SIGKILL')
      await first.ended
      expect(await inHand(shop)).toBeGreaterThan(0)
      const { code } = await shop.runWith({ ...SLOW, ORDERCTL_PAYMENT_LATENCY_MS: '0' }, 'work', '--drain')
      expect(code).toBe(0)
      await expectEachChargedOnce(shop, 600)
    })

    test('that stood still past its lease changes nothing when it wakes', async ({ shop }) => {
      await shop.importing(singles(80))
      const brief = { ...LONG_CHARGES, ORDERCTL_LEASE_MS: '500' }
      const sleeper = shop.start(brief, 'work', '--max-orders', '20', '--concurrency', '1')
      await until(async () => (await inHand(shop)) > 0)
      sleeper.child.kill('SIGSTOP')
      // Meanwhile another one takes over, and is told that all charges are declined.
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

    test('whose clock is ten minutes behind keeps its orders from one whose clock is ahead', async ({ shop }) => {
      await shop.importing(singles(400))
      await countTakings(shop, engine)
      const patient = { ...LONG_CHARGES, ORDERCTL_LEASE_MS: '120000' }
      const behind = shop.start({ ...patient, ...shiftedClock(-10) }, 'work', '--drain', '--concurrency', '1')
      await until(async () => (await inHand(shop)) > 0)
      behind.child.kill('SIGSTOP')
      const ahead = shop.start({ ...patient, ...shiftedClock(10) }, 'work', '--concurrency', '10')
      await until(async () => (await shop.value("select count(*) from orders where status = 'pending'")) === 0)
      behind.child.kill('SIGCONT')
      expect((await behind.ended).code).toBe(0)
      ahead.child.kill('SIGTERM')
      await ahead.ended
      await expectEachChargedOnce(shop, 400)
      expect(await shop.value('select count(*) from takings')).toBe(400)
      expect(await shop.value('select count(distinct order_id) from takings')).toBe(400)
    })

    test('whose clock is ten minutes ahead loses its orders when it dies, as soon as any other', async ({ shop }) => {
      await shop.importing(singles(100))
      const ahead = shop.start({ ...SLOW, ...shiftedClock(10) }, 'work', '--concurrency', '2')
      await until(async () => (await inHand(shop)) > 0)
      ahead.child.kill('SIGKILL')
      await ahead.ended
      expect(await inHand(shop)).toBeGreaterThan(0)
      const behind = await shop.runWith({ ...SLOW, ...shiftedClock(-10) }, 'work', '--drain', '--max-runtime', '60s')
      expect(behind.code).toBe(0)
      await expectEachChargedOnce(shop, 100)
    })
  },
  { concurrent: true },
)

/** Writes down each time that an order is taken in hand. */
async function countTakings(shop: EngineShop, engine: 'postgres' | 'mysql'): Promise<void> {
  await shop.rows('create table takings (order_id bigint)')
  if (engine === 'mysql') {
    await shop.rows(`create trigger takes after update on due_orders for each row begin
      if new.lease_token is not null and not (new.lease_token <=> old.lease_token) then
        insert into takings values (new.order_id);
      end if; end`)
    return
  }
  await shop.rows(`create function take() returns trigger language plpgsql as $$ begin
    insert into takings values (new.order_id); return null; end $$`)
  await shop.rows(`create trigger takes after update on due_orders for each row
    when (new.lease_token is not null and new.lease_token is distinct from old.lease_token) execute function take()`)
}
