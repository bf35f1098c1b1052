// What `status --json` prints.
import type { OrderStatus } from '../domain/order.js'
import type { QueueCounts } from '../queue/queue.js'
import type { Status } from '../reports/status.js'
import { isoTime } from '../terminal/text.js'
import type { AlarmJson } from './alarm-views.js'
import { resumeCommand, tenths } from './status-views.js'

export interface StatusResult {
  queue: {
    driver: string
    /** Null where the queue's server cannot be asked. */
    paused: boolean | null
    /** These three are orders, as the database has them. */
    waiting: number
    /** In a worker's hand. */
    active: number
    /** Fall due later: asked again after a pause, or spread over a time by `failed retry --stagger`. */
    delayed: number
    oldest_waiting_seconds: number | null
    /** How long the live workers would take for all that waits; null where nobody works, or nothing was settled of late. */
    estimated_wait_seconds: number | null
    /** The same as the queue's server counts it; null for the embedded queue and for a server that cannot be asked. */
    transport: {
      unit: string
      waiting: number
      active: number
      delayed: number
      oldest_waiting_seconds: number | null
    } | null
  }
  orders: Record<OrderStatus, number>
  /** Open orders that need review: payment_unknown and poison. */
  unresolved: number
  /** Settled orders a minute: in the last one, and on average over the last five minutes and the last hour. */
  throughput: { orders_per_minute: number; orders_per_minute_5m: number; orders_per_minute_1h: number }
  workers: {
    id: string
    host: string
    pid: number
    concurrency: number
    orders_per_second: number
    started_at: string
    last_seen: string
    /** Not seen for 30 seconds. */
    stale: boolean
  }[]
  /** Imports that have not ended; an abandoned one is finished by what `resume` says. */
  imports: { file: string; status: string; rows: number; started_at: string; abandoned: boolean; resume: string }[]
  recent_failures: {
    order_id: string
    status: string
    reason: string | null
    message: string | null
    failed_at: string | null
  }[]
  /** Those that are not turned off. */
  alarms: AlarmJson[]
}

/** All but the alarms, which are read apart. */
export function statusJson(status: Status): Omit<StatusResult, 'alarms'> {
  const { queue, orders, unresolved, throughput, workers, imports, failures } = status
  const { driver, paused, transport } = queue
  return {
    queue: {
      driver,
      paused,
      ...countsJson(queue),
      estimated_wait_seconds: status.estimatedWaitSeconds === null ? null : tenths(status.estimatedWaitSeconds),
      transport: transport && { unit: transport.unit, ...countsJson(transport) },
    },
    orders: { ...orders },
    unresolved,
    throughput: {
      orders_per_minute: throughput.lastMinute,
      orders_per_minute_5m: tenths(throughput.fiveMinutes),
      orders_per_minute_1h: tenths(throughput.hour),
    },
    workers: workers.map(({ id, host, pid, concurrency, ordersPerSecond, startedAt, lastSeen, stale }) => ({
      id,
      host,
      pid,
      concurrency,
      orders_per_second: ordersPerSecond,
      started_at: new Date(startedAt).toISOString(),
      last_seen: new Date(lastSeen).toISOString(),
      stale,
    })),
    imports: imports.map((run) => ({
      file: run.file,
      status: run.status,
      rows: run.rows,
      started_at: new Date(run.startedAt).toISOString(),
      abandoned: run.abandoned,
      resume: resumeCommand(run),
    })),
    recent_failures: failures.map(({ reference, failedAt, ...failure }) => ({
      order_id: reference,
      ...failure,
      failed_at: isoTime(failedAt),
    })),
  }
}

function countsJson({ waiting, active, delayed, oldestWaitingSeconds }: QueueCounts) {
  return { waiting, active, delayed, oldest_waiting_seconds: oldestWaitingSeconds }
}
