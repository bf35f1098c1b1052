// The live view fits any screen, whatever figures and names it shows.
import fc from 'fast-check'
import stringWidth from 'string-width'
import { expect, test } from 'vitest'
import type { StatusModel } from '../../src/command-line/status-model.js'
import { watchView } from '../../src/command-line/watch-view.js'
import type { CronLine } from '../../src/config/values.js'
import type { ShopId, WorkerId } from '../../src/domain/ids.js'
import { UserError } from '../../src/errors.js'
import type { AlarmName } from '../../src/reports/alarms.js'
import { lineText } from '../../src/terminal/line.js'
import { trickyText } from '../support/any-text.js'

const NOW = Date.parse('2026-03-04T12:00:00Z')

const ALARMS: AlarmName[] = ['wait', 'failure_rate', 'unresolved', 'stale_workers', 'low_stock', 'schedule']
const count = fc.oneof(fc.nat(20), fc.nat(2_000_000_000))

/** How many there are of each, and the name, figure and time that all of them have. */
const anyDraft = fc.record({
  ...{ workers: fc.nat(30), stale: fc.nat(3), imports: fc.nat(3), failures: fc.nat(5), tasks: fc.nat(6) },
  ...{ alarms: fc.subarray(ALARMS), transport: fc.boolean(), trouble: fc.boolean() },
  ...{ text: trickyText, count, at: fc.integer({ min: NOW - 1e9, max: NOW + 1e9 }) },
  settled: fc.array(count, { maxLength: 400 }),
})

type Draft = Partial<typeof anyDraft extends fc.Arbitrary<infer Value> ? Value : never>

function model(draft: Draft): StatusModel {
  const { workers = 0, stale = 0, text, count = 12, at = NOW, transport = false, trouble = false } = draft
  const list = <Item>(length: number | undefined, item: (index: number) => Item) =>
    Array.from({ length: length ?? 0 }, (_, index) => item(index))
  const time = new Date(at).toISOString()
  const counts = { waiting: count, active: count, delayed: count, oldest_waiting_seconds: count }
  const problem = trouble ? new UserError({ code: 'trouble', message: text ?? 'away', fix: 'none' }) : undefined
  return {
    ...{ now: NOW, at, clock: text ?? '12:00:00 UTC', stepMs: 1000, runtimes: null },
    ...{ trouble: problem, unreachable: problem, settled: draft.settled ?? [0, 5, 10] },
    schedule: list(draft.tasks, (index) => ({
      ...{ name: text ?? 'kpis', description: '', cron: '0 * * * *' as CronLine, next: index % 3 ? NOW + count : null },
      last: index % 2 ? { startedAt: at, state: { result: 'done' as const, message: text ?? '' } } : undefined,
    })),
    alarms: (draft.alarms ?? []).map((name) => ({
      ...{ name, state: 'failed' as const, value: count, threshold: 1 },
      message: text ?? 'too high',
      fix: text ?? `Bring ${name} down.`,
    })),
    status: {
      shop: '0123456789ab' as ShopId,
      queue: {
        ...{ driver: text ?? 'embedded', paused: transport, ...counts, estimated_wait_seconds: count },
        transport: transport ? { unit: 'batches', ...counts } : null,
      },
      orders: { pending: count, reserved: 0, payment_processing: 0, completed: 7, failed: count, rolled_back: count },
      cancelled: 0,
      unresolved: 0,
      refunds_to_review: 0,
      throughput: { orders_per_minute: count, orders_per_minute_5m: count, orders_per_minute_1h: count },
      workers: list(workers, (index) => ({
        ...{ id: (text ?? `worker-${index}`) as string as WorkerId, host: text ?? 'here', pid: index, concurrency: 5 },
        ...{ orders_per_second: count, started_at: time, last_seen: time, stale: index >= workers - stale },
        waiting_for: null,
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

const anySize = (columns: number, rows: number) =>
  fc.record({ columns: fc.integer({ min: columns, max: 300 }), rows: fc.integer({ min: rows, max: 80 }) })

const textAt = (columns: number, rows: number, drawn: StatusModel) =>
  watchView(drawn, { columns, rows })
    .map((line) => lineText(line).trimEnd())
    .join('\n')

test('fits any screen, with no control characters', () => {
  fc.assert(
    fc.property(anyDraft, anySize(1, 1), (draft, screen) => {
      const lines = watchView(model(draft), screen).map(lineText)
      expect(lines.length).toBeLessThanOrEqual(screen.rows)
      for (const line of lines) {
        expect(stringWidth(line)).toBeLessThanOrEqual(screen.columns)
        expect(line).not.toMatch(/\p{Cc}/u)
      }
    }),
  )
})

test('has every section at 80 x 24 and above, however many workers there are', () => {
  fc.assert(
    fc.property(anyDraft, anySize(80, 24), (draft, { columns, rows }) => {
      const text = textAt(columns, rows, model({ ...draft, trouble: false, imports: 0, alarms: [] }))
      for (const heading of ['QUEUE', 'ORDERS', 'SETTLED', 'WORKERS', 'SCHEDULE']) expect(text).toContain(heading)
      if (draft.failures > 0) expect(text).toContain('LATEST FAILURES')
    }),
  )
})

test('drops sections from the bottom as the screen gets shorter, and counts workers that have no room', () => {
  const drawn = model({ workers: 30, failures: 1, tasks: 1 })
  const sections = ['QUEUE', 'SETTLED', 'WORKERS', 'LATEST FAILURES', 'SCHEDULE']
  // One line for the title, then 7, 4, 3, 2 and 2 for the sections.
  for (const [index, rows] of [1, 8, 12, 15, 17, 19].entries()) {
    const shown = textAt(80, rows, drawn).match(/SCHEDULE|LATEST FAILURES|SETTLED|WORKERS|QUEUE/g) ?? []
    expect(shown, `${rows} rows`).toEqual(sections.slice(0, index))
  }
  expect(textAt(80, 24, drawn)).toMatch(/^WORKERS 30 [\s\S]*\n… \d+ more$/m)
})

test.for([
  [80, 40, ['! Alarm wait: too high', '  Bring wait down.', '! Alarm low_stock: too high', '  Bring low_stock down.']],
  [20, 40, ['! Alarm wait: too h…', '  Bring wait down.', '! Alarm low_stock: …', '  Bring low_stock d…']],
  // Too short for the fixes, and then for all alarms.
  [80, 20, ['! Alarm wait: too high', '! Alarm low_stock: too high']],
  [80, 2, ['! Alarm wait: too high']],
] as const)('shows alarms with their fixes as far as they fit on %i x %i', ([columns, rows, alarms]) => {
  const text = textAt(columns, rows, model({ workers: 30, alarms: ['wait', 'low_stock'] }))
  expect(text.split('\n').filter((line) => /^! |^ {2}Bring/.test(line))).toEqual(alarms)
})
