// The sections of the status, as data: `status` prints them as tables, the live view draws them on one screen.
import { groupThousands } from '../domain/money.js'
import { ORDER_STATUSES, type OrderStatus } from '../domain/order.js'
import { MINUTE_MS, SECOND_MS } from '../domain/time.js'
import type { Status, StatusReading } from '../reports/status.js'
import type { ScheduledTask } from '../schedule/overview.js'
import type { Grid } from '../terminal/grid.js'
import { type Ink, type Part, part } from '../terminal/line.js'
import type { Cell, Column, Table } from '../terminal/table.js'
import { ago, duration } from '../terminal/text.js'

/** Figures under a heading. */
export interface Figures {
  readonly title: string
  readonly figures: readonly Figure[]
}

interface Figure {
  readonly label: string
  /** For CSV. */
  readonly value: Cell
  /** For people; null if there is nothing to show. */
  readonly text: string | null
  readonly ink?: Ink
}

const count = (label: string, value: number, ink?: Ink): Figure => ({
  label,
  value,
  text: groupThousands(value),
  ...(ink ? { ink } : {}),
})

const time = (label: string, seconds: number | null): Figure => ({
  label,
  value: seconds,
  text: seconds === null ? null : duration(seconds < 60 ? Math.floor(seconds) : seconds),
})

export function queueFigures({ queue }: Status): Figures {
  const { transport } = queue
  return {
    title: 'Queue',
    figures: [
      count('waiting', queue.waiting),
      count('in progress', queue.active),
      count('due later', queue.delayed),
      time('oldest waiting', queue.oldest_waiting_seconds),
      time('all done in about', queue.estimated_wait_seconds),
      ...(transport
        ? [count(`${transport.unit} in ${queue.driver}`, transport.waiting + transport.active + transport.delayed)]
        : []),
    ],
  }
}

/** The statuses that call for a look. */
const STATUS_INKS: Partial<Record<OrderStatus, Ink>> = { completed: 'good', failed: 'warning', rolled_back: 'warning' }

export function orderFigures({ orders }: Status): Figures {
  const figures = ORDER_STATUSES.map((status) =>
    count(status.replaceAll('_', ' '), orders[status], orders[status] > 0 ? STATUS_INKS[status] : undefined),
  )
  return { title: 'Orders', figures }
}

function settledFigures({ throughput, unresolved }: Status): Figures {
  return {
    title: 'Settled',
    figures: [
      count('to review', unresolved),
      count('settled in the last minute', throughput.orders_per_minute),
      count('a minute, over 5 minutes', throughput.orders_per_minute_5m),
      count('a minute, over an hour', throughput.orders_per_minute_1h),
    ],
  }
}

export function figuresTable(status: Status, csv: boolean): Table {
  const { driver, paused } = status.queue
  const orders = orderFigures(status).figures.map((figure) => ({ ...figure, label: `orders ${figure.label}` }))
  const figures = [...queueFigures(status).figures, ...orders, ...settledFigures(status).figures]
  return {
    columns: [{ heading: 'figure' }, { heading: 'value', align: 'right' }],
    rows: [
      ['queue', `${driver}${paused ? ', paused' : ''}`],
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
      { heading: 'worker', least: 18, cell: ({ stale, id }) => `${stale ? 'STALE ' : ''}${id.slice(0, 8)}` },
      { heading: 'last seen', least: 12, cell: ({ last_seen }) => since(last_seen, at) },
      {
        ...{ heading: 'orders/s', align: 'right', least: 9, spare: 2 },
        cell: ({ orders_per_second }) => groupThousands(orders_per_second),
      },
      { heading: 'batches', align: 'right', spare: 3, cell: ({ concurrency }) => String(concurrency) },
      { heading: 'host', flexible: true, least: 8, spare: 1, cell: ({ host }) => host },
      { heading: 'pid', align: 'right', least: 7, spare: 4, cell: ({ pid }) => String(pid) },
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
      { heading: 'file', flexible: true, least: 18, cell: ({ file }) => file },
      { heading: 'rows', align: 'right', least: 9, cell: ({ rows }) => groupThousands(rows) },
      { heading: 'process', cell: ({ abandoned }) => (abandoned ? 'gone' : 'running') },
      {
        ...{ heading: 'continue with', flexible: true, least: 10, spare: 1 },
        cell: ({ abandoned, resume }) => (abandoned ? resume : '–'),
      },
    ],
    { inkOf: ({ abandoned }) => (abandoned ? 'warning' : 'plain') },
  )
}

export function failureSection({ status: { recent_failures }, at }: StatusReading): Section {
  return section('Latest failures', recent_failures, [
    { heading: 'order', flexible: true, least: 18, cell: ({ order_id }) => order_id },
    {
      ...{ heading: 'reason', least: 12, spare: 1 },
      cell: ({ reason, status }) => reason ?? status,
      ink: () => 'warning',
    },
    { heading: 'when', least: 12, cell: ({ failed_at }) => since(failed_at, at) },
    { heading: 'message', flexible: true, least: 10, spare: 2, cell: ({ message }) => message ?? '' },
  ])
}

export function scheduleSection(schedule: readonly ScheduledTask[], now: number): Section {
  return section('Schedule', schedule, [
    { heading: 'task', least: 12, cell: ({ name }) => name },
    {
      heading: 'next',
      least: 10,
      spare: 1,
      cell: ({ next }) => (next === null ? 'never' : `in ${untilNext(next - now)}`),
    },
    { heading: 'last run', least: 12, spare: 2, cell: ({ last }) => (last ? ago(last.startedAt, now) : 'never') },
    {
      ...{ heading: 'result', flexible: true, least: 10 },
      cell: ({ last }) => resultOf(last)[0],
      ink: ({ last }) => resultOf(last)[1],
    },
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
