// Workers that are interrupted, killed or stopped while orders are in progress.

import { describe, expect } from 'vitest'
import { completed, importing, inHand, SLOW, statuses } from '../support/drain.js'
import { csv, line } from '../support/lines.js'
import { test } from '../support/shop.js'
import { until } from '../support/until.js'

const ALL_CAPTURED = { ORDERCTL_PAYMENT_SUCCESS_RATE: '1' }
const NONE_CAPTURED = { ORDERCTL_PAYMENT_SUCCESS_RATE: '0' }

describe.concurrent('workers that end, one way or another', () => {
  test('SIGTERM finishes the batches in progress and ends with 130', async ({ shop }) => {
    await importing(shop, 400, SLOW)
    const worker = shop.start(SLOW, 'work', '--concurrency', '2')
    await until(() => completed(shop) > 0)
    worker.child.kill('SIGTERM')
    const { code, stderr } = await worker.ended
    expect(code).toBe(130)
    expect(stderr).toContain('Finishing the batches in progress')
    expect(inHand(shop)).toBe(0)
    expect(statuses(shop)).toMatchObject({ pending: expect.any(Number), completed: expect.any(Number) })
    await shop.expectAuditClean()
  })

  test('SIGTERM before a worker is at work ends it with nothing taken in hand', async ({ shop }) => {
    await importing(shop, 5, {})
    const early = 'process.on("newListener",(name)=>{if(name==="SIGTERM")setImmediate(()=>process.emit(name))})'
    const NODE_OPTIONS = `--import=data:text/javascript,${encodeURIComponent(early)}`
    const { code, stdout } = await shop.runWith({ ...ALL_CAPTURED, NODE_OPTIONS }, 'work', '--max-runtime', '5s')
    expect(code).toBe(130)
    expect(stdout).toMatch(/processed\s+│\s+0 /)
    expect(statuses(shop)).toEqual({ pending: 5 })
  })

  test('a second signal leaves at once, and loses nothing', async ({ shop }) => {
    await importing(shop, 60, {})
    const worker = shop.start({ ...SLOW, ORDERCTL_PAYMENT_LATENCY_MS: '3000' }, 'work', '--drain')
    await until(() => inHand(shop) > 0)
    worker.child.kill('SIGINT')
    await worker.saw('Finishing the batches in progress')
    worker.child.kill('SIGINT')
    expect((await worker.ended).code).toBe(130)
    await shop.runWith({ ...SLOW, ORDERCTL_PAYMENT_LATENCY_MS: '0' }, 'work', '--drain')
    expect(statuses(shop)).toEqual({ completed: 60 })
    await shop.expectAuditClean()
  })

  test('a worker killed in mid-drain is made up for by another, and every order is charged once', async ({ shop }) => {
    await importing(shop, 600, {})
    const first = shop.start(SLOW, 'work', '--drain')
    await until(() => completed(shop) > 0)
    first.child.kill('SIGKILL')
    await first.ended
    expect(inHand(shop)).toBeGreaterThan(0)
    const { code } = await shop.runWith({ ...SLOW, ORDERCTL_PAYMENT_LATENCY_MS: '0' }, 'work', '--drain')
    expect(code).toBe(0)
    expect(statuses(shop)).toEqual({ completed: 600 })
    expect(shop.value("select count(*) from payments where status = 'captured'")).toBe(600)
    expect(shop.value('select sum(orders) from sales_by_customer')).toBe(600)
    await shop.expectAuditClean()
  })

  test('a worker that stood still past its lease changes nothing when it wakes', async ({ shop }) => {
    await importing(shop, 80, {})
    const sleeper = shop.start({ ...SLOW, ORDERCTL_LEASE_MS: '500' }, 'work', '--concurrency', '1')
    await until(() => inHand(shop) === 20)
    sleeper.child.kill('SIGSTOP')
    // Another one takes over when the lease ends, and is told that all charges are declined.
    await shop.runWith({ ...NONE_CAPTURED, ORDERCTL_LEASE_MS: '500' }, 'work', '--drain')
    const before = statuses(shop)
    expect(before['rolled_back']).toBeGreaterThanOrEqual(20)
    const settledBy = `select count(*) from workers where pid = ${sleeper.child.pid} and stopped_at is not null`
    sleeper.child.kill('SIGCONT')
    sleeper.child.kill('SIGTERM')
    expect((await sleeper.ended).code).toBe(130)
    expect(shop.value(settledBy)).toBe(1)
    expect(statuses(shop)).toEqual(before)
    expect(shop.value("select count(*) from payments where status = 'captured'")).toBe(before['completed'] ?? 0)
    await shop.expectAuditClean()
  })

  test('two workers and an import share one database', async ({ shop }) => {
    await importing(shop, 1500, {})
    const more = shop.file(
      'more.csv',
      csv(...Array.from({ length: 6000 }, (_, index) => line({ order: `B-${index}`, sku: `S-${index % 7}` }))),
    )
    const [imported, ...workers] = await Promise.all([
      shop.start({}, 'import', more).ended,
      shop.start(ALL_CAPTURED, 'work', '--drain').ended,
      shop.start(ALL_CAPTURED, 'work', '--drain').ended,
    ])
    expect([imported.code, ...workers.map((worker) => worker.code)]).toEqual([0, 0, 0])
    await shop.runWith(ALL_CAPTURED, 'work', '--drain')
    // Seven products with stock of 1,000 each, 7,500 orders of one unit: S-0 to S-2 are wanted by 1,072 and more.
    expect(statuses(shop)).toEqual({ completed: 7000, failed: 500 })
    await shop.expectAuditClean()
  })
})
