// The sections of the status, as data: `status` prints them as tables, the live view draws them on one screen.
import { groupThousands } from '../domain/money.js'
import { ORDER_STATUSES, type OrderStatus } from '../domain/order.js'
import { MINUTE_MS, SECOND_MS } from '../domain/time.js'
import type { Status, StatusReading } from '../reports/status.js'
import type { ScheduledTask } from '../schedule/tasks.js'
import { type Ink, type Line, part } from '../terminal/line.js'
import type { Cell, Column, Table } from '../terminal/table.js'
import { ago, duration } from '../terminal/text.js'

export interface Figure {
  readonly label: string
  /** For CSV. */
  readonly value: Cell
  /** For people; null if there is nothing to show. */
  readonly text: string | null
  readonly ink?: Ink | undefined
}

const count = (label: string, value: number, ink?: Ink): Figure => ({ label, value, text: groupThousands(value), ink })

const time = (label: string, seconds: number | null): Figure => ({
  label,
  value: seconds,
  text: seconds === null ? null : duration(seconds < 60 ? Math.floor(seconds) : seconds),
})

export function queueFigures({ queue }: Status): Figure[] {
  const { driver, transport } = queue
  const figures = [
    count('waiting', queue.waiting),
    count('in progress', queue.active),
    count('due later', queue.delayed),
    time('oldest waiting', queue.oldest_waiting_seconds),
    time('all done in about', queue.estimated_wait_seconds),
  ]
  if (!transport) return figures
  return [...figures, count(`${transport.unit} in ${driver}`, transport.waiting + transport.active + transport.delayed)]
}

const STATUS_INKS: Partial<Record<OrderStatus, Ink>> = { completed: 'good', failed: 'warning', rolled_back: 'warning' }

export function orderFigures({ orders }: Status): Figure[] {
  return ORDER_STATUSES.map((status) =>
    count(status.replaceAll('_', ' '), orders[status], orders[status] > 0 ? STATUS_INKS[status] : undefined),
  )
}

export function figuresTable(status: Status, csv: boolean): Table {
  const { queue, throughput, unresolved } = status
  const figures = [
    ...queueFigures(status),
    ...orderFigures(status).map((figure) => ({ ...figure, label: `orders ${figure.label}` })),
    count('to review', unresolved),
    count('settled in the last minute', throughput.orders_per_minute),
    count('a minute, over 5 minutes', throughput.orders_per_minute_5m),
    count('a minute, over an hour', throughput.orders_per_minute_1h),
  ]
  return {
    columns: [{ heading: 'figure' }, { heading: 'value', align: 'right' }],
    rows: [
      ['queue', `${queue.driver}${queue.paused ? ', paused' : ''}`],
      ...figures.map(({ label, value, text }) => [label, csv ? value : text]),
    ],
  }
}

export interface Section {
  readonly name: string
  /** Follows the name. */
  readonly note: string
  readonly columns: readonly Column[]
  readonly rows: readonly Line[]
}

interface SectionColumn<Row> extends Column {
  cell(row: Row): string
  /** For this cell, instead of its row's. */
  ink?(row: Row): Ink
}

function column<Row>(
  heading: string,
  cell: (row: Row) => string,
  shape: Omit<Partial<SectionColumn<Row>>, 'cell'> = {},
): SectionColumn<Row> {
  return { heading, cell, ...shape }
}

function section<Row>(
  name: string,
  rows: readonly Row[],
  columns: readonly SectionColumn<Row>[],
  rowInk?: (row: Row) => Ink,
  note = '',
): Section {
  const lines = rows.map((row) => columns.map(({ cell, ink = rowInk }) => part(cell(row), ink?.(row))))
  return { name, note, columns, rows: lines }
}

export function sectionTable({ columns, rows }: Section): Table {
  return { columns, rows: rows.map((line) => line.map(({ text }) => text)) }
}

const since = (time: string | null, at: number) => (time === null ? '–' : ago(Date.parse(time), at))

export function workerSection({ status: { workers }, at }: StatusReading): Section {
  const stale = workers.filter((worker) => worker.stale).length
  return section(
    'Workers',
    // Stale ones first, since a short screen cuts the list at its end.
    workers.toSorted((a, b) => Number(b.stale) - Number(a.stale)),
    [
      column('worker', ({ stale, id }) => `${stale ? 'STALE ' : ''}${id.slice(0, 8)}`, { least: 18 }),
      column('last seen', ({ last_seen }) => since(last_seen, at), { least: 12 }),
      column('orders/s', (worker) => groupThousands(worker.orders_per_second), { align: 'right', least: 9, spare: 2 }),
      column('batches', ({ concurrency }) => String(concurrency), { align: 'right', spare: 3 }),
      column('host', ({ host }) => host, { flexible: true, least: 8, spare: 1 }),
      column('pid', ({ pid }) => String(pid), { align: 'right', least: 7, spare: 4 }),
    ],
    ({ stale }) => (stale ? 'bad' : 'plain'),
    ` ${workers.length}${stale > 0 ? `, ${stale} stale` : ''}`,
  )
}

export function importSection({ status: { imports } }: StatusReading): Section {
  return section(
    'Imports',
    imports,
    [
      column('file', ({ file }) => file, { flexible: true, least: 18 }),
      column('rows', ({ rows }) => groupThousands(rows), { align: 'right', least: 9 }),
      column('process', ({ abandoned }) => (abandoned ? 'gone' : 'running')),
      column('continue with', (run) => (run.abandoned ? run.resume : '–'), { flexible: true, least: 10, spare: 1 }),
    ],
    ({ abandoned }) => (abandoned ? 'warning' : 'plain'),
  )
}

export function failureSection({ status: { recent_failures }, at }: StatusReading): Section {
  return section('Latest failures', recent_failures, [
    column('order', ({ order_id }) => order_id, { flexible: true, least: 18 }),
    column('reason', ({ reason, status }) => reason ?? status, { least: 12, spare: 1, ink: () => 'warning' }),
    column('when', ({ failed_at }) => since(failed_at, at), { least: 12 }),
    column('message', ({ message }) => message ?? '', { flexible: true, least: 10, spare: 2 }),
  ])
}

export function scheduleSection(schedule: readonly ScheduledTask[], now: number): Section {
  return section('Schedule', schedule, [
    column('task', ({ name }) => name, { least: 12 }),
    column('next', ({ next }) => (next === null ? 'never' : `in ${untilNext(next - now)}`), { least: 10, spare: 1 }),
    column('last run', ({ last }) => (last ? ago(last.startedAt, now) : 'never'), { least: 12, spare: 2 }),
    column('result', ({ last }) => resultOf(last), { flexible: true, least: 10, ink: resultInk }),
  ])
}

function resultOf(last: ScheduledTask['last']): string {
  if (!last) return '–'
  return last.state === 'running' ? 'running' : `${last.state.result}: ${last.state.message}`
}

function resultInk({ last }: ScheduledTask): Ink {
  if (!last) return 'plain'
  if (last.state === 'running') return 'good'
  return last.state.result === 'failed' ? 'bad' : 'plain'
}

/** In whole minutes from one on, so that the view does not change every second. */
function untilNext(ms: number): string {
  return duration(ms < MINUTE_MS ? Math.max(0, Math.ceil(ms / SECOND_MS)) : Math.ceil(ms / MINUTE_MS) * 60)
}
