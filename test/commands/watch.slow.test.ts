// `status --watch` in a real terminal: what it shows at several sizes, and that the terminal is given back.

import { once } from 'node:events'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, vi } from 'vitest'
import { PseudoTerminal } from '../support/pseudo-terminal.js'
import { describeWithPrivateRedis, startPrivateRedis } from '../support/redis.js'
import { type Shop, test as shopTest } from '../support/shop.js'

const NOW = Date.parse('2026-03-04T12:00:00Z')
const SECOND = 1000
const MINUTE = 60 * SECOND

const preload = (file: string) => ({
  NODE_OPTIONS: `--import ${pathToFileURL(join(import.meta.dirname, '../support/preloaded', file))}`,
})
const FROZEN = { ...preload('frozen-clock.js'), TEST_NOW: new Date(NOW).toISOString() }

interface ViewOptions {
  readonly columns?: number
  readonly rows?: number
  readonly environment?: Record<string, string>
}

/** Tests with a shop, and a way to open the live view on it. */
const test = shopTest.extend<{ openView: (options?: ViewOptions) => PseudoTerminal }>({
  openView: async ({ shop }, use) => {
    const opened: PseudoTerminal[] = []
    await use(({ columns = 80, rows = 24, environment = {} } = {}) => {
      const terminal = new PseudoTerminal(shop, { columns, rows, environment }, 'status', '--watch')
      opened.push(terminal)
      return terminal
    })
    for (const terminal of opened) await terminal.close()
  },
})

const leave = (view: PseudoTerminal): Promise<number> => {
  view.type('q')
  return view.left()
}

/** Asserted until it holds. */
const soon = (assertion: () => void) => vi.waitFor(assertion, { timeout: 240_000, interval: 20 })

function addWorker(shop: Shop, id: string, draft: { host: string; pid: number; rate: number; seenAt: number }) {
  shop.sqlite
    .prepare('insert into workers values (?, ?, ?, 5, ?, ?, 1000, ?, null, null, 0, 0, 0, null, null, null)')
    .run(id, draft.host, draft.pid, NOW - 60 * MINUTE, draft.seenAt, draft.rate)
}

/** Three orders wait, one is in hand, one is asked again later, one waits for a person; nine are settled. */
function fillShop(shop: Shop): void {
  for (const number of [1, 2, 3]) shop.order(`waiting-${number}`, { dueAt: NOW - number * 30 * SECOND })
  shop.order('in-hand', { status: 'payment_processing', dueAt: NOW + 20 * SECOND, leaseToken: 'lease' })
  shop.order('again', { status: 'payment_processing', dueAt: NOW + 40 * SECOND })
  shop.unknownOrder('unknown')
  // Settled in the second that is 1, 2, 3, ... seconds over: the last one is not over yet.
  const completed = [0, 3, 3, 3, 3, 10, 30 * 60]
  for (const [index, second] of completed.entries()) {
    shop.order(`sold-${index}`, { status: 'completed', settledAt: NOW - second * SECOND })
  }
  shop.order('none-left', {
    status: 'failed',
    reason: 'out_of_stock',
    message: 'WIDGET-1: 2 wanted, 1 left',
    settledAt: NOW - 4 * MINUTE,
  })
  shop.order('宛先-\u001b[2J7', {
    status: 'rolled_back',
    reason: 'declined',
    message: 'the card has expired\nand so on',
    settledAt: NOW - 2 * SECOND,
  })
  addWorker(shop, '11111111-aaaa', { host: 'web-1.example.com', pid: 4711, rate: 12_345.6, seenAt: NOW - 4 * SECOND })
  addWorker(shop, '22222222-bbbb', { host: 'web-2.example.com', pid: 815, rate: 0, seenAt: NOW - 5 * MINUTE })
  const run = shop.sqlite.prepare("insert into schedule_runs values (?, ?, 1, ?, ?, 0, 'web-1', 1, 'schedule', ?, ?)")
  run.run('kpis', NOW, NOW - 2 * MINUTE, NOW, 'done', '3 pending')
  run.run('snapshots', NOW, NOW - 90 * SECOND, NOW, 'failed', 'the disk is full')
}

const AT_80 = `
orderctl status · embedded queue              2026-03-04 12:00:00 UTC · q leaves
! Alarm unresolved: Orders that need review: 1 (payment_unknown: 1); the alarm …
! Alarm stale_workers: Workers that have gone silent without an end: process 81…
! Alarm schedule: The task snapshots failed last: the disk is full
QUEUE                              ORDERS
waiting                       3    pending                       3
in progress                   1    reserved                      0
due later                     1    payment processing            3
oldest waiting       1 min 30 s    completed                     7
all done in about             –    failed                        1
                                   rolled back                   1
SETTLED  1 orders/s · last minute 7 · 5 min 2/min · 1 h 0/min · each column 1 s
       10 ┤
          │                                                                  ▂
        0 ┤                                                           ▂      █▂
WORKERS 2, 1 stale  last seen      orders/s  batches  host                   pid
STALE 22222222      5 min ago             0        5  web-2.example.com      815
11111111            4 s ago        12,345.6        5  web-1.example.com     4711
LATEST FAILURES     reason        when          message
宛先-[2J7           declined      2 s ago       the card has expired and so on
none-left           out_of_stock  4 min ago     WIDGET-1: 2 wanted, 1 left
SCHEDULE      next        last run      result
kpis          in 1 h      2 min ago     done: 3 pending
… 4 more
`.trim()

const AT_120 = `
orderctl status · embedded queue                                                      2026-03-04 12:00:00 UTC · q leaves
! Alarm unresolved: Orders that need review: 1 (payment_unknown: 1); the alarm is at 1.
  Ask the gateway again with \`orderctl failed retry --reason payment_unknown\`.
! Alarm stale_workers: Workers that have gone silent without an end: process 815 on web-2.example.com for 5 min.
  Read its log, end it if it hangs, and start a worker: \`orderctl work\`. Its orders are claimed again when their lease …
! Alarm schedule: The task snapshots failed last: the disk is full
  Fix what the message names, then run \`orderctl schedule run TASK\`.

QUEUE                              ORDERS                             SCHEDULE      next        result
waiting                       3    pending                       3    kpis          in 1 h      done: 3 pending
in progress                   1    reserved                      0    leaderboards  in 30 min   –
due later                     1    payment processing            3    snapshots     in 5 min    failed: the disk is full
oldest waiting       1 min 30 s    completed                     7    reservations  in 5 min    –
all done in about             –    failed                        1    alarms        in 1 min    –
                                   rolled back                   1

SETTLED  1 orders/s · last minute 7 · 5 min 2/min · 1 h 0/min · each column 1 s
       10 ┤
          │
          │
          │
          │
          │
          │
          │
          │
          │                                                                                                          █
          │                                                                                                          █
          │                                                                                                          █
          │                                                                                                          █
          │                                                                                                   ▄      █▄
        0 ┤                                                                                                   █      ██

WORKERS 2, 1 stale  last seen      orders/s  batches  host                   pid
STALE 22222222      5 min ago             0        5  web-2.example.com      815
11111111            4 s ago        12,345.6        5  web-1.example.com     4711

LATEST FAILURES     reason        when          message
宛先-[2J7           declined      2 s ago       the card has expired and so on
none-left           out_of_stock  4 min ago     WIDGET-1: 2 wanted, 1 left
`.trim()

const AT_40 = `
orderctl status · embedded queue
! Alarm unresolved: Orders that need re…
! Alarm stale_workers: Workers that hav…
! Alarm schedule: The task snapshots fa…
QUEUE
waiting                     3
in progress                 1
due later                   1
oldest waiting     1 min 30 s
all done in about           –
ORDERS
pending                     3
`.trim()

describe.concurrent('the screen', () => {
  test('fits 80 x 24 and 120 x 40, and follows the terminal from one size to the other', async ({ shop, openView }) => {
    fillShop(shop)
    const view = openView({ environment: FROZEN })
    await soon(() => expect(view.screen).toBe(AT_80))
    view.resize(120, 40)
    await soon(() => expect(view.screen).toBe(AT_120))
    view.resize(40, 12)
    await soon(() => expect(view.screen).toBe(AT_40))
    view.resize(300, 80)
    await soon(() => expect(view.screen).toMatch(/^orderctl status .{230,} q leaves\n[\s\S]*none-left/))
    view.resize(80, 24)
    await soon(() => expect(view.screen).toBe(AT_80))
    expect(await leave(view)).toBe(0)
  })

  test('moves while orders are settled, and marks a worker that went silent', async ({ shop, openView }) => {
    shop.order('first', { dueAt: Date.now() })
    const view = openView()
    await soon(() => expect(view.screen).toMatch(/waiting +1 /))
    expect(view.screen).toContain('No worker is running. Start one with: orderctl work')
    expect(view.screen).toMatch(/0 ┤$/m)
    addWorker(shop, '33333333', { host: 'here', pid: 1, rate: 5, seenAt: Date.now() })
    for (const number of [1, 2, 3]) shop.order(`sold-${number}`, { status: 'completed' })
    await soon(() => expect(view.screen).toMatch(/completed +3\n/))
    await soon(() => expect(view.screen).toMatch(/0 ┤.*[▁▂▃▄▅▆▇█]/m))
    await soon(() => expect(view.screen).toMatch(/^33333333 .* here /m))
    expect(view.screen).not.toContain('No worker is running')
    expect(view.screen).not.toContain('! Alarm')
    shop.sqlite.prepare('update workers set last_seen = ?').run(Date.now() - MINUTE)
    await soon(() => expect(view.screen).toMatch(/^WORKERS 1, 1 stale/m))
    expect(view.screen).toMatch(/^STALE 33333333/m)
    await soon(() => expect(view.screen).toMatch(/^! Alarm stale_workers: .*\n {2}Read its log/m))
    shop.sqlite.prepare('update workers set last_seen = ?').run(Date.now())
    await soon(() => expect(view.screen).not.toContain('! Alarm'))
    shop.sqlite.exec("insert into settings values ('queue_paused', 'yes')")
    await soon(() => expect(view.screen).toMatch(/^QUEUE {2}paused/m))
    await leave(view)
  })

  test('only reads, and holds no read open that would keep the log from shrinking', async ({ shop, openView }) => {
    fillShop(shop)
    const view = openView({ rows: 40 })
    await soon(() => expect(view.screen).toContain('reservations'))
    const version = () => shop.sqlite.pragma('data_version', { simple: true })
    const before = version()
    const frames = () => view.written.split('\u001b[?2026h').length
    const drawn = frames()
    await soon(() => expect(frames()).toBeGreaterThan(drawn + 2))
    expect(version()).toBe(before)
    shop.order('later')
    expect(shop.sqlite.pragma('wal_checkpoint(truncate)')).toEqual([{ busy: 0, log: 0, checkpointed: 0 }])
    await leave(view)
  })

  test('says when the database cannot be read, and goes on when it can', async ({ shop, openView }) => {
    shop.order('first', { dueAt: Date.now() })
    const view = openView()
    await soon(() => expect(view.screen).toMatch(/waiting +1 /))
    const root = shop.value("select rootpage from sqlite_schema where name = 'workers'")
    const pointWorkersAt = (page: unknown) => {
      shop.sqlite.unsafeMode(true)
      shop.sqlite.pragma('writable_schema = on')
      shop.sqlite.prepare("update sqlite_schema set rootpage = ? where name = 'workers'").run(page)
      const version = Number(shop.sqlite.pragma('schema_version', { simple: true }))
      shop.sqlite.pragma(`schema_version = ${version + 1}`)
    }
    pointWorkersAt(9_999_999)
    await soon(() => expect(view.screen).toMatch(/^! As of .*: .*orders.sqlite is not a SQLite/m))
    expect(view.screen).toMatch(/waiting +1 /)
    pointWorkersAt(root)
    await soon(() => expect(view.screen).not.toContain('! As of'))
    await leave(view)
  })
})

describeWithPrivateRedis('with a Redis', () => {
  test('that goes away or hangs, the view says so and goes on', async ({ shop, openView, onTestFinished }) => {
    const server = await startPrivateRedis()
    onTestFinished(() => server.close())
    const view = openView({ environment: { ORDERCTL_QUEUE_URL: server.url } })
    await soon(() => expect(view.screen).toMatch(/^batches in bullmq +0 /m))
    await server.stop()
    await soon(() => expect(view.screen).toContain(`! Cannot reach Redis at 127.0.0.1:${server.port}`))
    expect(view.screen).not.toContain('batches in')
    shop.order('meanwhile', { dueAt: Date.now() })
    await soon(() => expect(view.screen).toMatch(/waiting +1 /))
    await server.start()
    await soon(() => expect(view.screen).toMatch(/^batches in bullmq +0 /m))
    expect(view.screen).not.toContain('! Redis')
    server.hang()
    shop.order('another', { dueAt: Date.now() })
    await soon(() => expect(view.screen).toMatch(/waiting +2 /))
    await soon(() => expect(view.screen).toContain(`! Cannot reach Redis at 127.0.0.1:${server.port}`))
    expect(await leave(view)).toBe(0)
    expectGivenBack(view)
  })
})

/** The terminal as the shell had it, with the view gone from it. */
function expectGivenBack(view: PseudoTerminal): void {
  expect(view.isAlternate).toBe(false)
  expect(view.showsCursor).toBe(true)
  expect(view.wrapsLines).toBe(true)
  expect(view.modes.after).toBe(view.modes.before)
  expect(view.screen).not.toContain('QUEUE')
}

describe.concurrent('the terminal is given back', () => {
  const ways: [string, (view: PseudoTerminal, shop: Shop) => unknown, number, string][] = [
    ['by q', (view) => view.type('q'), 0, ''],
    ['by Ctrl-C', (view) => view.type('\u0003'), 130, ''],
    ['by SIGINT', (view) => process.kill(view.pid, 'SIGINT'), 130, ''],
    ['by SIGTERM', (view) => process.kill(view.pid, 'SIGTERM'), 130, ''],
    ['by SIGHUP', (view) => process.kill(view.pid, 'SIGHUP'), 128 + 1, 'Hangup'],
    ['by Ctrl-\\', (view) => view.type('\u001c'), 128 + 3, 'Quit'],
    ['by an error', (_, shop) => shop.sqlite.exec('alter table workers rename to gone'), 1, 'no such table: workers'],
    ['by a crash', (view) => process.kill(view.pid, 'SIGUSR2'), 1, 'nobody thought of this'],
  ]

  test.for(ways)('%s', async ([, leave, code, lastWords], { shop, openView }) => {
    const view = openView({ environment: preload('crash-on-signal.js') })
    await soon(() => expect(view.screen).toContain('reservations'))
    expect(view.isAlternate).toBe(true)
    expect(view.showsCursor).toBe(false)
    expect(view.isRaw).toBe(true)
    leave(view, shop)
    expect(await view.left()).toBe(code)
    expectGivenBack(view)
    expect(view.screen).toContain(lastWords)
    expect(view.screen.endsWith(`left with ${code}`)).toBe(true)
    if (lastWords === '') expect(view.screen).toBe(`left with ${code}`)
  })

  test('by Ctrl-Z, until it goes on', async ({ openView }) => {
    const view = openView()
    await soon(() => expect(view.screen).toContain('reservations'))
    // The shell of this terminal has no jobs of its own, so the binary alone is stopped and let go on.
    process.kill(view.pid, 'SIGTSTP')
    await soon(() => expect(view.isAlternate).toBe(false))
    await soon(() => expect(view.isRaw).toBe(false))
    expect(view.showsCursor).toBe(true)
    process.kill(view.pid, 'SIGCONT')
    await soon(() => expect(view.screen).toContain('reservations'))
    expect(view.isAlternate).toBe(true)
    expect(view.isRaw).toBe(true)
    expect(await leave(view)).toBe(0)
    expectGivenBack(view)
  })
})

describe.concurrent('without a terminal', () => {
  const LINE =
    /^\d{4}-\d\d-\d\dT[\d:.]+Z waiting=3 active=1 delayed=1 completed=7 failed=1 rolled_back=1 orders_per_minute=0 workers=1 stale=1 alarms=4 paused=no$/

  function fillForLines(shop: Shop): void {
    fillShop(shop)
    const now = Date.now()
    // The shop's own moment is long ago.
    shop.sqlite.prepare('update due_orders set due_at = ? where lease_token is not null').run(now + 60 * MINUTE)
    const again = "(select id from orders where reference = 'again')"
    shop.sqlite.prepare(`update due_orders set due_at = ? where order_id = ${again}`).run(now + 60 * MINUTE)
    shop.sqlite.prepare("update workers set last_seen = ? where id like '2%'").run(now - MINUTE)
  }

  test('there is a plain line at each refresh, until SIGTERM', async ({ shop }) => {
    fillForLines(shop)
    const { child, ended } = shop.start({}, 'status', '--watch')
    let lines = 0
    child.stdout?.on('data', (data) => {
      lines += String(data).split('\n').length - 1
    })
    await soon(() => expect(lines).toBeGreaterThanOrEqual(2))
    child.kill('SIGTERM')
    const { code, stdout, stderr } = await ended
    expect(code).toBe(130)
    expect(stderr).toBe('')
    for (const line of stdout.trimEnd().split('\n')) expect(line).toMatch(LINE)
  })

  test('it ends without a word when nobody reads on', async ({ shop }) => {
    const { child, ended } = shop.start({}, 'status', '--watch')
    if (child.stdout) await once(child.stdout, 'data')
    child.stdout?.destroy()
    expect(await ended).toMatchObject({ code: 0, stderr: '' })
  })

  test('NO_COLOR on a terminal has the same lines', async ({ openView }) => {
    const view = openView({ columns: 200, environment: { NO_COLOR: '1' } })
    await soon(() => expect(view.screen).toMatch(/^\S+ waiting=0 .*\n\S+ waiting=0 /))
    expect(view.written).not.toContain('\u001b')
    view.type('\u0003')
    await view.ended
  })

  test.for([
    ['--watch', '--json'],
    ['--watch', '--csv'],
    ['--watch', '--format', 'prom'],
    ['--interval', '5'],
  ])('status %s is wrong usage', async (flags, { shop }) => {
    expect(await shop.run('status', ...flags)).toMatchObject({ code: 2 })
  })
})
