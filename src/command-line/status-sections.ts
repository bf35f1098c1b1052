// The sections of the status as data. `status` prints them as tables; the live view draws them on one screen.
import { groupThousands } from '../domain/money.js'
import { ORDER_STATUSES } from '../domain/order.js'
import { MINUTE_MS, SECOND_MS } from '../domain/time.js'
import type { Alarm } from '../reports/alarms.js'
import type { Status, StatusReading } from '../reports/status.js'
import type { ScheduledTask } from '../schedule/tasks.js'
import { type Ink, type Line, part } from '../terminal/line.js'
import type { Cell, Column, Table } from '../terminal/table.js'
import { ago, capitalized, duration } from '../terminal/text.js'
import { STATUS_INKS, STATUS_LABELS } from './status-words.js'

export interface Figure {
  /** In lower case, as in CSV. Tables and the live view start it with a capital. */
  readonly label: string
  /** The value in CSV. */
  readonly value: Cell
  /** The value in tables; null if unknown. */
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
    time('estimated time left', queue.estimated_wait_seconds),
  ]
  if (!transport) return figures
  return [...figures, count(`${transport.unit} in ${driver}`, transport.waiting + transport.active + transport.delayed)]
}

/** Orders by status, with the cancelled ones apart from the failed ones. */
export function orderFigures({ orders, cancelled }: Status): Figure[] {
  const figures = ORDER_STATUSES.map((status) => {
    const value = orders[status] - (status === 'failed' ? cancelled : 0)
    return count(STATUS_LABELS[status], value, value > 0 ? STATUS_INKS[status] : undefined)
  })
  return cancelled > 0 ? [...figures, count('cancelled', cancelled)] : figures
}

export function figuresTable(status: Status, csv: boolean): Table {
  const { queue, throughput, unresolved } = status
  const figures = [
    ...queueFigures(status),
    ...orderFigures(status).map((figure) => ({ ...figure, label: `orders ${figure.label}` })),
    count('needs review', unresolved, unresolved > 0 ? 'warning' : undefined),
    count('settled in the last minute', throughput.orders_per_minute),
    count('per minute (5-minute average)', throughput.orders_per_minute_5m),
    count('per minute (1-hour average)', throughput.orders_per_minute_1h),
  ]
  const labelOf = (label: string) => (csv ? label : capitalized(label))
  return {
    columns: [{ heading: labelOf('figure') }, { heading: labelOf('value'), align: 'right' }],
    rows: [
      [labelOf('queue'), `${queue.driver}${queue.paused ? ', paused' : ''}`],
      ...figures.map(({ label, value, text, ink }) => [labelOf(label), csv ? value : text && part(text, ink)]),
      [labelOf('shop'), status.shop],
    ],
  }
}

export interface Section {
  readonly name: string
  /** Printed after the name. */
  readonly note: string
  readonly columns: readonly Column[]
  readonly rows: readonly Line[]
}

interface SectionColumn<Row> extends Column {
  cell(row: Row): string
  /** Overrides the ink of the row. */
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

/** Without the least widths, which only keep the columns of the live view in place. */
export function sectionTable({ columns, rows }: Section): Table {
  return { columns: columns.map(({ minWidth: _, ...column }) => column), rows }
}

const since = (time: string | null, at: number) => (time === null ? '–' : ago(Date.parse(time), at))

export function workerSection({ status: { workers }, at }: StatusReading): Section {
  const stale = workers.filter((worker) => worker.stale).length
  return section(
    'Workers',
    // Stale workers first, since a short screen cuts off the end of the list.
    workers.toSorted((a, b) => Number(b.stale) - Number(a.stale)),
    [
      column('Worker', (worker) => `${stateOf(worker)}${worker.id.slice(0, 8)}`, { minWidth: 18 }),
      column('Last seen', ({ last_seen }) => since(last_seen, at), { minWidth: 12 }),
      column('Orders/s', (worker) => groupThousands(worker.orders_per_second), {
        align: 'right',
        minWidth: 9,
        dropOrder: 2,
      }),
      column('Batches', ({ concurrency }) => groupThousands(concurrency), { align: 'right', dropOrder: 3 }),
      column('Host', ({ host }) => host, { flexible: true, minWidth: 8, dropOrder: 1 }),
      column('PID', ({ pid }) => String(pid), { align: 'right', minWidth: 7, dropOrder: 4 }),
    ],
    ({ stale, waiting_for }) => (stale ? 'bad' : waiting_for === null ? 'plain' : 'warning'),
    ` ${groupThousands(workers.length)}${stale > 0 ? `, ${groupThousands(stale)} stale` : ''}`,
  )
}

function stateOf({ stale, waiting_for }: Status['workers'][number]): string {
  if (stale) return 'STALE '
  return waiting_for === null ? '' : 'WAITING '
}

export function importSection({ status: { imports } }: StatusReading): Section {
  return section(
    'Imports',
    imports,
    [
      column('File', ({ file }) => file, { flexible: true, minWidth: 18 }),
      column('Rows', ({ rows }) => groupThousands(rows), { align: 'right', minWidth: 9 }),
      column('State', ({ abandoned, status }) =>
        abandoned ? 'interrupted' : status === 'undoing' ? 'undoing' : 'running',
      ),
      column('Continue with', (run) => (run.abandoned ? run.resume : '–'), {
        flexible: true,
        minWidth: 10,
        dropOrder: 1,
      }),
    ],
    ({ abandoned }) => (abandoned ? 'warning' : 'plain'),
  )
}

export function failureSection({ status: { recent_failures }, at }: StatusReading): Section {
  return section('Latest failures', recent_failures, [
    column('Order', ({ order_id }) => order_id, { flexible: true, minWidth: 18 }),
    column('Reason', ({ reason, status }) => reason ?? status, { minWidth: 12, dropOrder: 1, ink: () => 'warning' }),
    column('When', ({ failed_at }) => since(failed_at, at), { minWidth: 12 }),
    column('Message', ({ message }) => message ?? '', { flexible: true, minWidth: 10, dropOrder: 2 }),
  ])
}

export function alarmSection(alarms: readonly Alarm[]): Section {
  return section('Alarms', alarms, [
    column('Alarm', ({ name }) => name, { ink: () => 'bad' }),
    column('Message', ({ message }) => message, { flexible: true }),
  ])
}

export function scheduleSection(schedule: readonly ScheduledTask[], now: number): Section {
  return section('Schedule', schedule, [
    column('Task', ({ name }) => name, { minWidth: 12 }),
    column('Next run', ({ next }) => (next === null ? 'never' : `in ${untilNext(next - now)}`), {
      minWidth: 10,
      dropOrder: 1,
    }),
    column('Last run', ({ last }) => (last ? ago(last.startedAt, now) : 'never'), { minWidth: 12, dropOrder: 2 }),
    column('Result', ({ last }) => resultOf(last), { flexible: true, minWidth: 10, ink: resultInk }),
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

/** Rounded up to minutes from one minute on, so that the view does not change every second. */
function untilNext(ms: number): string {
  return duration(ms < MINUTE_MS ? Math.max(0, Math.ceil(ms / SECOND_MS)) : Math.ceil(ms / MINUTE_MS) * 60)
}
