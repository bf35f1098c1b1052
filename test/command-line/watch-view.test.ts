// The live view keeps to the screen, whatever the figures and the names in them.
import fc from 'fast-check'
import stringWidth from 'string-width'
import { describe, expect, test } from 'vitest'
import type { StatusModel } from '../../src/command-line/status-model.js'
import { watchView } from '../../src/command-line/watch-view.js'
import type { CronLine } from '../../src/config/values.js'
import type { WorkerId } from '../../src/domain/ids.js'
import { UserError } from '../../src/errors.js'
import type { Alarm, AlarmName } from '../../src/reports/alarms.js'
import { lineText } from '../../src/terminal/line.js'
import { trickyText } from '../support/any-text.js'

const NOW = Date.parse('2026-03-04T12:00:00Z')

/** How many there are of each, and what each of them is called, counts and happened when. */
interface Draft {
  readonly workers?: number
  readonly stale?: number
  readonly imports?: number
  readonly failures?: number
  readonly tasks?: number
  readonly alarms?: readonly AlarmName[]
  readonly transport?: boolean
  readonly trouble?: boolean
  readonly text?: string
  readonly count?: number
  readonly at?: number
  readonly settled?: readonly number[]
}

function model(draft: Draft): StatusModel {
  const { workers = 0, stale = 0, text, count = 12, at = NOW, transport = false, trouble = false } = draft
  const list = <Item>(length: number | undefined, item: (index: number) => Item) =>
    Array.from({ length: length ?? 0 }, (_, index) => item(index))
  const time = new Date(at).toISOString()
  const counts = { waiting: count, active: count, delayed: count, oldest_waiting_seconds: count }
  const problem = trouble ? new UserError({ code: 'trouble', message: text ?? 'away', fix: 'none' }) : undefined
  return {
    ...{ now: NOW, at, countedAt: at, clock: text ?? '12:00:00 UTC', stepMs: 1000, runtimes: null },
    ...{ trouble: problem, unreachable: problem, settled: draft.settled ?? [0, 5, 10] },
    schedule: list(draft.tasks, (index) => ({
      ...{ name: text ?? 'kpis', description: '', cron: '0 * * * *' as CronLine, next: index % 3 ? NOW + count : null },
      last: index % 2 ? { startedAt: at, state: { result: 'done' as const, message: text ?? '' } } : undefined,
    })),
    alarms: (draft.alarms ?? []).map((name) => ({
      ...{ name, state: 'failed' as const, value: count, threshold: 1 },
      message: text ?? `${name} is too high; the alarm is at 1.`,
      fix: text ?? `Bring ${name} down.`,
    })),
    status: {
      queue: {
        ...{ driver: text ?? 'embedded', paused: transport, ...counts, estimated_wait_seconds: count },
        transport: transport ? { unit: 'batches', ...counts } : null,
      },
      orders: { pending: count, reserved: 0, payment_processing: 0, completed: 7, failed: count, rolled_back: count },
      unresolved: 0,
      throughput: { orders_per_minute: count, orders_per_minute_5m: count, orders_per_minute_1h: count },
      workers: list(workers, (index) => ({
        ...{ id: (text ?? `worker-${index}`) as string as WorkerId, host: text ?? 'here', pid: index, concurrency: 5 },
        ...{ orders_per_second: count, started_at: time, last_seen: time, stale: index >= workers - stale },
      })),
      imports: list(draft.imports, (index) => ({
        ...{ file: text ?? 'orders.csv', status: 'reading' as const, rows: count, started_at: time },
        ...{ abandoned: index % 2 === 0, resume: text ?? 'orderctl import orders.csv --resume' },
      })),
      recent_failures: list(draft.failures, (index) => ({
        ...{ order_id: text ?? 'A-1', status: 'failed' as const, reason: index % 2 ? null : ('poison' as const) },
        ...{ message: text ?? null, failed_at: index % 3 ? time : null },
      })),
    },
  }
}

const ALARM_NAMES: AlarmName[] = ['wait', 'failure_rate', 'unresolved', 'stale_workers', 'low_stock', 'schedule']
const count = fc.oneof(fc.nat(20), fc.nat(2_000_000_000))
const anyDraft = fc.record({
  ...{ workers: fc.nat(30), stale: fc.nat(3), imports: fc.nat(3), failures: fc.nat(5), tasks: fc.nat(6) },
  ...{ alarms: fc.subarray(ALARM_NAMES), transport: fc.boolean(), trouble: fc.boolean() },
  ...{ text: trickyText, count, at: fc.integer({ min: NOW - 1e9, max: NOW + 1e9 }) },
  settled: fc.array(count, { maxLength: 400 }),
})
const size = (least: { columns: number; rows: number }) =>
  fc.record({
    columns: fc.integer({ min: least.columns, max: 300 }),
    rows: fc.integer({ min: least.rows, max: 80 }),
  })

const textAt = (columns: number, rows: number, drawn: StatusModel) =>
  watchView(drawn, { columns, rows })
    .map((line) => lineText(line).trimEnd())
    .join('\n')

describe('any screen', () => {
  test('has no line more than rows and none wider than it is, and nothing in it moves the cursor', () => {
    fc.assert(
      fc.property(anyDraft, size({ columns: 1, rows: 1 }), (draft, screen) => {
        const lines = watchView(model(draft), screen).map(lineText)
        expect(lines.length).toBeLessThanOrEqual(screen.rows)
        for (const line of lines) {
          expect(stringWidth(line)).toBeLessThanOrEqual(screen.columns)
          expect(line).not.toMatch(/\p{Cc}/u)
        }
      }),
    )
  })

  test('of a usual size has every section, however many workers there are', () => {
    fc.assert(
      fc.property(anyDraft, size({ columns: 80, rows: 24 }), (draft, { columns, rows }) => {
        const text = textAt(columns, rows, model({ ...draft, trouble: false, imports: 0, alarms: [] }))
        for (const heading of ['QUEUE', 'ORDERS', 'SETTLED', 'WORKERS', 'SCHEDULE']) expect(text).toContain(heading)
        if (draft.failures > 0) expect(text).toContain('LATEST FAILURES')
      }),
    )
  })
})

test('of more workers than there is room for, the stale one comes first and the rest is counted', () => {
  const text = textAt(80, 24, model({ workers: 30, stale: 1 }))
  expect(text).toContain(
    [
      'WORKERS 30, 1 stale  last seen      orders/s  batches  host          pid',
      'STALE worker-2       just now             12        5  here           29',
      'worker-0             just now             12        5  here            0',
    ].join('\n'),
  )
  const shown = text.match(/^(STALE )?worker-/gm)?.length ?? 0
  expect(text).toContain(`… ${30 - shown} more`)
})

test('a screen that grows shorter is cut at the bottom', () => {
  const drawn = model({ workers: 30, failures: 1, tasks: 1 })
  const shownAt = (rows: number) => textAt(80, rows, drawn).match(/SCHEDULE|LATEST FAILURES|SETTLED|WORKERS|QUEUE/g)
  const all = ['QUEUE', 'SETTLED', 'WORKERS', 'LATEST FAILURES', 'SCHEDULE']
  // One line for the title, 7 for the figures, 4, 3, 2 and 2.
  expect([24, 19, 17, 15, 12, 8, 1].map((rows) => shownAt(rows)?.length ?? 0)).toEqual([5, 5, 4, 3, 2, 1, 0])
  expect(shownAt(19)).toEqual(all)
})

test('a count by status that is old says so', () => {
  expect(textAt(80, 24, model({}))).toMatch(/ORDERS$/m)
  expect(textAt(80, 24, model({ at: NOW - 8000 }))).toMatch(/ORDERS {2}as of 8 s ago$/m)
})

describe('alarms', () => {
  const alarmsAt = (columns: number, rows: number, ...alarms: Alarm['name'][]) =>
    textAt(columns, rows, model({ workers: 30, alarms }))
      .split('\n')
      .filter((line) => /^! |^ {2}Bring/.test(line))
  const wrong = (name: AlarmName) => `! Alarm ${name}: ${name} is too high; the alarm is at 1.`

  test('say what is wrong and what to do, cut to the width', () => {
    const both = [wrong('failure_rate'), '  Bring failure_rate down.', wrong('low_stock'), '  Bring low_stock down.']
    expect(alarmsAt(80, 40, 'failure_rate', 'low_stock')).toEqual(both)
    expect(alarmsAt(20, 40, 'low_stock')).toEqual(['! Alarm low_stock: …', '  Bring low_stock d…'])
  })

  test('say what is wrong alone where the screen is too low for both', () => {
    const names: AlarmName[] = ['failure_rate', 'low_stock', 'schedule']
    expect(alarmsAt(80, 20, ...names)).toEqual(names.map(wrong))
    expect(alarmsAt(80, 3, ...names)).toEqual(names.slice(0, 2).map(wrong))
  })
})
