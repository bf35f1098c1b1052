// The live view keeps to the screen, whatever the figures and the names in them.
import fc from 'fast-check'
import stringWidth from 'string-width'
import { describe, expect, test } from 'vitest'
import type { WatchState } from '../../src/command-line/watch-sections.js'
import { watchView } from '../../src/command-line/watch-view.js'
import type { CronLine } from '../../src/config/values.js'
import { ORDER_STATUSES, type OrderStatus } from '../../src/domain/order.js'
import { UserError } from '../../src/errors.js'
import type { Alarm, AlarmName } from '../../src/reports/alarms.js'
import { lineText } from '../../src/terminal/line.js'
import { trickyText } from '../support/any-text.js'

const NOW = Date.parse('2026-03-04T12:00:00Z')

const ALARM_NAMES: AlarmName[] = ['wait', 'failure_rate', 'unresolved', 'stale_workers', 'low_stock', 'schedule']

const count = fc.oneof(fc.nat(20), fc.nat(2_000_000_000))
const instant = fc.integer({ min: NOW - 1e9, max: NOW + 1e9 })
const orders = fc
  .tuple(...ORDER_STATUSES.map(() => count))
  .map(
    (counts) =>
      Object.fromEntries(ORDER_STATUSES.map((status, index) => [status, counts[index] ?? 0])) as Record<
        OrderStatus,
        number
      >,
  )
const counts = fc.record({
  waiting: count,
  active: count,
  delayed: count,
  oldestWaitingSeconds: fc.option(fc.nat(1e7)),
})
const problem = fc.option(
  trickyText.map((message) => new UserError({ code: 'trouble', message, fix: 'none' })),
  { nil: undefined },
)
const status = fc.record({
  at: instant,
  queue: fc.record({
    counts,
    driver: trickyText,
    paused: fc.boolean(),
    unreachable: problem,
    transport: fc.option(counts),
  }),
  orders,
  unresolved: count,
  throughput: fc.record({ lastMinute: count, fiveMinutes: count, hour: count }),
  workers: fc.array(
    fc.record({
      id: trickyText,
      host: trickyText,
      pid: count,
      concurrency: count,
      ordersPerSecond: fc.double({ min: 0, max: 1e6, noNaN: true }),
      startedAt: instant,
      lastSeen: instant,
      stale: fc.boolean(),
    }),
    { maxLength: 30 },
  ),
  imports: fc.array(
    fc.record({
      source: trickyText,
      file: trickyText,
      status: fc.constant('reading' as const),
      rows: count,
      startedAt: instant,
      abandoned: fc.boolean(),
    }),
    { maxLength: 3 },
  ),
  pace: fc.constant({ batches: 0, orders: 0, totalMs: 0, runtimes: null }),
  estimatedWaitSeconds: fc.option(count),
  failures: fc.array(
    fc.record({
      reference: trickyText,
      status: fc.constant('failed' as const),
      reason: fc.option(trickyText),
      message: fc.option(trickyText),
      failedAt: fc.option(instant),
    }),
    { maxLength: 5 },
  ),
})
const outcome = fc.record({ result: fc.constantFrom('done' as const, 'failed' as const), message: trickyText })
const state: fc.Arbitrary<WatchState> = fc
  .record({
    status,
    countedAt: instant,
    now: fc.constant(NOW),
    settled: fc.record({ stepMs: fc.constantFrom(1000, 60_000), counts: fc.array(count, { maxLength: 400 }) }),
    schedule: fc.array(
      fc.record({
        name: trickyText,
        description: trickyText,
        cron: fc.constant('* * * * *' as CronLine),
        last: fc.option(fc.record({ startedAt: instant, state: fc.oneof(fc.constant('running' as const), outcome) }), {
          nil: undefined,
        }),
        next: fc.option(instant),
      }),
      { maxLength: 6 },
    ),
    alarms: fc.subarray(ALARM_NAMES).chain((names) =>
      fc.tuple(
        ...names.map((name) =>
          fc.record({
            name: fc.constant(name),
            crossed: fc.constant(true),
            value: fc.option(count),
            threshold: count,
            message: trickyText,
            fix: trickyText,
          }),
        ),
      ),
    ),
    trouble: problem,
    clock: trickyText,
  })
  .map((drawn) => {
    const { counts: queued, transport, ...queue } = drawn.status.queue
    const orderCounts = { unit: 'orders' as const, ...queued }
    return {
      ...drawn,
      status: {
        ...drawn.status,
        queue: { ...queue, ...orderCounts, transport: transport && { unit: 'batches' as const, ...transport } },
      },
    }
  })

const size = fc.record({ columns: fc.integer({ min: 1, max: 300 }), rows: fc.integer({ min: 1, max: 80 }) })

describe('any screen', () => {
  test('has no line more than rows and none wider than it is, and nothing in it moves the cursor', () => {
    fc.assert(
      fc.property(state, size, (drawn, screen) => {
        const lines = watchView(drawn, screen).map(lineText)
        expect(lines.length).toBeLessThanOrEqual(screen.rows)
        for (const line of lines) {
          expect(stringWidth(line)).toBeLessThanOrEqual(screen.columns)
          expect(line).not.toMatch(/\p{Cc}/u)
        }
      }),
      { numRuns: 200 },
    )
  })

  test('of a usual size has every section, however many workers there are', () => {
    fc.assert(
      fc.property(
        state,
        fc.integer({ min: 80, max: 300 }),
        fc.integer({ min: 24, max: 80 }),
        (drawn, columns, rows) => {
          const calm = { ...drawn, trouble: undefined, status: { ...drawn.status, imports: [] } }
          const text = watchView(calm, { columns, rows }).map(lineText).join('\n')
          for (const heading of ['QUEUE', 'ORDERS', 'SETTLED', 'WORKERS', 'SCHEDULE']) expect(text).toContain(heading)
          if (calm.status.failures.length > 0) expect(text).toContain('LATEST FAILURES')
        },
      ),
    )
  })
})

const shop: WatchState = {
  now: NOW,
  countedAt: NOW,
  clock: '12:00:00 UTC',
  trouble: undefined,
  settled: { stepMs: 1000, counts: [0, 5, 10] },
  schedule: [],
  alarms: [],
  status: {
    at: NOW,
    queue: {
      driver: 'embedded',
      paused: false,
      transport: null,
      unreachable: undefined,
      unit: 'orders',
      waiting: 12,
      active: 0,
      delayed: 0,
      oldestWaitingSeconds: 3,
    },
    orders: { pending: 12, reserved: 0, payment_processing: 0, completed: 7, failed: 0, rolled_back: 0 },
    unresolved: 0,
    pace: { batches: 0, orders: 0, totalMs: 0, runtimes: null },
    estimatedWaitSeconds: null,
    throughput: { lastMinute: 15, fiveMinutes: 3, hour: 1 },
    workers: Array.from({ length: 30 }, (_, index) => ({
      id: `worker-${index}`,
      host: 'here',
      pid: index,
      concurrency: 5,
      ordersPerSecond: 1,
      startedAt: NOW,
      lastSeen: index === 29 ? NOW - 60_000 : NOW,
      stale: index === 29,
    })),
    imports: [],
    failures: [],
  },
}
const textAt = (columns: number, rows: number, drawn = shop) =>
  watchView(drawn, { columns, rows })
    .map((line) => lineText(line).trimEnd())
    .join('\n')

test('of more workers than there is room for, the stale one comes first and the rest is counted', () => {
  expect(textAt(80, 24)).toContain(
    [
      'WORKERS 30, 1 stale  last seen      orders/s  batches  host          pid',
      'STALE worker-2       1 min ago             1        5  here           29',
      'worker-0             just now              1        5  here            0',
    ].join('\n'),
  )
  const shown = textAt(80, 24).match(/^(STALE )?worker-/gm)?.length ?? 0
  expect(textAt(80, 24)).toContain(`… ${30 - shown} more`)
})

test('on a screen that grows shorter, the schedule goes first, then failures, chart, workers, and the queue stays', () => {
  const failing: WatchState = {
    ...shop,
    schedule: [{ name: 'kpis', description: '', cron: '0 * * * *' as CronLine, last: undefined, next: NOW }],
    status: {
      ...shop.status,
      failures: [{ reference: 'A-1', status: 'failed', reason: null, message: null, failedAt: NOW }],
    },
  }
  const shownAt = (rows: number) => textAt(80, rows, failing).match(/SCHEDULE|LATEST FAILURES|SETTLED|WORKERS|QUEUE/g)
  expect([24, 13, 11, 9, 5, 2].map(shownAt)).toEqual([
    ['QUEUE', 'SETTLED', 'WORKERS', 'LATEST FAILURES', 'SCHEDULE'],
    ['QUEUE', 'SETTLED', 'WORKERS', 'LATEST FAILURES'],
    ['QUEUE', 'SETTLED', 'WORKERS'],
    ['QUEUE', 'WORKERS'],
    ['QUEUE'],
    null,
  ])
})

test('a count by status that is old says so', () => {
  expect(textAt(80, 24)).toMatch(/ORDERS$/m)
  expect(textAt(80, 24, { ...shop, countedAt: NOW - 8000 })).toMatch(/ORDERS {2}as of 8 s ago$/m)
})

describe('alarms', () => {
  const raised = (name: AlarmName): Alarm => ({
    name,
    crossed: true,
    value: 1,
    threshold: 1,
    message: `${name} is too high; the alarm is at 1.`,
    fix: `Bring ${name} down.`,
  })
  const alarmsAt = (columns: number, rows: number, ...names: AlarmName[]) =>
    textAt(columns, rows, { ...shop, alarms: names.map(raised) })
      .split('\n')
      .filter((line) => /^! |^ {2}(Bring|Nobody)/.test(line))

  test('say what is wrong and what to do, cut to the width', () => {
    expect(alarmsAt(80, 40, 'failure_rate', 'low_stock')).toEqual([
      '! Alarm failure_rate: failure_rate is too high; the alarm is at 1.',
      '  Bring failure_rate down.',
      '! Alarm low_stock: low_stock is too high; the alarm is at 1.',
      '  Bring low_stock down.',
    ])
    expect(alarmsAt(20, 40, 'low_stock')).toEqual(['! Alarm low_stock: …', '  Bring low_stock d…'])
  })

  test('say on a short screen what to do about the first ones, then what is wrong, then names', () => {
    const shownAt = (rows: number) => alarmsAt(80, rows, 'failure_rate', 'low_stock', 'schedule')
    const [first, second, third] = ['failure_rate', 'low_stock', 'schedule'].map(
      (name) => `! Alarm ${name}: ${name} is too high; the alarm is at 1.`,
    )
    expect(shownAt(22)).toEqual([first, '  Bring failure_rate down.', second, '  Bring low_stock down.', third])
    expect(shownAt(19)).toEqual([first, second, third])
    expect(shownAt(13)).toEqual([first, '! Alarms: low_stock, schedule'])
    expect(shownAt(3)).toEqual([first, '! Alarms: low_stock, schedule'])
  })
})
