// What a worker's row says of its latest batches.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { RecentBatches } from '../../src/workflow/heartbeat.js'

const MINUTE_MS = 60_000

test('sums up the batches of the last five minutes, and no others', () => {
  const batches = new RecentBatches()
  batches.add(9999, 500, 0)
  batches.add(300, 20, 1)
  batches.add(100, 10, 2)
  batches.add(200, 30, 2)
  expect(batches.summary(5 * MINUTE_MS)).toEqual({
    ...{ recent_batches: 3, recent_orders: 60, recent_ms: 600 },
    ...{ runtime_p50_ms: 200, runtime_p95_ms: 300, runtime_p99_ms: 300 },
  })
  expect(batches.summary(10 * MINUTE_MS)).toEqual({
    ...{ recent_batches: 0, recent_orders: 0, recent_ms: 0 },
    ...{ runtime_p50_ms: null, runtime_p95_ms: null, runtime_p99_ms: null },
  })
})

test('the percentiles of 1 to 100 ms are 50, 95 and 99 ms, in whatever order they come', () => {
  const shuffled = fc.shuffledSubarray(
    Array.from({ length: 100 }, (_, index) => index + 1),
    { minLength: 100 },
  )
  fc.assert(
    fc.property(shuffled, (durations) => {
      const batches = new RecentBatches()
      for (const ms of durations) batches.add(ms, 1, 0)
      expect(batches.summary(0)).toMatchObject({ runtime_p50_ms: 50, runtime_p95_ms: 95, runtime_p99_ms: 99 })
    }),
  )
})

test('keeps the last 10,000 batches', () => {
  const batches = new RecentBatches()
  for (let index = 0; index < 10_500; index++) batches.add(index, 1, index)
  expect(batches.summary(10_500)).toMatchObject({ recent_batches: 10_000, runtime_p50_ms: 5499 })
})
