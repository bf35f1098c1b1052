import { Flags } from '@oclif/core'
import { BaseCommand, csvFlag } from '../command-line/base-command.js'
import {
  failuresTable,
  figuresTable,
  importsTable,
  resumeCommand,
  statusMetrics,
  tenths,
  workersTable,
} from '../command-line/status-views.js'
import { watchInLines, watchOnScreen } from '../command-line/watch.js'
import { watchLine } from '../command-line/watch-line.js'
import { ORDER_STATUSES, type OrderStatus } from '../domain/order.js'
import { EXIT, type UserError, usageError } from '../errors.js'
import type { QueueCounts } from '../queue/queue.js'
import { type QueueState, readStatus, type Status } from '../reports/status.js'
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
    /** Asked again after a pause. */
    delayed: number
    oldest_waiting_seconds: number | null
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
}

export default class StatusCommand extends BaseCommand {
  static override summary = 'Show the queue, the orders, the workers and what needs attention'
  static override description =
    'Workers are listed for ten minutes after they were last seen; one that was not seen for 30 seconds is marked. --csv gives the figures only. --watch shows all of it on one screen until q or Ctrl-C is pressed; it only reads, and counts a large database more seldom. Where there is no terminal, and under NO_COLOR or CI, it prints a line at each refresh.'

  static override examples = [
    '<%= config.bin %> status',
    '<%= config.bin %> status --json',
    '<%= config.bin %> status --watch',
    '<%= config.bin %> status --format prom',
  ]
  static override flags = {
    format: Flags.option({ options: ['table', 'prom'] as const })({
      description: 'tables for people, or text for a Prometheus server (all figures are gauges)',
      default: 'table',
      exclusive: ['json', 'csv'],
    }),
    csv: csvFlag,
    watch: Flags.boolean({ description: 'show a live view, or a line at each refresh where there is no terminal' }),
    interval: Flags.integer({
      description: 'seconds between two refreshes of the live view [default: 1]',
      min: 1,
      max: 3600,
      dependsOn: ['watch'],
    }),
  }

  /** The live view has no result. */
  async run(): Promise<StatusResult | undefined> {
    const { flags } = await this.parse(StatusCommand)
    if (flags.watch) return this.#watch(flags)
    const status = await this.withApp(({ db, queue }) => readStatus(db, queue, Date.now()))
    if (flags.format === 'prom') {
      this.print(renderMetrics(statusMetrics(status)))
      return statusJson(status)
    }
    this.showTable(figuresTable(status, flags.csv), flags)
    if (!flags.csv) this.#showLists(status)
    this.#noteWhatToDo(status)
    return statusJson(status)
  }

  async #watch({ interval = 1, csv, format }: { interval?: number | undefined; csv: boolean; format: string }) {
    if (this.jsonEnabled() || csv || format === 'prom') throw endlessDocument()
    const signal = this.listenForInterruption()
    const options = { intervalMs: interval * 1000, signal }
    await this.withApp((app) =>
      this.stdoutScreen.isTerminal
        ? watchOnScreen(app, options)
        : watchInLines(app, options, (state) => {
            this.print(watchLine(state))
            if (state.trouble) this.note(state.trouble.message)
          }),
    )
    if (signal.aborted) this.leaveWith(EXIT.interrupted)
    return undefined
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

function endlessDocument(): UserError {
  return usageError({
    code: 'watch_has_no_end',
    message: '--watch goes on until it is stopped, but --json, --csv and --format prom print one document.',
    fix: 'Leave out --watch and run it as often as you like, or read the lines that `orderctl status --watch | cat` prints.',
  })
}

function statusJson({ queue, orders, unresolved, throughput, workers, imports, failures }: Status): StatusResult {
  const { driver, paused, transport } = queue
  return {
    queue: {
      driver,
      paused,
      ...countsJson(queue),
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
