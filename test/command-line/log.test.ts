// `--log-format json`: stderr is one JSON object an event, and stdout stays what it is.

import { describe, expect, onTestFinished, test as plainTest, vi } from 'vitest'
import { type LogEvent, logFormatIn, logProgress } from '../../src/command-line/log.js'
import { TASK_NAMES } from '../../src/schedule/slots.js'
import { csv, line } from '../support/lines.js'
import { type Shop, test } from '../support/shop.js'
import { until } from '../support/until.js'

const JSON_LOG = { ORDERCTL_LOG_FORMAT: 'json' }

type Entry = Readonly<Record<string, unknown>>

/** Every line of the log; throws where one is no JSON object, or lacks what each one has. */
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

function addOrders(shop: Shop, count: number): void {
  for (let number = 1; number <= count; number++) shop.order(`A-${number}`, { dueAt: Date.now() })
}

describe.concurrent('the JSON log', () => {
  test('of an import tells what began, each line that was rejected, and the totals at the end', async ({ newShop }) => {
    const file = newShop.file('orders.csv', csv(line({ order: 'A-1' }), line({ order: 'A-2', quantity: 0 })))
    const { code, stdout, stderr } = await newShop.run('import', file, '--log-format', 'json')
    expect(code).toBe(3)
    expect(stdout).toMatch(/lines read\s+│\s+2/)
    const database = `sqlite:${newShop.path}`
    const log = entries(stderr)
    expect(log).toMatchObject([
      { level: 'info', event: 'started', file, source: 'default', database },
      { level: 'warn', event: 'line_rejected', line: 3, reason: expect.stringContaining('quantity') },
      { level: 'warn', event: 'note' },
      { event: 'ended', rows: 2, imported: 1, rejected: 1, orders: 1, interrupted: false },
    ])
  })

  test('of a worker tells the start, each change of its size, the interruption and the totals', async ({ shop }) => {
    addOrders(shop, 60)
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

  test('of the schedule tells when each task runs next, each run, and a failure as an error', async ({ shop }) => {
    addOrders(shop, 1)
    shop.sqlite.exec('drop table queue_snapshots')
    const schedule = shop.start(JSON_LOG, 'schedule')
    await Promise.all(TASK_NAMES.map((task) => schedule.saw(`"${task} `)))
    await schedule.saw('"run_failed"')
    const ran = () => shop.value('select count(*) from schedule_runs where ended_at is not null')
    await until(() => ran() === TASK_NAMES.length)
    schedule.child.kill('SIGTERM')
    const log = entries((await schedule.ended).stderr)
    const named = (event: string) => log.filter((entry) => entry['event'] === event)
    expect(log[0]).toMatchObject({ event: 'started', database: `sqlite:${shop.path}` })
    expect(named('next_run').map(({ task }) => task)).toEqual([...TASK_NAMES])
    expect(named('next_run')[0]?.['next_run']).toMatch(/:00:00\.000Z$/)
    expect(named('run_done').map(({ task }) => task)).toEqual(
      expect.arrayContaining(['kpis', 'leaderboards', 'reservations', 'alarms']),
    )
    const failed = { task: 'snapshots', result: 'failed', detail: 'no such table: queue_snapshots' }
    expect(named('run_failed')[0]).toMatchObject({ level: 'error', ...failed, seconds: expect.any(Number) })
    expect(log.at(-1)).toMatchObject({ event: 'ended', failed: named('run_failed').length })
  })

  test('of a single task has its run, and stdout what it has without', async ({ shop }) => {
    addOrders(shop, 1)
    const { stdout, stderr } = await shop.runWith(JSON_LOG, 'schedule', 'run', 'reservations')
    expect(stdout).toMatch(/^reservations done in /)
    expect(entries(stderr)).toMatchObject([{ event: 'run_done', task: 'reservations', result: 'done' }])
  })

  test.for([
    ['a flag that is none', {}, ['work', '--log-format=json', '--fast'], 2, 'usage'],
    ['a bad setting', { ...JSON_LOG, ORDERCTL_ATTEMPTS: 'many' }, ['work'], 2, 'bad_configuration'],
    ['no database', JSON_LOG, ['work'], 1, 'database_missing'],
  ] as const)('has %s as an error with code and fix', async ([, environment, args, exit, error], { newShop }) => {
    const { code, stdout, stderr } = await newShop.runWith(environment, ...args)
    expect({ code, stdout }).toEqual({ code: exit, stdout: '' })
    const log = entries(stderr)
    const problem = { code: error, message: log[0]?.['message'], fix: expect.stringMatching(/\.$/), retryable: false }
    expect(log).toMatchObject([{ level: 'error', event: 'failed', exit_code: exit }])
    expect(log[0]?.['error']).toEqual(problem)
  })

  test('prints no control characters, and no password', async ({ newShop }) => {
    const missing = await newShop.runWith(JSON_LOG, 'import', 'away\u009b2J.csv')
    expect(entries(missing.stderr).at(-1)).toMatchObject({ level: 'error', event: 'failed' })
    expect(missing.stderr).not.toContain('\u009b')
    expect(entries(missing.stderr)[0]?.['file']).toMatch(/\/away\u009b2J\.csv$/)
    const locked = { ...JSON_LOG, ORDERCTL_REDIS_URL: 'redis://shop:hunter2@127.0.0.1:1/0' }
    const away = await newShop.runWith(locked, 'import', newShop.file('orders.csv', csv(line())))
    expect(away.code).toBe(4)
    expect(entries(away.stderr).at(-1)).toMatchObject({ event: 'failed', error: { retryable: true } })
    expect(away.stderr).not.toContain('hunter2')
  })

  test('takes up what Node itself warns of', async ({ shop }) => {
    addOrders(shop, 1)
    const warning = `process.once("SIGUSR2",()=>process.emitWarning("beware"))`
    const NODE_OPTIONS = `--import=data:text/javascript,${encodeURIComponent(warning)}`
    const schedule = shop.start({ ...JSON_LOG, NODE_OPTIONS }, 'schedule')
    await schedule.saw('"event":"next_run"')
    schedule.child.kill('SIGUSR2')
    await schedule.saw('beware')
    schedule.child.kill('SIGTERM')
    const log = entries((await schedule.ended).stderr)
    expect(log.find((entry) => entry['message'] === 'beware')).toMatchObject({ level: 'warn', event: 'note' })
  })

  test('keeps quiet under --json, and cannot be asked for beside it', async ({ shop }) => {
    addOrders(shop, 1)
    const { code, result } = await shop.jsonWith(JSON_LOG, 'work', '--drain')
    expect({ code, result }).toMatchObject({ code: 0, result: { processed: 1 } })
    expect((await shop.run('work', '--drain', '--json', '--log-format', 'json')).code).toBe(2)
  })

  test('gives way to the flag, as every setting does', async ({ newShop }) => {
    const { stderr } = await newShop.runWith(JSON_LOG, 'work', '--log-format', 'text')
    expect(stderr).toMatch(/^Error: There is no database/)
  })
})

plainTest('the command line names the format, in front of --', () => {
  expect(logFormatIn(['work', '--log-format', 'json'])).toBe('json')
  expect(logFormatIn(['--log-format=text', 'work'])).toBe('text')
  expect(logFormatIn(['--log-format=xml'])).toBeUndefined()
  expect(logFormatIn(['--log-format'])).toBeUndefined()
  expect(logFormatIn(['show', '--', '--log-format=json'])).toBeUndefined()
})

plainTest('progress is an event every ten seconds, with the rate of these, and none while nothing is done', () => {
  vi.useFakeTimers()
  onTestFinished(() => {
    vi.useRealTimers()
  })
  const logged: (LogEvent & { readonly text: string })[] = []
  const progress = logProgress((text, event) => logged.push({ text, ...event }))
  const update = (done: number) => progress.update({ doing: 'Working', unit: 'orders', done, perSecond: 1 })
  vi.advanceTimersByTime(20_000)
  expect(logged).toEqual([])
  update(300)
  update(4000)
  vi.advanceTimersByTime(10_000)
  const first = { orders: 4000, orders_per_second: 400 }
  expect(logged).toEqual([{ text: 'Working: 4,000 orders, 400 a second.', event: 'progress', fields: first }])
  vi.advanceTimersByTime(30_000)
  expect(logged).toHaveLength(1)
  update(4400)
  vi.advanceTimersByTime(10_000)
  expect(logged[1]?.fields).toEqual({ orders: 4400, orders_per_second: 40 })
  update(5000)
  progress.stop()
  vi.advanceTimersByTime(60_000)
  expect(logged).toHaveLength(2)
})
