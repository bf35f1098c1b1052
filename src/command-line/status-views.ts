// The state of things as tables and as Prometheus text.
import { ORDER_STATUSES } from '../domain/order.js'
import type { OpenImport, QueueState, RecentFailure, Status, WorkerState } from '../reports/status.js'
import type { Metric } from '../terminal/prometheus.js'
import type { Cell, Table } from '../terminal/table.js'
import { ago, duration } from '../terminal/text.js'
import { countCell } from './report-views.js'

export function figuresTable(status: Status, csv: boolean): Table {
  const { queue, orders, unresolved, throughput, estimatedWaitSeconds: left } = status
  const oldest = queue.oldestWaitingSeconds
  const figures: [string, Cell][] = [
    ['queue', `${queue.driver}${queue.paused ? ', paused' : ''}`],
    ['waiting', countCell(queue.waiting, csv)],
    ["in a worker's hand", countCell(queue.active, csv)],
    ['due later', countCell(queue.delayed, csv)],
    ['oldest waits for', oldest === null || csv ? oldest : duration(oldest)],
    ['all of them done in about', left === null || csv ? left : duration(left)],
    ...transportFigures(queue, csv),
    ...ORDER_STATUSES.map((status): [string, Cell] => [`orders ${status}`, countCell(orders[status], csv)]),
    ['orders to review', countCell(unresolved, csv)],
    ['settled in the last minute', countCell(throughput.lastMinute, csv)],
    ['a minute, over 5 minutes', countCell(tenths(throughput.fiveMinutes), csv)],
    ['a minute, over an hour', countCell(tenths(throughput.hour), csv)],
  ]
  return { columns: [{ heading: 'figure' }, { heading: 'value', align: 'right' }], rows: figures }
}

/** What the queue's server counts, beside what the database does. */
function transportFigures({ transport, driver }: QueueState, csv: boolean): [string, Cell][] {
  if (!transport) return []
  const { unit, waiting, active, delayed } = transport
  return [
    [`${unit} waiting in ${driver}`, countCell(waiting, csv)],
    [`${unit} in a worker's hand`, countCell(active, csv)],
    [`${unit} for later`, countCell(delayed, csv)],
  ]
}

export function workersTable(workers: readonly WorkerState[], now: number): Table {
  return {
    columns: [
      { heading: 'worker', flexible: true },
      { heading: 'host' },
      { heading: 'pid', align: 'right' },
      { heading: 'concurrency', align: 'right' },
      { heading: 'orders/s', align: 'right' },
      { heading: 'last seen' },
    ],
    rows: workers.map((worker) => [
      worker.id,
      worker.host,
      worker.pid,
      worker.concurrency,
      tenths(worker.ordersPerSecond),
      `${ago(worker.lastSeen, now)}${worker.stale ? ' (stale)' : ''}`,
    ]),
  }
}

export function importsTable(imports: readonly OpenImport[]): Table {
  return {
    columns: [
      { heading: 'file', flexible: true },
      { heading: 'rows so far', align: 'right' },
      { heading: 'process' },
      { heading: 'go on with' },
    ],
    rows: imports.map((run) => [
      run.file,
      countCell(run.rows, false),
      run.abandoned ? 'gone' : 'running',
      run.abandoned ? resumeCommand(run) : null,
    ]),
  }
}

export function failuresTable(failures: readonly RecentFailure[], now: number): Table {
  return {
    columns: [
      { heading: 'order' },
      { heading: 'status' },
      { heading: 'reason' },
      { heading: 'when' },
      { heading: 'message', flexible: true },
    ],
    rows: failures.map(({ reference, status, reason, message, failedAt }) => [
      reference,
      status,
      reason,
      failedAt === null ? null : ago(failedAt, now),
      message,
    ]),
  }
}

/** What a Prometheus server may scrape: the figures of the table, and each worker's pace. */
export function statusMetrics(status: Status): Metric[] {
  const { queue, orders, unresolved, throughput, pace, estimatedWaitSeconds, workers } = status
  const { waiting, active, delayed, oldestWaitingSeconds, paused, transport } = queue
  const gauge = (name: string, help: string, samples: Metric['samples']): Metric => ({
    name: `orderctl_${name}`,
    help,
    samples,
  })
  const byState = (counts: Record<string, number>) =>
    Object.entries(counts).map(([state, value]) => ({ labels: { state }, value }))
  return [
    gauge('queue_orders', 'Orders in the queue, as the database has them.', byState({ waiting, active, delayed })),
    gauge('queue_oldest_waiting_seconds', 'How long the oldest due order has waited; 0 where none waits.', [
      { labels: {}, value: oldestWaitingSeconds ?? 0 },
    ]),
    gauge(
      'queue_estimated_wait_seconds',
      'How long the live workers would take for all waiting orders; left out where that is unknown.',
      estimatedWaitSeconds === null ? [] : [{ labels: {}, value: estimatedWaitSeconds }],
    ),
    gauge(
      'queue_paused',
      'Whether the queue is paused (1) or open (0).',
      paused === null ? [] : [{ labels: {}, value: paused ? 1 : 0 }],
    ),
    gauge(
      `transport_${transport?.unit ?? 'batches'}`,
      "The same as the queue's server counts it.",
      transport ? byState({ waiting: transport.waiting, active: transport.active, delayed: transport.delayed }) : [],
    ),
    gauge(
      'orders',
      'Orders by status.',
      ORDER_STATUSES.map((status) => ({ labels: { status }, value: orders[status] })),
    ),
    gauge('orders_unresolved', 'Open orders that need review: payment_unknown and poison.', [
      { labels: {}, value: unresolved },
    ]),
    gauge('settled_orders_per_minute', 'Orders settled a minute, on average over the window.', [
      { labels: { window: '1m' }, value: throughput.lastMinute },
      { labels: { window: '5m' }, value: throughput.fiveMinutes },
      { labels: { window: '1h' }, value: throughput.hour },
    ]),
    gauge(
      'batch_runtime_seconds',
      'How long batches took that ended in the last five minutes, from taken in hand to settled.',
      Object.entries({ '0.5': pace.runtimes?.p50, '0.95': pace.runtimes?.p95, '0.99': pace.runtimes?.p99 }).flatMap(
        ([quantile, ms]) => (ms === undefined ? [] : [{ labels: { quantile }, value: ms / 1000 }]),
      ),
    ),
    gauge(
      'worker_orders_per_second',
      'How fast each worker settles orders.',
      workers.map((worker) => ({ labels: labelsOf(worker), value: worker.ordersPerSecond })),
    ),
    gauge(
      'worker_last_seen_timestamp_seconds',
      'When each worker was last seen.',
      workers.map((worker) => ({ labels: labelsOf(worker), value: worker.lastSeen / 1000 })),
    ),
  ]
}

function labelsOf({ id, host, pid }: WorkerState) {
  return { worker: id, host, pid: String(pid) }
}

/** As it is typed into a shell. */
export function resumeCommand({ file, source }: OpenImport): string {
  const quoted = /^[\w./-]+$/.test(file) ? file : `'${file.replaceAll("'", "'\\''")}'`
  return `orderctl import ${quoted}${source === 'default' ? '' : ` --source ${source}`} --resume`
}

export function tenths(number: number): number {
  return Math.round(number * 10) / 10
}
