// The live view keeps to the screen, whatever the figures and the names in them.
import fc from 'fast-check'
import stringWidth from 'string-width'
import { describe, expect, test } from 'vitest'
import type { StatusModel } from '../../src/command-line/status-model.js'
import { watchView } from '../../src/command-line/watch-view.js'
import type { CronLine } from '../../src/config/values.js'
import type { WorkerId } from '../../src/domain/ids.js'
import { FAILURE_REASONS, ORDER_STATUSES, type OrderStatus } from '../../src/domain/order.js'
import { UserError } from '../../src/errors.js'
import type { Alarm, AlarmName } from '../../src/reports/alarms.js'
import { lineText } from '../../src/terminal/line.js'
import { trickyText } from '../support/any-text.js'

const NOW = Date.parse('2026-03-04T12:00:00Z')

const ALARM_NAMES: AlarmName[] = ['wait', 'failure_rate', 'unresolved', 'stale_workers', 'low_stock', 'schedule']

const workerId = (name: string) => name as string as WorkerId

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
const counts = { waiting: count, active: count, delayed: count, oldest_waiting_seconds: fc.option(fc.nat(1e7)) }
const isoTime = instant.map((ms) => new Date(ms).toISOString())
const problem = fc.option(
  trickyText.map((message) => new UserError({ code: 'trouble', message, fix: 'none' })),
  { nil: undefined },
)
const status = fc.record({
  queue: fc.record({
    ...counts,
    driver: trickyText,
    paused: fc.boolean(),
    estimated_wait_seconds: fc.option(count),
    transport: fc.option(fc.record({ ...counts, unit: fc.constant('batches') })),
  }),
  orders,
  unresolved: count,
  throughput: fc.record({ orders_per_minute: count, orders_per_minute_5m: count, orders_per_minute_1h: count }),
  workers: fc.array(
    fc.record({
      id: trickyText.map(workerId),
      host: trickyText,
      pid: count,
      concurrency: count,
      orders_per_second: fc.double({ min: 0, max: 1e6, noNaN: true }),
      started_at: isoTime,
      last_seen: isoTime,
      stale: fc.boolean(),
    }),
    { maxLength: 30 },
  ),
  imports: fc.array(
    fc.record({
      file: trickyText,
      status: fc.constant('reading' as const),
      rows: count,
      started_at: isoTime,
      abandoned: fc.boolean(),
      resume: trickyText,
    }),
    { maxLength: 3 },
  ),
  recent_failures: fc.array(
    fc.record({
      order_id: trickyText,
      status: fc.constant('failed' as const),
      reason: fc.constantFrom(null, ...FAILURE_REASONS),
      message: fc.option(trickyText),
      failed_at: fc.option(isoTime),
    }),
    { maxLength: 5 },
  ),
})
const outcome = fc.record({ result: fc.constantFrom('done' as const, 'failed' as const), message: trickyText })
const alarm = (name: AlarmName) =>
  fc.record({
    name: fc.constant(name),
    crossed: fc.constant(true),
    value: fc.option(count),
    threshold: count,
    message: trickyText,
    fix: trickyText,
  })
const state: fc.Arbitrary<StatusModel> = fc.record({
  status,
  at: instant,
  countedAt: instant,
  now: fc.constant(NOW),
  runtimes: fc.constant(null),
  unreachable: problem,
  stepMs: fc.constantFrom(1000, 60_000),
  settled: fc.array(count, { maxLength: 400 }),
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
  alarms: fc.subarray(ALARM_NAMES).chain((names) => fc.tuple(...names.map(alarm))),
  trouble: problem,
  clock: trickyText,
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
          const calm = { ...drawn, trouble: undefined, alarms: [], status: { ...drawn.status, imports: [] } }
          const text = watchView(calm, { columns, rows }).map(lineText).join('\n')
          for (const heading of ['QUEUE', 'ORDERS', 'SETTLED', 'WORKERS', 'SCHEDULE']) expect(text).toContain(heading)
          if (calm.status.recent_failures.length > 0) expect(text).toContain('LATEST FAILURES')
        },
      ),
    )
  })
})

const shop: StatusModel = {
  now: NOW,
  at: NOW,
  countedAt: NOW,
  clock: '12:00:00 UTC',
  trouble: undefined,
  unreachable: undefined,
  runtimes: null,
  stepMs: 1000,
  settled: [0, 5, 10],
  schedule: [],
  alarms: [],
  status: {
    queue: {
      driver: 'embedded',
      paused: false,
      waiting: 12,
      active: 0,
      delayed: 0,
      oldest_waiting_seconds: 3,
      estimated_wait_seconds: null,
      transport: null,
    },
    orders: { pending: 12, reserved: 0, payment_processing: 0, completed: 7, failed: 0, rolled_back: 0 },
    unresolved: 0,
    throughput: { orders_per_minute: 15, orders_per_minute_5m: 3, orders_per_minute_1h: 1 },
    workers: Array.from({ length: 30 }, (_, index) => ({
      id: workerId(`worker-${index}`),
      host: 'here',
      pid: index,
      concurrency: 5,
      orders_per_second: 1,
      started_at: new Date(NOW).toISOString(),
      last_seen: new Date(index === 29 ? NOW - 60_000 : NOW).toISOString(),
      stale: index === 29,
    })),
    imports: [],
    recent_failures: [],
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

test('a screen that grows shorter is cut at the bottom, once lists and chart have two and three rows', () => {
  const failing: StatusModel = {
    ...shop,
    schedule: [{ name: 'kpis', description: '', cron: '0 * * * *' as CronLine, last: undefined, next: NOW }],
    status: {
      ...shop.status,
      recent_failures: [{ order_id: 'A-1', status: 'failed', reason: null, message: null, failed_at: null }],
    },
  }
  const shownAt = (rows: number) => textAt(80, rows, failing).match(/SCHEDULE|LATEST FAILURES|SETTLED|WORKERS|QUEUE/g)
  const all = ['QUEUE', 'SETTLED', 'WORKERS', 'LATEST FAILURES', 'SCHEDULE']
  // A line for the title, 7 for the figures, 4, 3, 2 and 2.
  expect([24, 19, 17, 15, 12, 8, 1].map(shownAt)).toEqual([
    all,
    all,
    all.slice(0, 4),
    all.slice(0, 3),
    all.slice(0, 2),
    all.slice(0, 1),
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

  test('say what is wrong alone where the screen is too low for both', () => {
    const names: AlarmName[] = ['failure_rate', 'low_stock', 'schedule']
    const wrong = names.map((name) => `! Alarm ${name}: ${name} is too high; the alarm is at 1.`)
    expect(alarmsAt(80, 40, ...names)).toHaveLength(6)
    expect(alarmsAt(80, 20, ...names)).toEqual(wrong)
    expect(alarmsAt(80, 3, ...names)).toEqual(wrong.slice(0, 2))
  })
})
