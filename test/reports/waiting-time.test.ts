// How long those who wait will wait, by hand.
import { describe, expect, test } from 'vitest'
import { type Histogram, totalMs } from '../../src/domain/histogram.js'
import { estimateWait, readPace } from '../../src/reports/waiting-time.js'
import { NOW, Shop } from '../support/shop.js'

const MINUTE_MS = 60_000
const alive = (concurrency: number) => ({ concurrency, stale: false })
const stale = (concurrency: number) => ({ concurrency, stale: true })

describe('the estimate', () => {
  // Ten batches of about a second settled 5,000 orders: 2 ms of a hand for each.
  const runtimes: Histogram = new Map([[72, 10]])
  const second = totalMs(runtimes) / 10_000
  const pace = { runtimes, settled: 5000 }

  test.each([
    ['20,000 orders and four hands: 40 s in hand, four at a time', 20_000, [alive(4)], 10],
    ['five hands in two workers', 20_000, [alive(4), alive(1)], 8],
    ['a stale worker has no hands', 20_000, [alive(4), stale(96)], 10],
    ['one order takes as long as its batch', 1, [alive(4)], 1],
    ['nothing waits', 0, [alive(4)], 0],
    ['nothing waits, and nobody works', 0, [], 0],
  ])('%s', (_, waiting, workers, batches) => {
    expect(second).toBeGreaterThan(0.95)
    expect(second).toBeLessThan(1.05)
    expect(estimateWait(waiting, workers, pace)).toBeCloseTo(batches * second, 6)
  })

  test('is not known where nobody works, or nothing was settled', () => {
    expect(estimateWait(1, [], pace)).toBeNull()
    expect(estimateWait(1, [stale(5)], pace)).toBeNull()
    expect(estimateWait(1, [alive(5)], { runtimes, settled: 0 })).toBeNull()
    expect(estimateWait(1, [alive(5)], { runtimes: new Map(), settled: 10 })).toBeNull()
  })
})

test('the pace is that of the last five full minutes and the present one, over all workers', async ({
  onTestFinished,
}) => {
  const shop = await Shop.open()
  onTestFinished(() => shop.close())
  const now = NOW + 30_000
  for (const [index, at] of [NOW - 5 * MINUTE_MS - 1, NOW - 5 * MINUTE_MS, now, now + 1].entries()) {
    await shop.order(`${index}`, { status: index % 2 ? 'failed' : 'completed', settledAt: at })
  }
  await shop.runtimes(NOW - 6 * MINUTE_MS, 'a', [[10, 100]])
  await shop.runtimes(NOW - 5 * MINUTE_MS, 'a', [
    [10, 1],
    [20, 2],
  ])
  await shop.runtimes(NOW, 'b', [[10, 4]])
  const histogram = new Map([
    [10, 5],
    [20, 2],
  ])
  expect(await readPace(shop.db, now)).toEqual({ settled: 2, runtimes: histogram })
})
