// A worker's figures on its latest batches.
import { expect, test } from 'vitest'
import { RecentBatches } from '../../src/workflow/heartbeat.js'

const MINUTE_MS = 60_000

test('sums up the batches of the last five minutes only', () => {
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

test('keeps the last 10,000 batches, in whatever order their durations come', () => {
  const batches = new RecentBatches()
  for (let ms = 10_500; ms >= 1; ms--) batches.add(ms, 1, 0)
  expect(batches.summary(0)).toMatchObject({
    ...{ recent_batches: 10_000, runtime_p50_ms: 5000, runtime_p95_ms: 9500, runtime_p99_ms: 9900 },
  })
})
