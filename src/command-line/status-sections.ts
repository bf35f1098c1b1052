// The sections of the status, as data: `status` prints them as tables, the live view draws them on one screen.
import { groupThousands } from '../domain/money.js'
import { ORDER_STATUSES, type OrderStatus } from '../domain/order.js'
import { MINUTE_MS, SECOND_MS } from '../domain/time.js'
import type { Status, StatusReading } from '../reports/status.js'
import type { ScheduledTask } from '../schedule/tasks.js'
import type { Grid } from '../terminal/grid.js'
import { type Ink, type Part, part } from '../terminal/line.js'
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

/** The statuses that call for a look. */
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

/** Rows under a title, which has its name in capitals on the screen. */
export interface Section {
  readonly name: string
  readonly note: string
  readonly columns: readonly Column[]
  readonly rows: readonly (readonly Part[])[]
}

interface SectionColumn<Row> extends Column {
  cell(row: Row): string
  /** For this cell, in place of its row's. */
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
  { note = '', inkOf }: { readonly note?: string; readonly inkOf?: (row: Row) => Ink } = {},
): Section {
  return {
    ...{ name, note, columns },
    rows: rows.map((row) => columns.map(({ cell, ink = inkOf }) => part(cell(row), ink?.(row)))),
  }
}

export function sectionTable({ columns, rows }: Section): Table {
  return { columns, rows: rows.map((parts) => parts.map(({ text }) => text)) }
}

/** With at most as many rows as this; the last one says how many are left out. */
export function sectionGrid({ name, note, columns, rows }: Section, most: number): Grid {
  const shown = rows.length > most ? rows.slice(0, most - 1) : rows
  const rest = rows.length - shown.length
  return {
    title: `${name.toUpperCase()}${note}`,
    columns,
    rows: rest > 0 ? [...shown, [part(`… ${rest} more`, 'dim'), ...columns.slice(1).map(() => part(''))]] : shown,
  }
}

const since = (time: string | null, at: number) => (time === null ? '–' : ago(Date.parse(time), at))

export function workerSection({ status: { workers }, at }: StatusReading): Section {
  const stale = workers.filter((worker) => worker.stale).length
  return section(
    'Workers',
    // Stale ones first: a short screen cuts the list at its end.
    workers.toSorted((a, b) => Number(b.stale) - Number(a.stale)),
    [
      column('worker', ({ stale, id }) => `${stale ? 'STALE ' : ''}${id.slice(0, 8)}`, { least: 18 }),
      column('last seen', ({ last_seen }) => since(last_seen, at), { least: 12 }),
      column('orders/s', (worker) => groupThousands(worker.orders_per_second), { align: 'right', least: 9, spare: 2 }),
      column('batches', ({ concurrency }) => String(concurrency), { align: 'right', spare: 3 }),
      column('host', ({ host }) => host, { flexible: true, least: 8, spare: 1 }),
      column('pid', ({ pid }) => String(pid), { align: 'right', least: 7, spare: 4 }),
    ],
    {
      note: ` ${workers.length}${stale > 0 ? `, ${stale} stale` : ''}`,
      inkOf: ({ stale }) => (stale ? 'bad' : 'plain'),
    },
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
    { inkOf: ({ abandoned }) => (abandoned ? 'warning' : 'plain') },
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
    column('result', ({ last }) => resultOf(last)[0], {
      ...{ flexible: true, least: 10 },
      ink: ({ last }) => resultOf(last)[1],
    }),
  ])
}

function resultOf(last: ScheduledTask['last']): [string, Ink] {
  if (!last) return ['–', 'plain']
  if (last.state === 'running') return ['running', 'good']
  const { result, message } = last.state
  return [`${result}: ${message}`, result === 'failed' ? 'bad' : 'plain']
}

/** In whole minutes from one on: a view in which every second changes every line is hard to read. */
function untilNext(ms: number): string {
  return duration(ms < MINUTE_MS ? Math.max(0, Math.ceil(ms / SECOND_MS)) : Math.ceil(ms / MINUTE_MS) * 60)
}
