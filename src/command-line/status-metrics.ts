// The status for programs: alarms as JSON, Prometheus metrics, and one log line per refresh.
import type { Alarm } from '../reports/alarms.js'
import type { StatusReading } from '../reports/status.js'
import type { Metric } from '../terminal/prometheus.js'
import type { StatusModel } from './status-model.js'

export type AlarmJson = ReturnType<typeof alarmsJson>[number]

export function alarmsJson(alarms: readonly Alarm[]) {
  return alarms.map(({ name, state, value, threshold, message, fix }) => {
    const crossed = state === 'failed'
    const rounded = value === null ? null : Math.round(value * 1000) / 1000
    return { name, crossed, value: rounded, threshold, message, fix: crossed ? fix : null }
  })
}

type Sample = readonly [labels: Readonly<Record<string, string>>, value: number | null | undefined]

const only = (value: Sample[1]): Sample[] => [[{}, value]]

/** One sample per value, labelled with its key. */
const by = (label: string, values: Readonly<Record<string, Sample[1]>>) =>
  Object.entries(values).map(([key, value]): Sample => [{ [label]: key }, value])

/** Leaves out samples without a value. */
function gauge(name: string, help: string, samples: readonly Sample[]): Metric {
  const known = samples.flatMap(([labels, value]) => (typeof value === 'number' ? [{ labels, value }] : []))
  return { name: `orderctl_${name}`, help, samples: known }
}

export function statusMetrics({ status, runtimes }: StatusReading, alarms: readonly Alarm[]): Metric[] {
  const { queue, orders, cancelled, unresolved, throughput, workers } = status
  const { transport, paused } = queue
  const states = (counts: typeof transport | typeof queue) =>
    by('state', { waiting: counts?.waiting, active: counts?.active, delayed: counts?.delayed })
  const workerLabels = workers.map(({ id, host, pid }) => ({ worker: id, host, pid: String(pid) }))
  const byWorker = (values: readonly number[]) => workerLabels.map((labels, index): Sample => [labels, values[index]])
  const [p50, p95, p99] = [runtimes?.p50, runtimes?.p95, runtimes?.p99].map((ms) => ms && ms / 1000)
  const crossed = alarms.map(({ name, state }): Sample => [{ name }, Number(state === 'failed')])
  const { orders_per_minute, orders_per_minute_5m, orders_per_minute_1h } = throughput
  const paces = { '1m': orders_per_minute, '5m': orders_per_minute_5m, '1h': orders_per_minute_1h }
  const speeds = byWorker(workers.map((worker) => worker.orders_per_second))
  const seen = byWorker(workers.map((worker) => Date.parse(worker.last_seen) / 1000))
  const [oldest, wait] = [queue.oldest_waiting_seconds ?? 0, queue.estimated_wait_seconds]
  return [
    gauge('queue_orders', 'Orders in the queue, counted in the database.', states(queue)),
    gauge('queue_oldest_waiting_seconds', 'Age of the oldest waiting order; 0 if the queue is empty.', only(oldest)),
    gauge('queue_estimated_wait_seconds', 'Estimated time until all waiting orders are processed.', only(wait)),
    gauge(
      'queue_paused',
      'Whether the queue is paused (1) or open (0).',
      only(paused === null ? null : Number(paused)),
    ),
    gauge(
      `transport_${transport?.unit ?? 'batches'}`,
      "Entries in the queue, counted by the queue's server.",
      states(transport),
    ),
    gauge('orders', 'Orders by status.', by('status', orders)),
    gauge('orders_cancelled', 'Failed orders that people have cancelled.', only(cancelled)),
    gauge('orders_unresolved', 'Open orders that need review (payment_unknown, poison).', only(unresolved)),
    gauge('refunds_to_review', 'Refunds with an unknown outcome that need review.', only(status.refunds_to_review)),
    gauge('settled_orders_per_minute', 'Orders settled per minute, averaged over the window.', by('window', paces)),
    gauge(
      'batch_runtime_seconds',
      'Runtime of batches in the last five minutes, from claim to settlement; the highest of any worker.',
      by('quantile', { '0.5': p50, '0.95': p95, '0.99': p99 }),
    ),
    gauge('worker_orders_per_second', 'Orders settled per second, by worker.', speeds),
    gauge('worker_last_seen_timestamp_seconds', 'Time of the last heartbeat, by worker.', seen),
    gauge('alarm', 'Whether the threshold of the alarm is crossed (1) or not (0).', crossed),
  ]
}

/** `2026-03-04T12:00:00.000Z waiting=12 active=0 … workers=2 stale=0 alarms=0`. Unknown figures are left out. */
export function statusLine({ now, at, status, alarms, trouble }: StatusModel): string {
  const { queue, orders, throughput, workers } = status
  const { completed, failed, rolled_back } = orders
  const figures = {
    ...{ waiting: queue.waiting, active: queue.active, delayed: queue.delayed },
    ...{ completed, failed, rolled_back, orders_per_minute: throughput.orders_per_minute },
    ...{ workers: workers.length, stale: workers.filter((worker) => worker.stale).length, alarms: alarms.length },
    ...(queue.paused === null ? {} : { paused: queue.paused ? 'yes' : 'no' }),
    ...(trouble ? { trouble: trouble.code, as_of: new Date(at).toISOString() } : {}),
  }
  const words = Object.entries(figures).map(([name, value]) => `${name}=${value}`)
  return [new Date(now).toISOString(), ...words].join(' ')
}
