import { Flags } from '@oclif/core'
import { alarmMetric, alarmsJson, alarmsTable } from '../command-line/alarm-views.js'
import { BaseCommand, csvFlag } from '../command-line/base-command.js'
import {
  type HistoryResult,
  historyChart,
  historyCsv,
  historyResult,
  historyTable,
} from '../command-line/history-views.js'
import { nextSteps } from '../command-line/next-steps.js'
import { readSince, screenful } from '../command-line/selection-flags.js'
import { type StatusResult, statusJson } from '../command-line/status-json.js'
import { failuresTable, figuresTable, importsTable, statusMetrics, workersTable } from '../command-line/status-views.js'
import { watchInLines, watchOnScreen } from '../command-line/watch.js'
import { watchLine } from '../command-line/watch-line.js'
import { databaseTime } from '../database/engine.js'
import { ORDER_STATUSES } from '../domain/order.js'
import { EXIT, type UserError, usageError } from '../errors.js'
import type { Alarm } from '../reports/alarms.js'
import { readHistory } from '../reports/history.js'
import type { HistoryPeriod } from '../reports/history-periods.js'
import { type QueueState, readStatus, type Status } from '../reports/status.js'
import { readAllAlarms } from '../schedule/alarm-state.js'
import { renderMetrics } from '../terminal/prometheus.js'
import { countOf } from '../terminal/text.js'

/** How far --history goes back unless it is told. */
const SINCE = '6h'

/** Wider pictures say no more. */
const MOST_COLUMNS = 100

export default class StatusCommand extends BaseCommand {
  static override summary = 'Show the queue, the orders, the workers and what needs attention'
  static override description =
    'Workers are listed for ten minutes after they were last seen; one that was not seen for 30 seconds is marked. --csv gives the figures only. Alarms are thresholds of the settings alarms.*; those that are crossed are shown. --history has a row for each minute of the last seven days, and for each hour of a year, under --json and --csv; on a screen they are merged to fit. A runtime is that of a batch of orders, from taken in hand to settled. --watch shows all of it on one screen until q or Ctrl-C is pressed; it only reads, and counts a large database more seldom. Where there is no terminal, and under NO_COLOR or CI, it prints a line at each refresh.'

  static override examples = [
    '<%= config.bin %> status',
    '<%= config.bin %> status --json',
    '<%= config.bin %> status --watch',
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
    watch: Flags.boolean({
      description: 'show a live view, or a line at each refresh where there is no terminal',
      exclusive: ['history', 'alarms'],
    }),
    interval: Flags.integer({
      description: 'seconds between two refreshes of the live view [default: 1]',
      min: 1,
      max: 3600,
      dependsOn: ['watch'],
    }),
  }

  /** The live view has no result. */
  async run(): Promise<StatusResult | HistoryResult | undefined> {
    const { flags } = await this.parse(StatusCommand)
    if (flags.watch) return this.#watch(flags)
    if (flags.history) return this.#showHistory(flags)
    const [status, alarms] = await this.withApp(async ({ db, queue, config }) => {
      const now = await databaseTime(db)
      return [await readStatus(db, queue, now), await readAllAlarms(db, config, now)] as const
    })
    const crossed = alarms.filter((alarm) => alarm.state === 'failed')
    if (flags.alarms && crossed.length > 0) this.leaveWith(EXIT.failed)
    const result = { ...statusJson(status), alarms: alarmsJson(alarms) }
    if (flags.format === 'prom') {
      this.print(renderMetrics([...statusMetrics(status), alarmMetric(alarms)]))
      return result
    }
    this.showTable(figuresTable(status, flags.csv), flags)
    if (!flags.csv) this.#showLists(status)
    const { alarms: raised, notes } = nextSteps(status, crossed)
    if (raised.length > 0) this.#showAlarms(raised, flags.csv)
    this.#noteState(status)
    for (const note of notes) this.note(note)
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
    const { driver, periods } = await this.withApp(async ({ db, queue }) => {
      const now = await databaseTime(db)
      const periods = await readHistory(db, readSince(since, this.settings.timeZone, now), now)
      return { driver: queue.driver, periods }
    })
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
    this.showTable(historyTable(periods, Math.max(5, (screenful(this.host.stdout) ?? 24) - 4), timeZone))
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

  async #watch({ interval = 1, csv, format }: { interval?: number | undefined; csv: boolean; format: string }) {
    if (this.jsonEnabled() || csv || format === 'prom') throw endlessDocument()
    const signal = this.listenForInterruption()
    const options = { intervalMs: interval * 1000, signal }
    await this.withApp((app) =>
      this.stdoutScreen.isTerminal
        ? watchOnScreen(app, this.host, options)
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

  #noteState({ queue, orders }: Status): void {
    const total = ORDER_STATUSES.reduce((sum, status) => sum + orders[status], 0)
    if (total === 0) this.note('There are no orders yet. Import some with: orderctl import FILE')
    if (queue.unreachable) this.note(`${queue.unreachable.message}\n${queue.unreachable.fix}`)
    this.#noteTransport(queue)
  }
}

function endlessDocument(): UserError {
  return usageError({
    code: 'watch_has_no_end',
    message: '--watch goes on until it is stopped, but --json, --csv and --format prom print one document.',
    fix: 'Leave out --watch and run it as often as you like, or read the lines that `orderctl status --watch | cat` prints.',
  })
}
