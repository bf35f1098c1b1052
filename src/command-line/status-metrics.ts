// The status for programs: Prometheus text, and the live view as lines of a log.
import { ORDER_STATUSES } from '../domain/order.js'
import type { StatusReading } from '../reports/status.js'
import type { Metric } from '../terminal/prometheus.js'
import type { StatusModel } from './status-model.js'

type Labels = Readonly<Record<string, string>>

/** A sample without a value is left out. */
function gauge(name: string, help: string, samples: readonly (readonly [Labels, number | null | undefined])[]): Metric {
  return {
    name: `orderctl_${name}`,
    help,
    samples: samples.flatMap(([labels, value]) => (typeof value === 'number' ? [{ labels, value }] : [])),
  }
}

export function statusMetrics({ status, runtimes }: StatusReading): Metric[] {
  const { queue, orders, unresolved, throughput, workers } = status
  const { transport, paused } = queue
  const byState = (counts: typeof transport | typeof queue) =>
    (['waiting', 'active', 'delayed'] as const).map((state) => [{ state }, counts?.[state]] as const)
  const byWorker = (measure: (worker: (typeof workers)[number]) => number) =>
    workers.map((worker) => {
      return [{ worker: worker.id, host: worker.host, pid: String(worker.pid) }, measure(worker)] as const
    })
  return [
    gauge('queue_orders', 'Orders in the queue, as the database has them.', byState(queue)),
    gauge('queue_oldest_waiting_seconds', 'Age of the oldest waiting order; 0 if none waits.', [
      [{}, queue.oldest_waiting_seconds ?? 0],
    ]),
    gauge(
      'queue_estimated_wait_seconds',
      'How long the live workers would take for all waiting orders; left out if unknown.',
      [[{}, queue.estimated_wait_seconds]],
    ),
    gauge('queue_paused', 'Whether the queue is paused (1) or open (0).', [
      [{}, paused === null ? null : Number(paused)],
    ]),
    gauge(`transport_${transport?.unit ?? 'batches'}`, "The same as the queue's server counts it.", byState(transport)),
    gauge(
      'orders',
      'Orders by status.',
      ORDER_STATUSES.map((status) => [{ status }, orders[status]]),
    ),
    gauge('orders_unresolved', 'Open orders that need review: payment_unknown and poison.', [[{}, unresolved]]),
    gauge('settled_orders_per_minute', 'Orders settled a minute, on average over the window.', [
      [{ window: '1m' }, throughput.orders_per_minute],
      [{ window: '5m' }, throughput.orders_per_minute_5m],
      [{ window: '1h' }, throughput.orders_per_minute_1h],
    ]),
    gauge(
      'batch_runtime_seconds',
      'Runtime of the batches of the last five minutes, from claimed to settled; the highest of any worker process.',
      [
        [{ quantile: '0.5' }, runtimes && runtimes.p50 / 1000],
        [{ quantile: '0.95' }, runtimes && runtimes.p95 / 1000],
        [{ quantile: '0.99' }, runtimes && runtimes.p99 / 1000],
      ],
    ),
    gauge(
      'worker_orders_per_second',
      'How fast each worker settles orders.',
      byWorker((worker) => worker.orders_per_second),
    ),
    gauge(
      'worker_last_seen_timestamp_seconds',
      'When each worker was last seen.',
      byWorker((worker) => Date.parse(worker.last_seen) / 1000),
    ),
  ]
}

/** `2026-03-04T12:00:00.000Z waiting=12 active=0 … workers=2 stale=0 alarms=0`. A figure that is not known is left out. */
export function statusLine({ now, at, status, alarms, trouble }: StatusModel): string {
  const { queue, orders, throughput, workers } = status
  const figures = {
    waiting: queue.waiting,
    active: queue.active,
    delayed: queue.delayed,
    completed: orders.completed,
    failed: orders.failed,
    rolled_back: orders.rolled_back,
    orders_per_minute: throughput.orders_per_minute,
    workers: workers.length,
    stale: workers.filter((worker) => worker.stale).length,
    alarms: alarms.length,
    ...(queue.paused === null ? {} : { paused: queue.paused ? 'yes' : 'no' }),
    ...(trouble ? { trouble: trouble.code, as_of: new Date(at).toISOString() } : {}),
  }
  const words = Object.entries(figures).map(([name, value]) => `${name}=${value}`)
  return [new Date(now).toISOString(), ...words].join(' ')
}
