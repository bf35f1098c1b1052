// `status --watch` in a real terminal: what it shows at several sizes, and that it restores the terminal.

import { once } from 'node:events'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, vi } from 'vitest'
import { startPrivateRedis } from '../support/private-redis.js'
import { PseudoTerminal } from '../support/pseudo-terminal.js'
import { describeWithPrivateRedis } from '../support/redis.js'
import { type Shop, test as shopTest } from '../support/shop.js'

const NOW = Date.parse('2026-03-04T12:00:00Z')
const SECOND = 1000
const MINUTE = 60 * SECOND

const preload = (file: string) => ({
  NODE_OPTIONS: `--import ${pathToFileURL(join(import.meta.dirname, '../support/preloaded', file))}`,
})
const FROZEN = { ...preload('frozen-clock.js'), TEST_NOW: new Date(NOW).toISOString() }

type OpenView = (options?: { columns?: number; rows?: number; environment?: Record<string, string> }) => PseudoTerminal

/** Tests with a shop, and a way to open the live view on it. */
const test = shopTest.extend<{ openView: OpenView }>({
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

/** Three orders are waiting, one is in progress, one is due later, one needs review; nine are settled. */
function fillShop(shop: Shop): void {
  for (const number of [1, 2, 3]) shop.order(`waiting-${number}`, { dueAt: NOW - number * 30 * SECOND })
  shop.order('in-progress', { status: 'payment_processing', dueAt: NOW + 20 * SECOND, leaseToken: 'lease' })
  shop.order('due-later', { status: 'payment_processing', dueAt: NOW + 40 * SECOND })
  shop.unknownOrder('unknown')
  // Seconds since each was settled. The second that has just begun is left out.
  for (const [index, seconds] of [0, 3, 3, 3, 3, 10, 30 * 60].entries()) {
    shop.order(`sold-${index}`, { status: 'completed', settledAt: NOW - seconds * SECOND })
  }
  shop.order('none-left', { status: 'failed', message: 'WIDGET-1: 2 wanted, 1 left', settledAt: NOW - 4 * MINUTE })
  const expired = { message: 'the card has expired\nand so on', settledAt: NOW - 2 * SECOND }
  shop.order('宛先-\u001b[2J7', { status: 'rolled_back', ...expired })
  const [first, second] = [
    { host: 'web-1.example.com', pid: 4711 },
    { host: 'web-2.example.com', pid: 815 },
  ]
  shop.worker('11111111-aaaa', NOW - 4 * SECOND, null, { ...first, orders_per_second: 12_345.6 })
  shop.worker('22222222-bbbb', NOW - 5 * MINUTE, null, { ...second, orders_per_second: 0 })
  const run = shop.sqlite.prepare("insert into schedule_runs values (?, ?, 1, ?, ?, 0, 'web-1', 1, 'schedule', ?, ?)")
  run.run('kpis', NOW, NOW - 2 * MINUTE, NOW, 'done', '3 pending')
  run.run('snapshots', NOW, NOW - 90 * SECOND, NOW, 'failed', 'the disk is full')
}

const AT_80 = `
orderctl status · embedded queue             2026-03-04 12:00:00 UTC · q to quit
! Alarm unresolved: Orders that need review: 1 (payment_unknown: 1); threshold …
! Alarm stale_workers: Workers without a heartbeat: process 815 on web-2.exampl…
! Alarm schedule: The last run of the task snapshots failed: the disk is full
QUEUE                              ORDERS
Waiting                       3    Pending                       3
In progress                   1    Reserved                      0
Due later                     1    Processing                    3
Oldest waiting       1 min 30 s    Completed                     7
Estimated time left           –    Failed                        1
                                   Rolled back                   1
SETTLED  1 orders/s · last minute 7 · 5 min 2/min · 1 h 0/min · each column 1 s
       10 ┤
          │                                                                  ▂
        0 ┤                                                           ▂      █▂
WORKERS 2, 1 stale  Last seen      Orders/s  Batches  Host                   PID
STALE 22222222      5 min ago             0        5  web-2.example.com      815
11111111            4 s ago        12,345.6        5  web-1.example.com     4711
LATEST FAILURES     Reason        When          Message
宛先-[2J7           declined      2 s ago       the card has expired and so on
none-left           out_of_stock  4 min ago     WIDGET-1: 2 wanted, 1 left
SCHEDULE      Next run    Last run      Result
kpis          in 1 h      2 min ago     done: 3 pending
… 5 more
`.trim()

/** Alarms have their fix, and the schedule stands on the right. */
const AT_120 =
  /^orderctl status .{90,} q to quit\n! .*\n {2}.*failed retry[\s\S]*\nQUEUE +ORDERS +SCHEDULE +Next run +Result\n[\s\S]*\nnone-left/

/** Only what fits: the alarms without their fixes, the queue and the first of the orders. */
const AT_40 = /^orderctl status .*(\n! Alarm .{31}…){3}\nQUEUE\n(.{29}\n){5}ORDERS\n.{29}$/

describe.concurrent('the screen', () => {
  test('fits the terminal and follows it to other sizes', async ({ shop, openView }) => {
    fillShop(shop)
    const view = openView({ environment: FROZEN })
    await soon(() => expect(view.screen).toBe(AT_80))
    view.resize(120, 40)
    await soon(() => expect(view.screen).toMatch(AT_120))
    view.resize(40, 12)
    await soon(() => expect(view.screen).toMatch(AT_40))
    view.resize(300, 80)
    await soon(() => expect(view.screen).toMatch(/^orderctl status .{230,} q to quit\n[\s\S]*none-left/))
    view.resize(80, 24)
    await soon(() => expect(view.screen).toBe(AT_80))
    expect(await leave(view)).toBe(0)
  })

  test('has no colour under NO_COLOR', async ({ openView }) => {
    const [plain, coloured] = [openView({ environment: { NO_COLOR: '1' } }), openView()]
    for (const view of [plain, coloured]) await soon(() => expect(view.screen).toContain('reservations'))
    const bold = '\u001b[1m'
    expect([plain.written.includes(bold), coloured.written.includes(bold)]).toEqual([false, true])
    for (const view of [plain, coloured]) await leave(view)
  })

  test('follows the orders, marks a silent worker, and shows alarms and a pause while they last', async ({
    shop,
    openView,
  }) => {
    shop.order('first', { dueAt: Date.now() })
    const view = openView()
    await soon(() => expect(view.screen).toMatch(/Waiting +1 /))
    expect(view.screen).toMatch(/No workers .*orderctl work/)
    expect(view.screen).toMatch(/0 ┤$/m)
    shop.worker('33333333', Date.now(), null, { host: 'here' })
    for (const number of [1, 2, 3]) shop.order(`sold-${number}`, { status: 'completed', settledAt: Date.now() })
    await soon(() => expect(view.screen).toMatch(/Completed +3\n/))
    await soon(() => expect(view.screen).toMatch(/0 ┤.*[▁▂▃▄▅▆▇█]/m))
    await soon(() => expect(view.screen).toMatch(/^33333333 .* here /m))
    expect(view.screen).not.toContain('No worker')
    expect(view.screen).not.toContain('! Alarm')
    shop.sqlite.prepare('update workers set last_seen = ?').run(Date.now() - MINUTE)
    await soon(() => expect(view.screen).toMatch(/^STALE 33333333/m))
    await soon(() => expect(view.screen).toMatch(/^! Alarm stale_workers: .*\n {2}\S/m))
    shop.sqlite.prepare('update workers set last_seen = ?').run(Date.now())
    await soon(() => expect(view.screen).not.toContain('! Alarm'))
    shop.sqlite.exec("insert into settings values ('queue_paused', 'yes')")
    await soon(() => expect(view.screen).toMatch(/^QUEUE {2}paused/m))
    await leave(view)
  })

  test('writes nothing, and holds no read open that would keep the WAL from shrinking', async ({ shop, openView }) => {
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

  test('reports that the database cannot be read, until it can', async ({ shop, openView }) => {
    shop.order('first', { dueAt: Date.now() })
    const view = openView()
    await soon(() => expect(view.screen).toMatch(/Waiting +1 /))
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
    expect(view.screen).toMatch(/Waiting +1 /)
    pointWorkersAt(root)
    await soon(() => expect(view.screen).not.toContain('! As of'))
    await leave(view)
  })
})

describeWithPrivateRedis('the screen with Redis', () => {
  test('reports that Redis is unreachable or hangs, and goes on', async ({ shop, openView, onTestFinished }) => {
    const server = await startPrivateRedis()
    onTestFinished(() => server.close())
    const view = openView({ environment: { ORDERCTL_QUEUE_URL: server.url } })
    await soon(() => expect(view.screen).toMatch(/^Batches in bullmq +0 /m))
    await server.stop()
    await soon(() => expect(view.screen).toContain(`! Cannot reach Redis at 127.0.0.1:${server.port}`))
    expect(view.screen).not.toContain('Batches in')
    shop.order('meanwhile', { dueAt: Date.now() })
    await soon(() => expect(view.screen).toMatch(/Waiting +1 /))
    await server.start()
    await soon(() => expect(view.screen).toMatch(/^Batches in bullmq +0 /m))
    expect(view.screen).not.toContain('! Redis')
    server.signal('SIGSTOP')
    shop.order('another', { dueAt: Date.now() })
    await soon(() => expect(view.screen).toMatch(/Waiting +2 /))
    await soon(() => expect(view.screen).toContain(`! Cannot reach Redis at 127.0.0.1:${server.port}`))
    expect(await leave(view)).toBe(0)
    expectRestored(view)
  })
})

/** The terminal is as the shell had it, without the view. */
function expectRestored(view: PseudoTerminal): void {
  expect(view.isAlternate).toBe(false)
  expect(view.showsCursor).toBe(true)
  expect(view.wrapsLines).toBe(true)
  expect(view.modes.after).toBe(view.modes.before)
  expect(view.screen).not.toContain('QUEUE')
}

describe.concurrent('the terminal is restored when the view is left', () => {
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
    expectRestored(view)
    expect(view.screen).toContain(lastWords)
    expect(view.screen.endsWith(`left with ${code}`)).toBe(true)
    if (lastWords === '') expect(view.screen).toBe(`left with ${code}`)
  })

  test('by Ctrl-Z, until the view is resumed', async ({ openView }) => {
    const view = openView()
    await soon(() => expect(view.screen).toContain('reservations'))
    // The shell of this terminal has no job control, so the signals go to the binary alone.
    process.kill(view.pid, 'SIGTSTP')
    await soon(() => expect(view.isAlternate).toBe(false))
    await soon(() => expect(view.isRaw).toBe(false))
    expect(view.showsCursor).toBe(true)
    process.kill(view.pid, 'SIGCONT')
    await soon(() => expect(view.screen).toContain('reservations'))
    expect(view.isAlternate).toBe(true)
    expect(view.isRaw).toBe(true)
    expect(await leave(view)).toBe(0)
    expectRestored(view)
  })
})

describe.concurrent('without a terminal', () => {
  const LINE =
    /^\d{4}-\d\d-\d\dT[\d:.]+Z waiting=3 active=1 delayed=1 completed=7 failed=1 rolled_back=1 orders_per_minute=0 workers=1 stale=1 alarms=4 paused=no$/

  test('there is one line per refresh, until SIGTERM', async ({ shop }) => {
    fillShop(shop)
    const now = Date.now()
    const due = shop.sqlite.prepare('update due_orders set due_at = ? where due_at > ?')
    due.run(now + 60 * MINUTE, NOW)
    shop.sqlite.prepare("update workers set last_seen = ? where id like '2%'").run(now - MINUTE)
    const { child, ended } = shop.start({}, 'status', '--watch')
    let lines = 0
    child.stdout?.on('data', (data) => {
      lines += String(data).split('\n').length - 1
    })
    await soon(() => expect(lines).toBeGreaterThanOrEqual(2))
    child.kill('SIGTERM')
    const { code, stdout, stderr } = await ended
    expect({ code, stderr }).toEqual({ code: 130, stderr: '' })
    for (const line of stdout.trimEnd().split('\n')) expect(line).toMatch(LINE)
  })

  test('it exits with 0 and says nothing when its reader is gone', async ({ shop }) => {
    const { child, ended } = shop.start({}, 'status', '--watch')
    if (child.stdout) await once(child.stdout, 'data')
    child.stdout?.destroy()
    expect(await ended).toMatchObject({ code: 0, stderr: '' })
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
