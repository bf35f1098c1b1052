// Leases in a SQLite file go by the clock of each process, so a process with another clock does not work.

import { uptime } from 'node:os'
import { describe, expect } from 'vitest'
import { agreeOnClock } from '../../src/database/clocks.js'
import type { WorkerId } from '../../src/domain/ids.js'
import type { Outcome } from '../support/cli.js'
import { importing } from '../support/drain.js'
import { csv, line } from '../support/lines.js'
import { clockToBeShifted, shiftedClock } from '../support/shifted-clock.js'
import { type Shop, test } from '../support/shop.js'
import { until } from '../support/until.js'

/** Charges last longer than a test needs to start another process. */
const LONG_CHARGES = {
  ORDERCTL_PAYMENT_SUCCESS_RATE: '1',
  ORDERCTL_PAYMENT_LATENCY_MS: '5000',
  ORDERCTL_BATCH_SIZE: '20',
  ORDERCTL_LEASE_MS: '120000',
}

function expectRefused({ code, stderr }: Outcome, how: string): void {
  expect(stderr).toMatch(new RegExp(`The clock of this process .* is \\d+ s ${how} the clock of worker \\d+ on `))
  expect(stderr).toContain('Compare `date -u`')
  expect(code, stderr).toBe(1)
}

const liveWorkers = (shop: Shop) => Number(shop.value('select count(*) from workers where stopped_at is null'))

describe('with a live worker', () => {
  test('a process whose clock is ten minutes ahead or behind claims nothing and ends', async ({ shop }) => {
    await importing(shop, 100, {})
    shop.sqlite.exec(`create table takings (order_id integer);
      create trigger takes after update on due_orders
        when new.lease_token is not null and new.lease_token is not old.lease_token
        begin insert into takings values (new.order_id); end`)
    const worker = shop.start(LONG_CHARGES, 'work', '--concurrency', '5')
    await until(() => shop.value('select count(*) from takings') === 100)
    expectRefused(await shop.runWith({ ...LONG_CHARGES, ...shiftedClock(10) }, 'work', '--drain'), 'ahead of')
    expectRefused(await shop.runWith({ ...LONG_CHARGES, ...shiftedClock(-10) }, 'work', '--drain'), 'behind')
    await until(() => shop.value("select count(*) from payments where status = 'captured'") === 100)
    worker.child.kill('SIGTERM')
    expect((await worker.ended).code).toBe(130)
    expect(shop.value('select count(*) from takings')).toBe(100)
    await shop.expectAuditClean()
  })

  test('imports, schedules and retries with another clock end, and reports do not', async ({ shop }) => {
    await importing(shop, 100, {})
    await shop.runWith({ ORDERCTL_PAYMENT_SUCCESS_RATE: '0' }, 'work', '--drain')
    const worker = shop.start({}, 'work')
    await until(() => liveWorkers(shop) === 1)
    for (const command of [
      ['import', 'orders.csv'],
      ['schedule'],
      ['schedule', 'run', 'reservations'],
      ['failed', 'retry', '--all', '--yes'],
    ]) {
      expectRefused(await shop.runWith(shiftedClock(10), ...command), 'ahead of')
    }
    expect((await shop.runWith(shiftedClock(10), 'failed', 'list')).code).toBe(0)
    worker.child.kill('SIGTERM')
    expect((await worker.ended).code).toBe(130)
  })

  test('a worker whose clock is set to another time ends, and the other goes on', async ({ shop }) => {
    await importing(shop, 100, {})
    const sound = shop.start({}, 'work')
    await until(() => liveWorkers(shop) === 1)
    const shifted = shop.start(clockToBeShifted(-10), 'work')
    await until(() => liveWorkers(shop) === 2)
    shifted.child.kill('SIGUSR2')
    expectRefused(await shifted.ended, 'behind')
    expect(liveWorkers(shop)).toBe(1)
    sound.child.kill('SIGTERM')
    expect((await sound.ended).code).toBe(130)
  })

  test('two workers whose clocks are set together go on, and a third one starts', async ({ shop }) => {
    await importing(shop, 100, {})
    const workers = [1, 2].map(() => shop.start(clockToBeShifted(10), 'work'))
    await until(() => liveWorkers(shop) === 2)
    const step = Date.now() + 5 * 60_000
    for (const { child } of workers) child.kill('SIGUSR2')
    const third = await shop.runWith(shiftedClock(10), 'work', '--drain')
    expect(third.code, third.stderr).toBe(0)
    await until(() => (shop.value('select min(last_seen) from workers where stopped_at is null') as number) > step)
    const before = shop.value('select max(uptime_ms) from workers') as number
    // Each has read the other's new clock twice.
    await until(
      () => (shop.value('select min(uptime_ms) from workers where stopped_at is null') as number) > before + 4000,
    )
    for (const { child, ended } of workers) {
      child.kill('SIGTERM')
      expect((await ended).code).toBe(130)
    }
  })
})

test('a worker whose clock is behind the newest due time says that orders wait', async ({ shop }) => {
  shop.file('orders.csv', csv(line()))
  await shop.runWith(shiftedClock(10), 'import', 'orders.csv')
  const { stderr } = await shop.run('work', '--max-runtime', '1s')
  expect(stderr).toMatch(/The clock is \d+ min .*behind the newest entry/)
})

test.for([
  { why: 'that was left by an earlier boot', age: 8000 },
  { why: 'whose machine has another uptime', age: -600_000 },
])('ignores the clock of a worker $why', async ({ age }, { shop }) => {
  await shop.migrate()
  const row = { host: 'shop', pid: 7, concurrency: 1, processed: 0, orders_per_second: 0, started_at: 0 }
  const seen = { last_seen: Date.now() - age + 600_000, uptime_ms: Math.round(uptime() * 1000) - age }
  await shop.db
    .insertInto('workers')
    .values({ ...row, ...seen, id: 'w' as string as WorkerId })
    .execute()
  await agreeOnClock(shop.db)
})
