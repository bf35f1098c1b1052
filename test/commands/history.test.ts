// `orderctl status --history`, and the figures that workers and the schedule record for it, through the binary.

import { describe, expect } from 'vitest'
import type { HistoryResult } from '../../src/command-line/history-views.js'
import { importing } from '../support/drain.js'
import { type Shop, test } from '../support/shop.js'
import { until } from '../support/until.js'

const MINUTE_MS = 60_000

/** All charges of a batch are open at once, so each batch takes at least 200 ms. */
const SLOW = {
  ORDERCTL_BATCH_SIZE: '20',
  ORDERCTL_PAYMENT_LATENCY_MS: '200',
  ORDERCTL_PAYMENT_SUCCESS_RATE: '0.8',
}

async function history(shop: Shop): Promise<HistoryResult> {
  const { code, result } = await shop.json('status', '--history')
  expect(code).toBe(0)
  return result as HistoryResult
}

describe.concurrent('status --history', () => {
  test('sums the orders of two workers, with the runtimes of their batches', async ({ newShop: shop }) => {
    await importing(shop, 200, {})
    const began = Date.now()
    // Enough orders for both: a batch that is finished may exceed the limit.
    const some = ['work', '--concurrency', '1', '--max-orders', '50']
    const both = await Promise.all([shop.startJson(SLOW, ...some), shop.startJson(SLOW, ...some)])
    const worked = both.map(({ result }) => result as Record<'completed' | 'rolled_back' | 'seconds', number>)
    expect(worked.map((one) => one.completed + one.rolled_back >= 50)).toEqual([true, true])
    const { queue, history: rows } = await history(shop)
    expect(queue).toBe('embedded')
    expect(rows).toHaveLength(1)
    const [row] = rows
    expect(row).toMatchObject({
      completed: worked.reduce((sum, one) => sum + one.completed, 0),
      failed: worked.reduce((sum, one) => sum + one.rolled_back, 0),
    })
    // No batch takes less than its charges do, and none more than the whole run.
    expect(row?.runtime_ms?.p50).toBeGreaterThanOrEqual(199)
    expect(row?.runtime_ms?.p95).toBeGreaterThanOrEqual(row?.runtime_ms?.p50 ?? Number.NaN)
    expect(row?.runtime_ms?.p99).toBeLessThan((Math.max(...worked.map((one) => one.seconds)) + 0.1) * 1000)
    expect(Date.parse(row?.at ?? '')).toBeGreaterThan(began - MINUTE_MS)
    expect(shop.value('select count(*) from workers')).toBe(2)
    // At least three batches of 20 each.
    expect(shop.value('select min(recent_batches) from workers')).toBeGreaterThanOrEqual(3)
  })

  test('has an estimated wait while a worker is alive, and its batches after it was killed', async ({
    newShop: shop,
    onTestFinished,
  }) => {
    await importing(shop, 2000, {})
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
    // Batches of ten orders, one after the other, take at least 200 ms each: 20 ms per order.
    expect(row?.estimated_wait_seconds).toBeGreaterThanOrEqual(0.0199 * (row?.waiting ?? 0) - 0.1)
    expect(prom.stdout).toMatch(/^orderctl_queue_estimated_wait_seconds [\d.]+$/m)
    const [, median] = /^orderctl_batch_runtime_seconds\{quantile="0.5"\} ([\d.]+)$/m.exec(prom.stdout) ?? []
    expect(Number(median)).toBeGreaterThanOrEqual(0.199)
    expect(prom.stdout).toContain('orderctl_batch_runtime_seconds{quantile="0.99"}')
  })

  test('fits a chart and a table on a screen, and has all periods as CSV', async ({ shop }) => {
    const minute = Date.now() - (Date.now() % MINUTE_MS)
    const waited = { waiting: 123, oldest_waiting_seconds: 200, estimated_wait_seconds: 45 }
    const figures = { runtime_p50_ms: 300, runtime_p95_ms: 310, runtime_p99_ms: 319.3, ...waited }
    for (let end = minute - 295 * MINUTE_MS; end <= minute; end += 5 * MINUTE_MS) {
      shop.snapshot(end - 5 * MINUTE_MS, end, { completed: 450, failed: 50, ...figures })
    }
    const { code, stdout } = await shop.runWith({ ORDERCTL_TIME_ZONE: 'UTC' }, 'status', '--history')
    expect(code).toBe(0)
    expect(stdout).toMatch(/ embedded.* UTC.*\n.*5 min .* 100\):\n█[\s\S]*\(10%\).*300\/310\/320 ms.*3 min\/45 s/)
    expect(stdout.split('\n').length).toBeLessThanOrEqual(28)
    for (const row of stdout.split('\n')) expect(row.length).toBeLessThanOrEqual(80)

    const csv = await shop.run('status', '--history', '--since', '2h', '--csv')
    const [heading, first, ...rest] = csv.stdout.trim().split('\n')
    expect(heading).toBe(
      'at,minutes,completed,failed,failure_rate,orders_per_minute,p50_ms,p95_ms,p99_ms,waiting,oldest_waiting_seconds,estimated_wait_seconds',
    )
    expect(first).toMatch(/^\d{4}-.*:00\.000Z,5,450,50,0\.1,100,300,310,319\.3,123,200,45$/)
    // The periods of two hours, the one that began before, and the present one.
    expect(rest).toHaveLength(24)
  })

  test('marks the row that counts the orders of a time without snapshots', async ({ shop }) => {
    const end = Date.now() - (Date.now() % MINUTE_MS) - MINUTE_MS
    const resumed = end - 10 * MINUTE_MS
    shop.snapshot(resumed - 190 * MINUTE_MS, resumed - 185 * MINUTE_MS, { completed: 5 })
    shop.snapshot(resumed - 185 * MINUTE_MS, resumed, { completed: 800 })
    shop.snapshot(resumed, resumed + 5 * MINUTE_MS, { completed: 9 })
    const { stdout } = await shop.runWith({ ORDERCTL_TIME_ZONE: 'UTC' }, 'status', '--history')
    expect(stdout).toContain(`\nsince ${new Date(resumed - 185 * MINUTE_MS).toISOString().slice(11, 16)} `)
    expect(stdout.match(/since/g)).toHaveLength(1)
  })

  test('says what to do if there is no history', async ({ shop }) => {
    shop.order('A-1')
    const { code, stdout, stderr } = await shop.run('status', '--history')
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' })
    expect(stderr).toContain('--since 30d')
    expect(stderr).toContain('orderctl schedule run snapshots')
    expect(await history(shop)).toEqual({ queue: 'embedded', history: [] })
  })

  test.for([
    [['--since', '6h'], '--history'],
    [['--history', '--since', 'lately'], '--since "lately"'],
    [['--history', '--format', 'prom'], '--format'],
  ] as const)('status %s is wrong usage', async ([args, said], { shop }) => {
    expect(await shop.run('status', ...args)).toMatchObject({ code: 2, stderr: expect.stringContaining(said) })
  })
})
