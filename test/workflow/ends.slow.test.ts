// Workers that are interrupted, killed or stopped while orders are in progress.

import { describe, expect } from 'vitest'
import { completed, expectSoldOnce, importing, inHand, SLOW, singles, statuses } from '../support/drain.js'
import { test } from '../support/shop.js'
import { until } from '../support/until.js'

const ALL_CAPTURED = { ORDERCTL_PAYMENT_SUCCESS_RATE: '1' }

describe.concurrent('the end of a worker', () => {
  test('SIGTERM finishes the batches in progress and ends with 130', async ({ shop }) => {
    await importing(shop, 400, SLOW)
    const worker = shop.start(SLOW, 'work', '--concurrency', '2')
    await until(() => completed(shop) > 0)
    worker.child.kill('SIGTERM')
    const { code, stderr } = await worker.ended
    expect(code).toBe(130)
    expect(stderr).toMatch(/^Finishing \d+ orders in progress\. Ctrl-C again ends at once\.$/m)
    expect(inHand(shop)).toBe(0)
    expect(statuses(shop)).toMatchObject({ pending: expect.any(Number), completed: expect.any(Number) })
    await shop.expectAuditClean()
  })

  test('SIGTERM during the start ends a worker before it claims anything', async ({ shop }) => {
    await importing(shop, 5, {})
    const early = 'process.on("newListener",(name)=>{if(name==="SIGTERM")setImmediate(()=>process.emit(name))})'
    const NODE_OPTIONS = `--import=data:text/javascript,${encodeURIComponent(early)}`
    const { code, stdout } = await shop.runWith({ ...ALL_CAPTURED, NODE_OPTIONS }, 'work', '--max-runtime', '5s')
    expect(code).toBe(130)
    expect(stdout).toMatch(/Processed +0\n/)
    expect(statuses(shop)).toEqual({ pending: 5 })
  })

  test('a second signal ends the worker at once, and no order is lost', async ({ shop }) => {
    await importing(shop, 60, {})
    const worker = shop.start({ ...SLOW, ORDERCTL_PAYMENT_LATENCY_MS: '3000' }, 'work', '--drain')
    await until(() => inHand(shop) > 0)
    worker.child.kill('SIGINT')
    await worker.saw('Finishing 60 orders in progress')
    worker.child.kill('SIGINT')
    expect((await worker.ended).code).toBe(130)
    await shop.runWith({ ...SLOW, ORDERCTL_PAYMENT_LATENCY_MS: '0' }, 'work', '--drain')
    await expectSoldOnce(shop, 60)
  })

  test('another worker finishes what a killed one left, and charges every order once', async ({ shop }) => {
    await importing(shop, 600, {})
    const first = shop.start(SLOW, 'work', '--drain')
    await until(() => completed(shop) > 0)
    first.child.kill('SIGKILL')
    await first.ended
    expect(inHand(shop)).toBeGreaterThan(0)
    expect(await shop.runWith(ALL_CAPTURED, 'work', '--drain')).toMatchObject({ code: 0 })
    await expectSoldOnce(shop, 600)
  })

  test('two workers and an import share one database', async ({ shop }) => {
    await importing(shop, 1500, {})
    const more = shop.file('more.csv', singles(6000).replaceAll('A-', 'B-'))
    const [imported, ...workers] = await Promise.all([
      shop.start({}, 'import', more).ended,
      shop.start(ALL_CAPTURED, 'work', '--drain').ended,
      shop.start(ALL_CAPTURED, 'work', '--drain').ended,
    ])
    expect([imported.code, ...workers.map((worker) => worker.code)]).toEqual([0, 0, 0])
    await shop.runWith(ALL_CAPTURED, 'work', '--drain')
    // Seven products with a stock of 1,000 each; each product is wanted by more orders.
    expect(statuses(shop)).toEqual({ completed: 7000, failed: 500 })
    await shop.expectAuditClean()
  })
})
