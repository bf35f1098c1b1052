// Figures that are read again and again, at a bounded cost and without waiting for an unresponsive server.

import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, onTestFinished, vi } from 'vitest'
import { EmbeddedQueue } from '../../src/queue/embedded.js'
import { liveStatusReader, settledStepReader, throttled } from '../../src/reports/live-status.js'
import { NOW, test } from '../support/shop.js'
import { until } from '../support/until.js'

const SECOND = 1000

describe('a throttled figure', () => {
  test('pauses for nine times as long as reading took', async () => {
    vi.useFakeTimers()
    onTestFinished(() => void vi.useRealTimers())
    let reads = 0
    const read = throttled(async () => {
      vi.advanceTimersByTime(100)
      return ++reads
    })
    expect(await read()).toBe(1)
    vi.advanceTimersByTime(899)
    expect(await read()).toBe(1)
    vi.advanceTimersByTime(1)
    expect(await read()).toBe(2)
  })

  test('is read again at once after an error', async () => {
    const answers = [() => Promise.reject(new Error('locked')), async () => 'read']
    const read = throttled(async () => answers.shift()?.())
    await expect(read()).rejects.toThrow('locked')
    expect(await read()).toBe('read')
  })
})

describe('orders settled in each step of a second', () => {
  test('are counted, sold or not, without the step that is not over', async ({ shop }) => {
    const settled = [0, 1, 999, 1000, 1001, 2500, 119_000, 119_500]
    for (const [index, ago] of settled.entries()) {
      shop.order(`${index}`, { status: index % 2 ? 'failed' : 'completed', settledAt: NOW - ago })
    }
    const counts = await settledStepReader(SECOND)(shop.db, NOW + 400)
    expect(counts).toHaveLength(120)
    // From the left: 119.5 s and 119 s ago; from the right: 1 and 999 and 1000 ms ago, then 1001, then 2500.
    expect([counts[0], counts[1], counts.at(-3), counts.at(-2), counts.at(-1)]).toEqual([1, 1, 1, 1, 3])
    expect(counts.reduce((sum, orders) => sum + orders, 0)).toBe(7)
  })

  test('go on from the last read without a gap, with orders that became visible late', async ({ shop }) => {
    const read = settledStepReader(SECOND)
    await read(shop.db, NOW)
    shop.order('late', { status: 'completed', settledAt: NOW - 1500 })
    shop.order('new', { status: 'completed', settledAt: NOW + 500 })
    expect((await read(shop.db, NOW + SECOND)).slice(-3)).toEqual([1, 0, 1])
    shop.order('in-the-pause', { status: 'completed', settledAt: NOW + 30 * SECOND })
    const counts = await read(shop.db, NOW + 61 * SECOND)
    expect(counts).toHaveLength(181)
    expect(counts.slice(-31, -29)).toEqual([1, 0])
    expect(await read(shop.db, NOW + 3600 * SECOND)).toHaveLength(500)
  })
})

test('live status does not wait for a slow server, and shows its answer once it is there', async ({ shop }) => {
  shop.order('1')
  let silent = true
  class SlowQueue extends EmbeddedQueue {
    override async isPaused(): Promise<boolean> {
      while (silent) await sleep(10)
      return true
    }
  }
  const read = liveStatusReader(shop.db, new SlowQueue(shop.db), SECOND)
  const { status, unreachable } = await read()
  expect(status).toMatchObject({ orders: { pending: 1 }, queue: { paused: null } })
  expect(unreachable).toBeUndefined()
  silent = false
  await until(async () => (await read()).status.queue.paused === true)
})
