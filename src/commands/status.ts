import { Flags } from '@oclif/core'
import { type AlarmJson, alarmMetric, alarmsJson, alarmsTable } from '../command-line/alarm-views.js'
import { BaseCommand, csvFlag } from '../command-line/base-command.js'
import {
  type HistoryResult,
  historyChart,
  historyCsv,
  historyResult,
  historyTable,
} from '../command-line/history-views.js'
import { readSince, screenful } from '../command-line/selection-flags.js'
import {
  failuresTable,
  figuresTable,
  importsTable,
  resumeCommand,
  statusMetrics,
  tenths,
  workersTable,
} from '../command-line/status-views.js'
import { databaseTime } from '../database/engine.js'
import { ORDER_STATUSES, type OrderStatus } from '../domain/order.js'
import { EXIT } from '../errors.js'
import type { QueueCounts } from '../queue/queue.js'
import type { Alarm } from '../reports/alarms.js'
import { readHistory } from '../reports/history.js'
import type { HistoryPeriod } from '../reports/history-periods.js'
import { type QueueState, readStatus, type Status } from '../reports/status.js'
import { readAllAlarms } from '../schedule/alarm-state.js'
import { renderMetrics } from '../terminal/prometheus.js'
import { countOf, isoTime } from '../terminal/text.js'

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
  /** Orders whose payment's outcome stayed unknown: they wait for a person. */
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

/** How far --history goes back unless it is told. */
const SINCE = '6h'

/** Wider pictures say no more. */
const MOST_COLUMNS = 100

export default class StatusCommand extends BaseCommand {
  static override summary = 'Show the queue, the orders, the workers and what needs attention'
  static override description =
    'Workers are listed for ten minutes after they were last seen; one that was not seen for 30 seconds is marked. --csv gives the figures only. Alarms are thresholds of the settings alarms.*; those that are crossed are shown. --history has a row for each minute of the last seven days, and for each hour of a year, under --json and --csv; on a screen they are merged to fit. A runtime is that of a batch of orders, from taken in hand to settled.'

  static override examples = [
    '<%= config.bin %> status',
    '<%= config.bin %> status --json',
    '<%= config.bin %> status --format prom',
    '<%= config.bin %> status --alarms || echo "something is wrong"',
    '<%= config.bin %> status --history --since 24h',
  ]
  static override flags = {
    format: Flags.option({ options: ['table', 'prom'] as const })({
      description: 'tables for people, or text for a Prometheus server (all figures are gauges)',
      default: 'table',
      exclusive: ['json', 'csv'],
    }),
    alarms: Flags.boolean({ description: 'end with exit code 1 where an alarm is crossed', exclusive: ['history'] }),
    history: Flags.boolean({
      description: 'how it went until now: orders settled, batch runtimes and waits',
      exclusive: ['format'],
    }),
    since: Flags.string({
      description: 'with --history: from this day on (YYYY-MM-DD), or within a time such as 90m, 24h or 7d',
      helpValue: 'DAY|TIME',
      dependsOn: ['history'],
    }),
    csv: csvFlag,
  }

  async run(): Promise<StatusResult | HistoryResult> {
    const { flags } = await this.parse(StatusCommand)
    if (flags.history) return this.#showHistory(flags)
    const [status, alarms] = await this.withApp(async ({ db, queue, config }) => {
      const now = await databaseTime(db)
      return [await readStatus(db, queue, now), await readAllAlarms(db, config, now)] as const
    })
    const crossed = alarms.filter((alarm) => alarm.crossed)
    if (flags.alarms && crossed.length > 0) this.leaveWith(EXIT.failed)
    const result = { ...statusJson(status), alarms: alarmsJson(alarms) }
    if (flags.format === 'prom') {
      this.print(renderMetrics([...statusMetrics(status), alarmMetric(alarms)]))
      return result
    }
    this.showTable(figuresTable(status, flags.csv), flags)
    if (!flags.csv) this.#showLists(status)
    if (crossed.length > 0) this.#showAlarms(crossed, flags.csv)
    this.#noteWhatToDo(status)
    return result
  }

  #showAlarms(crossed: readonly Alarm[], csv: boolean): void {
    if (!csv) {
      this.print('\nAlarms')
      this.showTable(alarmsTable(crossed))
    }
    for (const { name, fix } of crossed) this.note(`Alarm ${name}: ${fix}`)
  }

  async #showHistory({ since = SINCE, csv }: { since: string | undefined; csv: boolean }): Promise<HistoryResult> {
    const now = Date.now()
    const { driver, periods } = await this.withApp(async ({ db, queue }) => ({
      driver: queue.driver,
      periods: await readHistory(db, readSince(since, this.settings.timeZone, now), now),
    }))
    if (csv) this.showTable(historyCsv(driver, periods), { csv })
    else if (periods.length > 0) this.#drawHistory(driver, periods)
    if (!csv || periods.length === 0) this.#noteHistory(since, periods)
    return historyResult(driver, periods)
  }

  #drawHistory(driver: string, periods: readonly HistoryPeriod[]): void {
    const { timeZone } = this.settings
    const { width = MOST_COLUMNS } = this.stdoutScreen
    this.print(`Queue: ${driver}. Times: ${timeZone}.`)
    this.print(historyChart(periods, Math.min(width, MOST_COLUMNS)))
    this.showTable(historyTable(periods, Math.max(5, (screenful(false) ?? 24) - 4), timeZone))
  }

  #noteHistory(since: string, periods: readonly HistoryPeriod[]): void {
    if (periods.length === 0) {
      this.note(`Nothing was settled or written down in this time (--since ${since}). Look further back: --since 30d`)
    } else {
      this.note('p50/p95/p99: how long batches of orders took from taken in hand to settled, to 5 %.')
    }
    if (periods.some((period) => period.waiting !== null)) {
      this.note(
        'waiting, oldest/estimate: the highest that a snapshot saw; how long the oldest had waited, and all would yet.',
      )
    } else {
      this.note(
        'How much waits is written down every five minutes by: orderctl schedule. Now, by: orderctl schedule run snapshots',
      )
    }
  }

  /** The two count differently and at different moments; only one difference asks for something. */
  #noteTransport({ waiting, transport, driver }: QueueState): void {
    if (!transport) return
    const { unit } = transport
    if (waiting > 0 && transport.waiting + transport.active + transport.delayed === 0) {
      this.note(
        `${driver} has no ${unit} for the ${countOf(waiting, 'waiting order')}: a worker publishes them again, and \`orderctl rebuild queue\` does so now.`,
      )
    } else {
      this.note(
        `Orders are counted in the database, which decides; ${unit} of them in ${driver}, which may lag behind or repeat some.`,
      )
    }
  }

  #showLists({ workers, imports, failures, at }: Status): void {
    if (workers.length > 0) {
      this.print('\nWorkers')
      this.showTable(workersTable(workers, at))
    }
    if (imports.length > 0) {
      this.print('\nImports that have not ended')
      this.showTable(importsTable(imports))
    }
    if (failures.length > 0) {
      this.print('\nLatest failures')
      this.showTable(failuresTable(failures, at))
    }
  }

  #noteWhatToDo({ queue, orders, workers, unresolved }: Status): void {
    const total = ORDER_STATUSES.reduce((sum, status) => sum + orders[status], 0)
    if (total === 0) this.note('There are no orders yet. Import some with: orderctl import FILE')
    if (queue.unreachable) this.note(`${queue.unreachable.message}\n${queue.unreachable.fix}`)
    this.#noteTransport(queue)
    if (queue.paused) this.note('The queue is paused. Let it go on with: orderctl queue resume')
    else if (queue.waiting > 0 && workers.every((worker) => worker.stale)) {
      this.note('Nobody works on the queue. Start with: orderctl work')
    }
    if (unresolved > 0) {
      this.note(
        `${countOf(unresolved, 'order')} with a payment of unknown outcome. Ask again with: orderctl failed retry --reason payment_unknown`,
      )
    }
  }
}

function statusJson(status: Status): Omit<StatusResult, 'alarms'> {
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
