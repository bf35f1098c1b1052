// `orderctl status --history`, and what workers and the schedule write down for it, through the binary.

import { describe, expect } from 'vitest'
import { test } from '../support/commands-shop.js'
import { until } from '../support/until.js'
import { csv, line, type Workplace } from '../support/workplace.js'

const MINUTE_MS = 60_000

/** Batches of 20 orders, each of which takes at least 200 ms: all of its charges are open at once. */
const SLOW = {
  ORDERCTL_BATCH_SIZE: '20',
  ORDERCTL_PAYMENT_LATENCY_MS: '200',
  ORDERCTL_PAYMENT_SUCCESS_RATE: '0.8',
}

async function importing(place: Workplace, orders: number): Promise<void> {
  const lines = Array.from({ length: orders }, (_, index) => line({ order: `A-${index}`, sku: `S-${index % 7}` }))
  const { code, stderr } = await place.run('import', place.file('orders.csv', csv(...lines)))
  expect(code, stderr).toBe(0)
}

interface History {
  readonly queue: string
  readonly history: readonly {
    readonly at: string
    readonly minutes: number
    readonly completed: number
    readonly failed: number
    readonly orders_per_minute: number
    readonly runtime_ms: { readonly p50: number; readonly p95: number; readonly p99: number } | null
    readonly waiting: number | null
    readonly oldest_waiting_seconds: number | null
    readonly estimated_wait_seconds: number | null
  }[]
}

async function history(place: Workplace, ...args: string[]): Promise<History> {
  const { code, result } = await place.json('status', '--history', ...args)
  expect(code).toBe(0)
  return result as History
}

const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0)
const settled = ({ history }: History) => ({
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
  test('tells how many orders were settled and how long the batches took', async ({ newShop: place }) => {
    await importing(place, 200)
    const began = Date.now()
    const { result } = await place.jsonWith(SLOW, 'work', '--drain', '--concurrency', '2')
    const worked = result as Worked
    expect(worked.completed + worked.rolled_back).toBe(200)
    const told = await history(place)
    expect(told.queue).toBe('embedded')
    expect(settled(told)).toEqual({ completed: worked.completed, failed: worked.rolled_back })
    expect(place.value('select sum(batches) from batch_runtimes')).toBe(10)
    for (const { runtime_ms: runtime } of told.history) {
      // No batch takes less than its charges do, and none more than the whole run, each to 5 %.
      if (!runtime) continue
      expect(runtime.p50).toBeGreaterThan(0.95 * 200)
      expect(runtime.p95).toBeGreaterThanOrEqual(runtime.p50)
      expect(runtime.p99).toBeLessThan(1.05 * (worked.seconds + 0.1) * 1000)
    }
    expect(told.history.some((row) => row.runtime_ms)).toBe(true)
    for (const [index, row] of told.history.slice(1).entries()) {
      expect(Date.parse(row.at) - Date.parse(told.history[index]?.at ?? '')).toBe(MINUTE_MS)
    }
    expect(Date.parse(told.history[0]?.at ?? '')).toBeGreaterThan(began - MINUTE_MS)
    expect(told.history.map((row) => row.waiting)).toEqual(told.history.map(() => null))
  })

  test('adds up what two workers did', async ({ newShop: place }) => {
    await importing(place, 200)
    // Enough orders for both: a batch that is finished may be beyond the limit.
    const some = ['work', '--concurrency', '1', '--max-orders', '50']
    const both = await Promise.all([place.startJson(SLOW, ...some), place.startJson(SLOW, ...some)])
    const worked = both.map(({ result }) => result as Worked)
    expect(worked.map((one) => one.completed + one.rolled_back >= 50)).toEqual([true, true])
    expect(settled(await history(place))).toEqual({
      completed: sum(worked.map((one) => one.completed)),
      failed: sum(worked.map((one) => one.rolled_back)),
    })
    expect(place.value('select count(distinct worker_id) from batch_runtimes')).toBe(2)
    // Three batches of 20 each, at the least.
    expect(place.value('select sum(batches) from batch_runtimes')).toBeGreaterThanOrEqual(6)
  })

  test('has the batches of a worker that was killed, as of its last beat', async ({
    newShop: place,
    onTestFinished,
  }) => {
    await importing(place, 2000)
    const running = place.start({ ...SLOW, ORDERCTL_BATCH_SIZE: '5' }, 'work', '--concurrency', '1')
    onTestFinished(() => void running.child.kill('SIGKILL'))
    const batches = () => Number(place.value('select coalesce(sum(batches), 0) from batch_runtimes'))
    await until(() => batches() > 0)
    running.child.kill('SIGKILL')
    await running.ended
    const written = batches()
    expect(
      place.value("select count(*) from orders where status in ('completed', 'rolled_back')"),
    ).toBeGreaterThanOrEqual(5 * written)
    expect((await history(place)).history.some((row) => row.runtime_ms)).toBe(true)
  })

  test('shows the waits that snapshots saw, and an estimate while somebody works', async ({
    newShop: place,
    onTestFinished,
  }) => {
    await importing(place, 2000)
    const running = place.start({ ...SLOW, ORDERCTL_BATCH_SIZE: '10' }, 'work', '--concurrency', '1')
    onTestFinished(() => void running.child.kill('SIGKILL'))
    await until(() => place.value('select count(*) from batch_runtimes') !== 0)
    expect((await place.run('schedule', 'run', 'snapshots')).code).toBe(0)
    const prom = await place.run('status', '--format', 'prom')
    running.child.kill('SIGTERM')
    expect((await running.ended).code).toBe(130)

    const rows = (await history(place)).history.filter((row) => row.waiting !== null)
    expect(rows).toHaveLength(1)
    const [row] = rows
    expect(row?.waiting).toBeGreaterThan(0)
    expect(row?.waiting).toBeLessThan(2000)
    expect(row?.oldest_waiting_seconds).toBeGreaterThan(0)
    // Of ten orders one batch after the other takes at least 200 ms, so an order at least 20 ms: to 5 %, and the answer to
    // a tenth of a second.
    expect(row?.estimated_wait_seconds).toBeGreaterThan(0.94 * 0.02 * (row?.waiting ?? 0) - 0.1)
    expect(prom.stdout).toMatch(/^orderctl_queue_estimated_wait_seconds [\d.]+$/m)
    const [, median] = /^orderctl_batch_runtime_seconds\{quantile="0.5"\} ([\d.]+)$/m.exec(prom.stdout) ?? []
    expect(Number(median)).toBeGreaterThan(0.95 * 0.2)
    expect(prom.stdout).toContain('orderctl_batch_runtime_seconds{quantile="0.99"}')
  })

  test('is a picture and a table of no more rows than a screen has', async ({ shop }) => {
    shop.order('A-1')
    const now = Date.now()
    const minute = now - (now % MINUTE_MS)
    const insert = shop.db.prepare('insert into settled_minutes values (?, ?, ?)')
    for (let ago = 300; ago > 0; ago--) insert.run(minute - ago * MINUTE_MS, 90, 10)
    shop.db.prepare('insert into queue_snapshots values (?, 123, 0, 0, 200, 45)').run(minute - 5 * MINUTE_MS)
    shop.db.prepare('insert into batch_runtimes values (?, ?, 60, 3)').run(minute - 5 * MINUTE_MS, 'w')
    const { code, stdout, stderr } = await shop.runWith({ ORDERCTL_TIME_ZONE: 'UTC' }, 'status', '--history')
    expect(code).toBe(0)
    expect(stdout).toMatch(/^Queue: embedded\. Times: UTC\.\nOrders settled a minute, 5 min a column, at most 100:\n█/)
    expect(stdout).toContain('p50/p95/p99')
    expect(stdout).toContain('(10%)')
    // 1.1^60.5 = 319.3 ms.
    expect(stdout).toContain('320/320/320 ms')
    expect(stdout.split('\n').length).toBeLessThan(28)
    for (const row of stdout.split('\n')) expect(row.length).toBeLessThanOrEqual(80)
    expect(stdout).toContain('3 min/45 s')
    expect(stderr).toContain('how long the oldest had waited')

    const lines = (await shop.run('status', '--history', '--since', '2h', '--csv')).stdout.trim().split('\n')
    expect(lines[0]).toBe(
      'at,minutes,completed,failed,failure_rate,orders_per_minute,p50_ms,p95_ms,p99_ms,waiting,oldest_waiting_seconds,estimated_wait_seconds',
    )
    expect(lines[1]).toMatch(/^\d{4}-.*:00\.000Z,1,90,10,0\.1,100,,,,,,$/)
    expect(lines.length).toBeGreaterThanOrEqual(120)
    expect(lines.length).toBeLessThanOrEqual(123)
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
