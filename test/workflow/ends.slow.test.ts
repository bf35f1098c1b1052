// Workers that are interrupted, killed or stopped while orders are in progress.
import { describe, expect } from 'vitest'
import { completed, importing, inHand, SLOW, statuses } from '../support/drain.js'
import { until } from '../support/until.js'
import { csv, line, test } from '../support/workplace.js'

const ALL_CAPTURED = { ORDERCTL_PAYMENT_SUCCESS_RATE: '1' }
const NONE_CAPTURED = { ORDERCTL_PAYMENT_SUCCESS_RATE: '0' }

describe.concurrent('workers that end, one way or another', () => {
  test('SIGTERM finishes the batches in progress and ends with 130', async ({ place }) => {
    await importing(place, 400, SLOW)
    const worker = place.start(SLOW, 'work', '--concurrency', '2')
    await until(() => completed(place) > 0)
    worker.child.kill('SIGTERM')
    const { code, stderr } = await worker.ended
    expect(code).toBe(130)
    expect(stderr).toContain('Finishing the batches in progress')
    expect(inHand(place)).toBe(0)
    expect(statuses(place)).toMatchObject({ pending: expect.any(Number), completed: expect.any(Number) })
    await place.expectAuditClean()
  })

  test('SIGTERM before a worker is at work ends it with nothing taken in hand', async ({ place }) => {
    await importing(place, 5, {})
    const early = 'process.on("newListener",(name)=>{if(name==="SIGTERM")setImmediate(()=>process.emit(name))})'
    const NODE_OPTIONS = `--import=data:text/javascript,${encodeURIComponent(early)}`
    const { code, stdout } = await place.runWith({ ...ALL_CAPTURED, NODE_OPTIONS }, 'work', '--max-runtime', '5s')
    expect(code).toBe(130)
    expect(stdout).toMatch(/processed\s+│\s+0 /)
    expect(statuses(place)).toEqual({ pending: 5 })
  })

  test('a second signal leaves at once, and loses nothing', async ({ place }) => {
    await importing(place, 60, {})
    const worker = place.start({ ...SLOW, ORDERCTL_PAYMENT_LATENCY_MS: '3000' }, 'work', '--drain')
    await until(() => inHand(place) > 0)
    worker.child.kill('SIGINT')
    await worker.saw('Finishing the batches in progress')
    worker.child.kill('SIGINT')
    expect((await worker.ended).code).toBe(130)
    await place.runWith({ ...SLOW, ORDERCTL_PAYMENT_LATENCY_MS: '0' }, 'work', '--drain')
    expect(statuses(place)).toEqual({ completed: 60 })
    await place.expectAuditClean()
  })

  test('a worker killed in mid-drain is made up for by another, and every order is charged once', async ({ place }) => {
    await importing(place, 600, {})
    const first = place.start(SLOW, 'work', '--drain')
    await until(() => completed(place) > 0)
    first.child.kill('SIGKILL')
    await first.ended
    expect(inHand(place)).toBeGreaterThan(0)
    const { code } = await place.runWith({ ...SLOW, ORDERCTL_PAYMENT_LATENCY_MS: '0' }, 'work', '--drain')
    expect(code).toBe(0)
    expect(statuses(place)).toEqual({ completed: 600 })
    expect(place.value("select count(*) from payments where status = 'captured'")).toBe(600)
    expect(place.value('select sum(orders) from sales_by_customer')).toBe(600)
    await place.expectAuditClean()
  })

  test('a worker that stood still past its lease changes nothing when it wakes', async ({ place }) => {
    await importing(place, 80, {})
    const sleeper = place.start({ ...SLOW, ORDERCTL_LEASE_MS: '500' }, 'work', '--concurrency', '1')
    await until(() => inHand(place) === 20)
    sleeper.child.kill('SIGSTOP')
    // Another one takes over when the lease ends, and is told that all charges are declined.
    await place.runWith({ ...NONE_CAPTURED, ORDERCTL_LEASE_MS: '500' }, 'work', '--drain')
    const before = statuses(place)
    expect(before['rolled_back']).toBeGreaterThanOrEqual(20)
    const settledBy = `select count(*) from workers where pid = ${sleeper.child.pid} and stopped_at is not null`
    sleeper.child.kill('SIGCONT')
    sleeper.child.kill('SIGTERM')
    expect((await sleeper.ended).code).toBe(130)
    expect(place.value(settledBy)).toBe(1)
    expect(statuses(place)).toEqual(before)
    expect(place.value("select count(*) from payments where status = 'captured'")).toBe(before['completed'] ?? 0)
    await place.expectAuditClean()
  })

  test('two workers and an import share one database', async ({ place }) => {
    await importing(place, 1500, {})
    const more = place.file(
      'more.csv',
      csv(...Array.from({ length: 6000 }, (_, index) => line({ order: `B-${index}`, sku: `S-${index % 7}` }))),
    )
    const [imported, ...workers] = await Promise.all([
      place.start({}, 'import', more).ended,
      place.start(ALL_CAPTURED, 'work', '--drain').ended,
      place.start(ALL_CAPTURED, 'work', '--drain').ended,
    ])
    expect([imported.code, ...workers.map((worker) => worker.code)]).toEqual([0, 0, 0])
    await place.runWith(ALL_CAPTURED, 'work', '--drain')
    // Seven products with stock of 1,000 each, 7,500 orders of one unit: S-0 to S-2 are wanted by 1,072 and more.
    expect(statuses(place)).toEqual({ completed: 7000, failed: 500 })
    await place.expectAuditClean()
  })
})
