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
import { nextSteps } from '../command-line/next-steps.js'
import { readSince, screenful } from '../command-line/selection-flags.js'
import { statusLine, statusMetrics } from '../command-line/status-metrics.js'
import {
  failureSection,
  figuresTable,
  importSection,
  sectionTable,
  workerSection,
} from '../command-line/status-sections.js'
import { watchInLines, watchOnScreen } from '../command-line/watch.js'
import { databaseTime } from '../database/engine.js'
import { ORDER_STATUSES } from '../domain/order.js'
import { EXIT } from '../errors.js'
import type { Alarm } from '../reports/alarms.js'
import { readHistory, type Snapshot } from '../reports/history.js'
import { readStatus, type Status, type StatusReading } from '../reports/status.js'
import { readAllAlarms } from '../schedule/alarm-state.js'
import { renderMetrics } from '../terminal/prometheus.js'
import { countOf } from '../terminal/text.js'

/** The alarms are those that are not turned off. */
type StatusResult = Status & { alarms: AlarmJson[] }

/** How far --history goes back unless it is told. */
const SINCE = '6h'

/** Wider pictures say no more. */
const MOST_COLUMNS = 100

export default class StatusCommand extends BaseCommand {
  static override summary = 'Show the queue, the orders, the workers and what needs attention'
  static override description =
    'Workers are listed for ten minutes after they were last seen; one that was not seen for 30 seconds is marked. --csv gives the figures only. Alarms are thresholds of the settings alarms.*; those that are crossed are shown. --history has a row for each snapshot of the last 90 days and one for the time since, under --json and --csv; on a screen they are merged to fit: counts add up, of runtimes and waits the highest is shown. A runtime is that of a batch of orders, from claimed to settled; of several worker processes, the highest percentile is shown. --watch shows all of it on one screen until q or Ctrl-C is pressed; it only reads, and counts a large database more seldom. Where there is no terminal, and under NO_COLOR or CI, it prints a line at each refresh.'
  static override examples = [
    'orderctl status',
    'orderctl status --json',
    'orderctl status --watch',
    'orderctl status --format prom',
    'orderctl status --alarms || echo "something is wrong"',
    'orderctl status --history --since 24h',
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
      exclusive: ['history', 'alarms', 'format', 'json', 'csv'],
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
    const [reading, alarms] = await this.withApp(async ({ db, queue, config }) => {
      const now = await databaseTime(db)
      return [await readStatus(db, queue, now), await readAllAlarms(db, config, now)] as const
    })
    const { status } = reading
    const crossed = alarms.filter((alarm) => alarm.state === 'failed')
    if (flags.alarms && crossed.length > 0) this.leaveWith(EXIT.failed)
    if (flags.format === 'prom') this.print(renderMetrics([...statusMetrics(reading), alarmMetric(alarms)]))
    else this.#show(reading, crossed, flags.csv)
    return { ...status, alarms: alarmsJson(alarms) }
  }

  #show(reading: StatusReading, crossed: readonly Alarm[], csv: boolean): void {
    const { status, unreachable } = reading
    this.showTable(figuresTable(status, csv), { csv })
    const sections = [workerSection(reading), importSection(reading), failureSection(reading)]
    for (const section of csv ? [] : sections.filter(({ rows }) => rows.length > 0)) {
      this.print(`\n${section.name}${section.note}`)
      this.showTable(sectionTable(section))
    }
    const { alarms, notes } = nextSteps(status, crossed)
    if (alarms.length > 0 && !csv) {
      this.print('\nAlarms')
      this.showTable(alarmsTable(alarms))
    }
    for (const { name, fix } of alarms) this.note(`Alarm ${name}: ${fix}`)
    if (ORDER_STATUSES.every((name) => status.orders[name] === 0)) {
      this.note('There are no orders yet. Import some with: orderctl import FILE')
    }
    if (unreachable) this.note(`${unreachable.message}\n${unreachable.fix}`)
    this.#noteTransport(status.queue)
    for (const note of notes) this.note(note)
  }

  async #showHistory({
    since: asked = SINCE,
    csv,
  }: {
    since: string | undefined
    csv: boolean
  }): Promise<HistoryResult> {
    const { driver, since, snapshots } = await this.withApp(async ({ db, queue }) => {
      const now = await databaseTime(db)
      const since = readSince(asked, this.settings.timeZone, now)
      return { driver: queue.driver, since, snapshots: await readHistory(db, since, now) }
    })
    if (csv) this.showTable(historyCsv(driver, snapshots), { csv })
    else if (snapshots.length > 0) {
      const { timeZone } = this.settings
      const { width = MOST_COLUMNS } = this.stdoutScreen
      this.print(`Queue: ${driver}. Times: ${timeZone}.`)
      this.print(historyChart(snapshots, since, Math.min(width, MOST_COLUMNS)))
      this.showTable(historyTable(snapshots, Math.max(5, (screenful(this.host.stdout) ?? 24) - 4), timeZone))
    }
    if (!csv || snapshots.length === 0) this.#noteHistory(asked, snapshots)
    return historyResult(driver, snapshots)
  }

  #noteHistory(since: string, snapshots: readonly Snapshot[]): void {
    this.note(
      snapshots.length === 0
        ? `Nothing was settled or written down in this time (--since ${since}). Look further back: --since 30d`
        : 'p50/p95/p99: batch runtimes, from claimed to settled. oldest/estimate: age of the oldest waiting order, and how long the live workers would take for all.',
    )
    if (snapshots.length < 2) {
      this.note(
        '`orderctl schedule` takes a snapshot every five minutes. Take one now: orderctl schedule run snapshots',
      )
    }
  }

  async #watch({ interval = 1 }: { interval?: number | undefined }) {
    const signal = this.listenForInterruption()
    const options = { intervalMs: interval * 1000, signal }
    await this.withApp((app) =>
      this.stdoutScreen.isTerminal
        ? watchOnScreen(app, this.host, options)
        : watchInLines(app, options, (model) => {
            this.print(statusLine(model))
            if (model.trouble) this.note(model.trouble.message)
          }),
    )
    if (signal.aborted) this.leaveWith(EXIT.interrupted)
    return undefined
  }

  /** The two count differently and at different moments; only one difference asks for something. */
  #noteTransport({ waiting, transport, driver }: Status['queue']): void {
    if (!transport) return
    const { unit } = transport
    this.note(
      waiting > 0 && transport.waiting + transport.active + transport.delayed === 0
        ? `${driver} has no ${unit} for the ${countOf(waiting, 'waiting order')}: a worker publishes them again, and \`orderctl rebuild queue\` does so now.`
        : `Orders are counted in the database, which decides. ${driver} counts ${unit} of them, and may lag behind or repeat some.`,
    )
  }
}
