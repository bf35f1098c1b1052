// `orderctl status --history`, and what workers and the schedule write down for it, through the binary.

import { describe, expect } from 'vitest'
import type { HistoryResult } from '../../src/command-line/history-views.js'
import { csv, line } from '../support/lines.js'
import { type Shop, test } from '../support/shop.js'
import { until } from '../support/until.js'

const MINUTE_MS = 60_000

/** Batches of 20 orders, each of which takes at least 200 ms: all of its charges are open at once. */
const SLOW = {
  ORDERCTL_BATCH_SIZE: '20',
  ORDERCTL_PAYMENT_LATENCY_MS: '200',
  ORDERCTL_PAYMENT_SUCCESS_RATE: '0.8',
}

async function importing(shop: Shop, orders: number): Promise<void> {
  const lines = Array.from({ length: orders }, (_, index) => line({ order: `A-${index}`, sku: `S-${index % 7}` }))
  const { code, stderr } = await shop.run('import', shop.file('orders.csv', csv(...lines)))
  expect(code, stderr).toBe(0)
}

async function history(shop: Shop, ...args: string[]): Promise<HistoryResult> {
  const { code, result } = await shop.json('status', '--history', ...args)
  expect(code).toBe(0)
  return result as HistoryResult
}

const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0)
const settled = ({ history }: HistoryResult) => ({
  completed: sum(history.map((row) => row.completed)),
  failed: sum(history.map((row) => row.failed)),
})

interface Worked {
  readonly completed: number
  readonly failed: number
  readonly rolled_back: number
  readonly seconds: number
}

describe.concurrent('status --history', () => {
  test('tells how many orders were settled and how long the batches took', async ({ newShop: shop }) => {
    await importing(shop, 200)
    const began = Date.now()
    const { result } = await shop.jsonWith(SLOW, 'work', '--drain', '--concurrency', '2')
    const worked = result as Worked
    expect(worked.completed + worked.rolled_back).toBe(200)
    const told = await history(shop)
    expect(told.queue).toBe('embedded')
    expect(settled(told)).toEqual({ completed: worked.completed, failed: worked.rolled_back })
    expect(told.history).toHaveLength(1)
    const [row] = told.history
    // No batch takes less than its charges do, and none more than the whole run.
    expect(row?.runtime_ms?.p50).toBeGreaterThanOrEqual(199)
    expect(row?.runtime_ms?.p95).toBeGreaterThanOrEqual(row?.runtime_ms?.p50 ?? Number.NaN)
    expect(row?.runtime_ms?.p99).toBeLessThan((worked.seconds + 0.1) * 1000)
    expect(Date.parse(row?.at ?? '')).toBeGreaterThan(began - MINUTE_MS)
    expect(shop.value('select recent_batches || recent_orders from workers')).toBe('10200')
  })

  test('adds up what two workers did', async ({ newShop: shop }) => {
    await importing(shop, 200)
    // Enough orders for both: a batch that is finished may be beyond the limit.
    const some = ['work', '--concurrency', '1', '--max-orders', '50']
    const both = await Promise.all([shop.startJson(SLOW, ...some), shop.startJson(SLOW, ...some)])
    const worked = both.map(({ result }) => result as Worked)
    expect(worked.map((one) => one.completed + one.rolled_back >= 50)).toEqual([true, true])
    expect(settled(await history(shop))).toEqual({
      completed: sum(worked.map((one) => one.completed)),
      failed: sum(worked.map((one) => one.rolled_back)),
    })
    expect(shop.value('select count(*) from workers')).toBe(2)
    // Three batches of 20 each, at the least.
    expect(shop.value('select min(recent_batches) from workers')).toBeGreaterThanOrEqual(3)
  })

  test('shows waits with an estimate while a worker is alive, and its batches after it was killed', async ({
    newShop: shop,
    onTestFinished,
  }) => {
    await importing(shop, 2000)
    const running = shop.start({ ...SLOW, ORDERCTL_BATCH_SIZE: '10' }, 'work', '--concurrency', '1')
    onTestFinished(() => void running.child.kill('SIGKILL'))
    const recent = (what: string) => Number(shop.value(`select coalesce(sum(recent_${what}), 0) from workers`))
    await until(() => recent('batches') > 0)
    expect((await shop.run('schedule', 'run', 'snapshots')).code).toBe(0)
    const prom = await shop.run('status', '--format', 'prom')
    running.child.kill('SIGKILL')
    await running.ended

    const settled = Number(shop.value("select count(*) from orders where status in ('completed', 'rolled_back')"))
    expect(settled).toBeGreaterThanOrEqual(recent('orders'))
    const { history: rows } = await history(shop)
    expect(rows.at(-1)?.runtime_ms?.p50).toBeGreaterThanOrEqual(199)
    const [row] = rows
    expect(row?.waiting).toBeGreaterThan(0)
    expect(row?.waiting).toBeLessThan(2000)
    expect(row?.oldest_waiting_seconds).toBeGreaterThan(0)
    // Batches of ten orders, one after the other, take at least 200 ms each, so an order 20 ms.
    expect(row?.estimated_wait_seconds).toBeGreaterThanOrEqual(0.0199 * (row?.waiting ?? 0) - 0.1)
    expect(prom.stdout).toMatch(/^orderctl_queue_estimated_wait_seconds [\d.]+$/m)
    const [, median] = /^orderctl_batch_runtime_seconds\{quantile="0.5"\} ([\d.]+)$/m.exec(prom.stdout) ?? []
    expect(Number(median)).toBeGreaterThanOrEqual(0.199)
    expect(prom.stdout).toContain('orderctl_batch_runtime_seconds{quantile="0.99"}')
  })

  test('is a picture and a table of no more rows than a screen has', async ({ shop }) => {
    shop.order('A-1')
    const now = Date.now()
    const minute = now - (now % MINUTE_MS)
    const insert = shop.sqlite.prepare(
      'insert into queue_snapshots values (?, ?, 450, 50, 300, 310, 319.3, 123, 0, 0, 200, 45)',
    )
    for (let ago = 60; ago > 0; ago--) insert.run(minute - 5 * ago * MINUTE_MS, minute - 5 * (ago - 1) * MINUTE_MS)
    const { code, stdout, stderr } = await shop.runWith({ ORDERCTL_TIME_ZONE: 'UTC' }, 'status', '--history')
    expect(code).toBe(0)
    expect(stdout).toMatch(/^Queue: embedded\. Times: UTC\.\nOrders settled a minute, 5 min a column, at most 100:\n█/)
    expect(stdout).toContain('p50/p95/p99')
    expect(stdout).toContain('(10%)')
    expect(stdout).toContain('300/310/320 ms')
    expect(stdout.split('\n').length).toBeLessThanOrEqual(28)
    for (const row of stdout.split('\n')) expect(row.length).toBeLessThanOrEqual(80)
    expect(stdout).toContain('3 min/45 s')
    expect(stderr).toContain('age of the oldest waiting order')

    const lines = (await shop.run('status', '--history', '--since', '2h', '--csv')).stdout.trim().split('\n')
    expect(lines[0]).toBe(
      'at,minutes,completed,failed,failure_rate,orders_per_minute,p50_ms,p95_ms,p99_ms,waiting,oldest_waiting_seconds,estimated_wait_seconds',
    )
    expect(lines[1]).toMatch(/^\d{4}-.*:00\.000Z,5,450,50,0\.1,100,300,310,319\.3,123,200,45$/)
    // The periods of two hours, the one that began before, and the present one.
    expect(lines).toHaveLength(1 + 24 + 1)
  })

  test('of nothing says what to do', async ({ shop }) => {
    shop.order('A-1')
    const { code, stdout, stderr } = await shop.run('status', '--history')
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' })
    expect(stderr).toContain('--since 30d')
    expect(stderr).toContain('orderctl schedule run snapshots')
    expect(await history(shop)).toEqual({ queue: 'embedded', history: [] })
  })

  test.for([
    [['--since', '6h'], '--history'],
    [['--history', '--since', 'yesterday'], '--since is "yesterday"'],
    [['--history', '--format', 'prom'], '--format'],
  ] as const)('status %s is wrong usage', async ([args, said], { shop }) => {
    const { code, stderr } = await shop.run('status', ...args)
    expect(code).toBe(2)
    expect(stderr).toContain(said)
  })
})
