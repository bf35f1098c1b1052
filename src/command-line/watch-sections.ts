// The parts of the live view: figures in, lines out.

import { groupThousands } from '../domain/money.js'
import { ORDER_STATUSES, type OrderStatus } from '../domain/order.js'
import { MINUTE_MS, SECOND_MS } from '../domain/time.js'
import type { UserError } from '../errors.js'
import type { Alarm } from '../reports/alarms.js'
import type { LiveFigures } from '../reports/live-status.js'
import type { OpenImport, RecentFailure, Status, WorkerState } from '../reports/status.js'
import type { ScheduledTask } from '../schedule/overview.js'
import { columnChart } from '../terminal/column-chart.js'
import { type GridColumn, gridLines } from '../terminal/grid.js'
import { cutLine, fitLine, type Ink, type Line, lineWidth, part } from '../terminal/line.js'
import { ago, countOf, duration } from '../terminal/text.js'
import { tenths } from './status-views.js'

/** All that the view shows. */
export interface WatchState extends LiveFigures {
  readonly schedule: readonly ScheduledTask[]
  /** Those that are crossed. */
  readonly alarms: readonly Alarm[]
  /** Epoch milliseconds. */
  readonly now: number
  /** What is shown is what was true before this happened, at the status' own time. */
  readonly trouble: UserError | undefined
  /** Now, as the shop's clock shows it. */
  readonly clock: string
}

const heading = (text: string): Line => [part(text, 'bold')]
const label = (text: string): Line => [part(text, 'dim')]

/** What a person should know of beside the alarms, the worst first. */
export function noticeLines({ status, trouble, now }: WatchState, notes: readonly string[]): Line[] {
  const { queue, imports } = status
  const notices: Line[] = []
  const say = (ink: Ink, text: string) => notices.push([part(`! ${text}`, ink)])
  if (trouble) say('bad', `As of ${ago(status.at, now)}: ${trouble.message}`)
  if (queue.unreachable) say('bad', queue.unreachable.message)
  for (const note of notes) say('warning', note)
  for (const run of imports) notices.push(importLine(run))
  return notices
}

/**
 * A line for each alarm, and below it, for as many as the height has room for, what to do. Where there is not a line for
 * each, the last one names the rest.
 *
 * @param height no less than two, where there are several
 */
export function alarmLines(alarms: readonly Alarm[], height: number): Line[] {
  const told = height < alarms.length ? alarms.slice(0, height - 1) : alarms
  const others = alarms.slice(told.length)
  const withFix = height - alarms.length
  return [
    ...told.flatMap(({ name, message, fix }, index): Line[] => [
      [part(`! Alarm ${name}: ${message}`, 'bad')],
      ...(index < withFix ? [[part(`  ${fix}`)]] : []),
    ]),
    ...(others.length > 0 ? [[part(`! Alarms: ${others.map(({ name }) => name).join(', ')}`, 'bad')]] : []),
  ]
}

function importLine({ file, rows, abandoned }: OpenImport): Line {
  const soFar = countOf(rows, 'row')
  return abandoned
    ? [part(`! An import broke off after ${soFar}; orderctl status says how to go on: ${file}`, 'warning')]
    : [part(`  Importing, ${soFar} so far: ${file}`)]
}

export function queueLines({ queue }: Status): Line[] {
  const { transport, oldestWaitingSeconds: oldest } = queue
  const figures: [string, string][] = [
    ['waiting', groupThousands(queue.waiting)],
    ["in a worker's hand", groupThousands(queue.active)],
    ['to be asked again', groupThousands(queue.delayed)],
    ['oldest waits for', oldest === null ? '–' : duration(Math.floor(oldest))],
  ]
  if (transport) {
    const { unit, waiting, active, delayed } = transport
    figures.push([`${unit} in ${queue.driver}`, groupThousands(waiting + active + delayed)])
  }
  return figureLines([part('QUEUE', 'bold'), part(queue.paused ? '  paused' : '', 'warning')], figures)
}

/** Of the statuses, those that call for a look. */
const STATUS_INKS: Partial<Record<OrderStatus, Ink>> = { completed: 'good', failed: 'warning', rolled_back: 'warning' }

/** Below this, the count is as good as new. */
const FRESH_MS = 3000

export function orderLines({ status: { orders }, countedAt, now }: WatchState): Line[] {
  const counted = now - countedAt < FRESH_MS ? '' : `  as of ${ago(countedAt, now)}`
  const figures = ORDER_STATUSES.map((status): [string, string, Ink] => [
    status.replaceAll('_', ' '),
    groupThousands(orders[status]),
    orders[status] > 0 ? (STATUS_INKS[status] ?? 'plain') : 'plain',
  ])
  return figureLines([part('ORDERS', 'bold'), part(counted, 'dim')], figures)
}

const LABEL_WIDTH = 20
const FIGURE_WIDTH = 11
export const FIGURES_WIDTH = LABEL_WIDTH + FIGURE_WIDTH

function figureLines(title: Line, figures: readonly (readonly [string, string, Ink?])[]): Line[] {
  const lines = figures.map(([name, value, ink]) => [
    ...fitLine([part(name)], LABEL_WIDTH),
    ...fitLine([part(value, ink)], FIGURE_WIDTH, 'right'),
  ])
  return [cutLine(title, FIGURES_WIDTH), ...lines]
}

/** Batches end together: over one step alone the pace would jump. */
const PACE_STEPS = 5

/** A line of figures, then the chart in what is left of the height. */
export function throughputLines(
  { status: { throughput }, settled }: WatchState,
  width: number,
  height: number,
): Line[] {
  const perSecond = settled.counts.map((count) => (count * 1000) / settled.stepMs)
  const figures = [
    `  ${groupThousands(tenths(mean(perSecond.slice(-PACE_STEPS))))} orders/s`,
    ` · last minute ${groupThousands(throughput.lastMinute)}`,
    ` · 5 min ${groupThousands(Math.round(throughput.fiveMinutes))}/min`,
    ` · 1 h ${groupThousands(Math.round(throughput.hour))}/min`,
    ` · each column ${duration(settled.stepMs / 1000)}`,
  ]
  let title: Line = [part('SETTLED', 'bold')]
  for (const figure of figures) {
    const longer = [...title, part(figure)]
    if (lineWidth(longer) > width) break
    title = longer
  }
  return [title, ...columnChart(perSecond, width, Math.max(0, height - 1))]
}

function mean(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0) / Math.max(1, numbers.length)
}

export function workerLines({ workers, at }: Status, width: number): Line[] {
  const stale = workers.filter((worker) => worker.stale).length
  const title = `WORKERS ${workers.length}${stale > 0 ? `, ${stale} stale` : ''}`
  const columns: GridColumn[] = [
    { heading: heading(title), least: 18 },
    { heading: label('last seen'), least: 12 },
    { heading: label('orders/s'), align: 'right', least: 9, spare: 2 },
    { heading: label('batches'), align: 'right', spare: 3 },
    { heading: label('host'), flexible: true, least: 8, spare: 1 },
    { heading: label('pid'), align: 'right', least: 7, spare: 4 },
  ]
  // Those that may be dead come first, where a short screen does not cut them off.
  const sorted = workers.toSorted((a, b) => Number(b.stale) - Number(a.stale))
  return gridLines(
    columns,
    sorted.map((worker) => workerCells(worker, at)),
    width,
  )
}

function workerCells(worker: WorkerState, now: number): Line[] {
  const ink = worker.stale ? 'bad' : 'plain'
  const cells = [
    `${worker.stale ? 'STALE ' : ''}${worker.id.slice(0, 8)}`,
    ago(worker.lastSeen, now),
    groupThousands(tenths(worker.ordersPerSecond)),
    String(worker.concurrency),
    worker.host,
    String(worker.pid),
  ]
  return cells.map((text) => [part(text, ink)])
}

export function failureLines({ failures, at }: Status, width: number): Line[] {
  const columns: GridColumn[] = [
    { heading: heading('LATEST FAILURES'), flexible: true, least: 18 },
    { heading: label('reason'), least: 12, spare: 1 },
    { heading: label('when'), least: 12 },
    { heading: label('message'), flexible: true, least: 10, spare: 2 },
  ]
  return gridLines(
    columns,
    failures.map((failure) => failureCells(failure, at)),
    width,
  )
}

function failureCells({ reference, status, reason, message, failedAt }: RecentFailure, now: number): Line[] {
  return [
    [part(reference)],
    [part(reason ?? status, 'warning')],
    [part(failedAt === null ? '–' : ago(failedAt, now))],
    [part(message ?? '')],
  ]
}

export function scheduleLines({ schedule, now }: WatchState, width: number): Line[] {
  const columns: GridColumn[] = [
    { heading: heading('SCHEDULE'), least: 12 },
    { heading: label('next'), least: 10, spare: 1 },
    { heading: label('last run'), least: 12, spare: 2 },
    { heading: label('result'), flexible: true, least: 10 },
  ]
  return gridLines(
    columns,
    schedule.map((task) => taskCells(task, now)),
    width,
  )
}

function taskCells({ name, last, next }: ScheduledTask, now: number): Line[] {
  const [result, ink] = resultOf(last)
  return [
    [part(name)],
    [part(next === null ? 'never' : `in ${untilNext(next - now)}`)],
    [part(last ? ago(last.startedAt, now) : 'never')],
    [part(result, ink)],
  ]
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
