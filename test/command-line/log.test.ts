// `--log-format json`: stderr has one JSON object per event, and stdout does not change.

import { describe, expect, onTestFinished, test as plainTest, vi } from 'vitest'
import { type LogEvent, logProgress } from '../../src/command-line/log.js'
import { TASK_NAMES } from '../../src/schedule/slots.js'
import { csv, line } from '../support/lines.js'
import { test } from '../support/shop.js'
import { until } from '../support/until.js'

const JSON_LOG = { ORDERCTL_LOG_FORMAT: 'json' }

type Entry = Readonly<Record<string, unknown>>

/** The lines of the log, each of which must be a JSON object with time, level, event and message. */
function entries(stderr: string): Entry[] {
  return stderr
    .split('\n')
    .slice(0, -1)
    .map((text) => {
      const entry: Entry = JSON.parse(text)
      expect(Object.keys(entry).slice(0, 4)).toEqual(['time', 'level', 'event', 'message'])
      expect(new Date(String(entry['time'])).toISOString()).toBe(entry['time'])
      expect(['info', 'warn', 'error']).toContain(entry['level'])
      return entry
    })
}

test('ORDERCTL_LOG_LEVEL hides notes of work below it, in both formats', async ({ shop }) => {
  for (const format of [{}, JSON_LOG]) {
    const quiet = await shop.runWith({ ...format, ORDERCTL_LOG_LEVEL: 'warn' }, 'work', '--drain')
    expect(quiet).toMatchObject({ code: 0, stderr: '' })
    expect((await shop.runWith(format, 'work', '--drain')).stderr).toContain('Finished in')
  }
})

describe.concurrent('the JSON log', () => {
  test('of an import has its start, each rejected line, and the totals', async ({ newShop: shop }) => {
    const file = shop.file('orders.csv', csv(line({ order: 'A-1' }), line({ order: 'A-2', quantity: 0 })))
    const { code, stdout, stderr } = await shop.run('import', file, '--log-format', 'json')
    expect(code).toBe(3)
    expect(stdout).toMatch(/Lines read +2\n/)
    expect(entries(stderr)).toMatchObject([
      { level: 'info', event: 'started', file, source: 'default', database: shop.databaseUrl },
      {
        level: 'info',
        event: 'understood',
        mapping: 'orderctl',
        encoding: 'utf-8',
        delimiter: ',',
        currencies: ['USD'],
      },
      { level: 'warn', event: 'line_rejected', line: 3, reason: expect.stringContaining('quantity') },
      { level: 'warn', event: 'note' },
      { event: 'ended', rows: 2, imported: 1, rejected: 1, orders: 1, interrupted: false },
    ])
  })

  test('of a worker has its start, each change of its concurrency, the interruption and the totals', async ({
    shop,
  }) => {
    for (let number = 1; number <= 60; number++) shop.order(`A-${number}`, { dueAt: Date.now() })
    const slow = { ...JSON_LOG, ORDERCTL_BATCH_SIZE: '1', ORDERCTL_PAYMENT_LATENCY_MS: '700' }
    const worker = shop.start(slow, 'work', '--min-concurrency', '1', '--max-concurrency', '3')
    await worker.saw('"event":"scaled"')
    worker.child.kill('SIGTERM')
    const { code, stderr } = await worker.ended
    expect(code).toBe(130)
    const log = entries(stderr)
    const limits = { min_concurrency: 1, max_concurrency: 3 }
    expect(log[0]).toMatchObject({ event: 'started', ...limits, queue: 'embedded', pid: worker.child.pid })
    expect(log[1]).toMatchObject({ event: 'scaled', from: 1, to: expect.any(Number) })
    const processed = shop.value("select count(*) from orders where status in ('completed', 'rolled_back')")
    expect(log).toContainEqual(expect.objectContaining({ event: 'interrupted', level: 'info' }))
    expect(log).toContainEqual(expect.objectContaining({ event: 'ended', processed, failed: 0 }))
  })

  test('of the schedule has the next run of each task, each run, a failure as an error, and warnings of Node', async ({
    shop,
  }) => {
    shop.sqlite.exec('drop table queue_snapshots')
    const warning = `process.once("SIGUSR2",()=>process.emitWarning("beware"))`
    const NODE_OPTIONS = `--import=data:text/javascript,${encodeURIComponent(warning)}`
    const schedule = shop.start({ ...JSON_LOG, NODE_OPTIONS }, 'schedule')
    await Promise.all(TASK_NAMES.map((task) => schedule.saw(`"${task} `)))
    await schedule.saw('"run_failed"')
    const ran = () => shop.value('select count(*) from schedule_runs where ended_at is not null')
    await until(() => ran() === TASK_NAMES.length)
    schedule.child.kill('SIGUSR2')
    await schedule.saw('beware')
    schedule.child.kill('SIGTERM')
    const log = entries((await schedule.ended).stderr)
    const named = (event: string) => log.filter((entry) => entry['event'] === event)
    expect(log[0]).toMatchObject({ event: 'started', database: shop.databaseUrl })
    expect(named('next_run').map(({ task }) => task)).toEqual([...TASK_NAMES])
    expect(named('next_run')[0]?.['next_run']).toMatch(/:00:00\.000Z$/)
    expect(named('run_done').map(({ task }) => task)).toEqual(
      expect.arrayContaining(['kpis', 'leaderboards', 'reservations', 'alarms']),
    )
    const failed = { task: 'snapshots', result: 'failed', detail: 'no such table: queue_snapshots' }
    expect(named('run_failed')[0]).toMatchObject({ level: 'error', ...failed, seconds: expect.any(Number) })
    expect(log).toContainEqual(expect.objectContaining({ level: 'warn', event: 'note', message: 'beware' }))
    expect(log.at(-1)).toMatchObject({ event: 'ended', failed: named('run_failed').length })
  })

  test.for([
    ['an unknown flag', {}, ['work', '--log-format=json', '--fast'], 2, 'usage'],
    ['a bad setting', { ...JSON_LOG, ORDERCTL_ATTEMPTS: 'many' }, ['work'], 2, 'bad_configuration'],
    ['a missing database', JSON_LOG, ['work'], 1, 'database_missing'],
  ] as const)('reports %s as an error with code and fix', async ([, environment, args, exit, code], { newShop }) => {
    const { stderr, ...outcome } = await newShop.runWith(environment, ...args)
    expect(outcome).toEqual({ code: exit, stdout: '' })
    const [entry, ...others] = entries(stderr)
    expect(others).toEqual([])
    const error = { code, message: entry?.['message'], fix: expect.stringMatching(/\.$/), retryable: false }
    expect(entry).toMatchObject({ level: 'error', event: 'failed', exit_code: exit })
    expect(entry?.['error']).toEqual(error)
  })

  test('has no control characters, and no password', async ({ newShop: shop }) => {
    const missing = await shop.runWith(JSON_LOG, 'import', 'missing\u009b2J.csv')
    expect(entries(missing.stderr).at(-1)).toMatchObject({ level: 'error', event: 'failed' })
    expect(missing.stderr).not.toContain('\u009b')
    expect(entries(missing.stderr)[0]?.['file']).toMatch(/\/missing\u009b2J\.csv$/)
    const unreachable = { ...JSON_LOG, ORDERCTL_REDIS_URL: 'redis://shop:hunter2@127.0.0.1:1/0' }
    const { code, stderr } = await shop.runWith(unreachable, 'import', shop.file('orders.csv', csv(line())))
    expect(code).toBe(4)
    expect(entries(stderr).at(-1)).toMatchObject({ event: 'failed', error: { retryable: true } })
    expect(stderr).not.toContain('hunter2')
  })

  test('is empty with --json; flags take precedence, and --json excludes --log-format', async ({ newShop: shop }) => {
    const { stderr } = await shop.runWith(JSON_LOG, 'work', '--log-format', 'text')
    expect(stderr).toMatch(/^Error: /)
    await shop.migrate()
    expect(await shop.jsonWith(JSON_LOG, 'work', '--drain')).toMatchObject({ code: 0, result: { processed: 0 } })
    expect((await shop.run('work', '--drain', '--json', '--log-format', 'json')).code).toBe(2)
  })
})

plainTest('logs progress every ten seconds, with the rate since the last event, and nothing without progress', () => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const logged: LogEvent[] = []
  const progress = logProgress((_, event) => logged.push(event))
  const update = (done: number) => progress.update({ doing: 'Working', unit: 'orders', done, perSecond: 390 })
  vi.advanceTimersByTime(20_000)
  expect(logged).toEqual([])
  update(300)
  update(4000)
  vi.advanceTimersByTime(10_000)
  // A resumed import may have done most of it before.
  const first = { event: 'progress', fields: { orders: 4000, orders_per_second: 390 } }
  expect(logged).toEqual([first])
  vi.advanceTimersByTime(30_000)
  update(4400)
  vi.advanceTimersByTime(10_000)
  expect(logged).toEqual([first, { event: 'progress', fields: { orders: 4400, orders_per_second: 40 } }])
  update(5000)
  progress.stop()
  vi.advanceTimersByTime(60_000)
  expect(logged).toHaveLength(2)
})
