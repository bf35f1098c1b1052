import { Flags } from '@oclif/core'
import { BaseCommand, csvFlag } from '../command-line/base-command.js'
import { historyChart, historyCsv, historyResult, historyTable } from '../command-line/history-views.js'
import { nextSteps } from '../command-line/next-steps.js'
import { integerFlag, readSince, visibleRows } from '../command-line/selection-flags.js'
import { alarmsJson, statusLine, statusMetrics } from '../command-line/status-metrics.js'
import {
  alarmSection,
  failureSection,
  figuresTable,
  importSection,
  sectionTable,
  workerSection,
} from '../command-line/status-sections.js'
import { watchInLines, watchOnScreen } from '../command-line/watch.js'
import { databaseTime } from '../database/engine.js'
import { groupThousands } from '../domain/money.js'
import { ORDER_STATUSES } from '../domain/order.js'
import { EXIT } from '../errors.js'
import type { Alarm } from '../reports/alarms.js'
import { readHistory } from '../reports/history.js'
import { readStatus, type Status, type StatusReading } from '../reports/status.js'
import { readAllAlarms } from '../schedule/alarm-state.js'
import { part } from '../terminal/line.js'
import { renderMetrics } from '../terminal/prometheus.js'
import { drawLine } from '../terminal/screen.js'
import { countOf } from '../terminal/text.js'

/** Maximum width of the history chart. */
const MAX_CHART_WIDTH = 100
/** Maximum number of workers, imports and failures in text. */
const MAX_ROWS = 30

export default class StatusCommand extends BaseCommand {
  static override summary = 'Show the queue, orders, workers and alarms'
  static override description =
    'A worker is marked stale after 30 seconds without a heartbeat and no longer listed after ten minutes. --csv prints ' +
    'the figures only. --history shows snapshots of up to 90 days, merged to fit the screen: counts are added up, ' +
    'runtimes and waits show the highest. A runtime is the time of a batch from claim to settlement. --watch shows a ' +
    'live view until you press q or Ctrl-C; without a terminal, or under CI, it prints a line at each ' +
    'refresh. Changes nothing.'
  static override examples = [
    'orderctl status',
    'orderctl status --watch',
    'orderctl status --format prom',
    'orderctl status --alarms || echo "something is wrong"',
    'orderctl status --history --since 24h',
  ]
  static override flags = {
    format: Flags.option({ options: ['table', 'prom'] as const })({
      description: 'output format: tables, or Prometheus text (gauges only)',
      default: 'table',
      exclusive: ['json', 'csv'],
    }),
    alarms: Flags.boolean({ description: 'exit with code 1 if an alarm is raised', exclusive: ['history'] }),
    history: Flags.boolean({
      description: 'show settled orders, batch runtimes and waits over time',
      exclusive: ['format'],
    }),
    since: Flags.string({
      description: 'start of the history: a day (2026-03-04, monday), or an age such as 90m, 24h or 7d [default: 6h]',
      helpValue: 'DAY|TIME',
      dependsOn: ['history'],
    }),
    csv: csvFlag,
    watch: Flags.boolean({
      description: 'show a live view, or a line at each refresh without a terminal',
      exclusive: ['history', 'alarms', 'format', 'json', 'csv'],
    }),
    interval: integerFlag({
      description: 'seconds between refreshes of the live view [default: 1]',
      helpValue: 'SECONDS',
      min: 1,
      max: 3600,
      dependsOn: ['watch'],
    }),
  }

  async run() {
    const { flags } = await this.parse(StatusCommand)
    if (flags.watch) return this.#watch((flags.interval ?? 1) * 1000)
    if (flags.history) return this.#showHistory(flags)
    const [reading, alarms] = await this.withApp(async ({ db, queue, config }) => {
      const now = await databaseTime(db)
      return [await readStatus(db, queue, now), await readAllAlarms(db, config, now)] as const
    })
    const { status } = reading
    const crossed = alarms.filter((alarm) => alarm.state === 'failed')
    if (flags.alarms && crossed.length > 0) this.setExitCode(EXIT.failed)
    if (flags.format === 'prom') this.print(renderMetrics(statusMetrics(reading, alarms)))
    else this.#show(reading, crossed, flags.csv)
    return { ...status, alarms: alarmsJson(alarms) }
  }

  #show(reading: StatusReading, crossed: readonly Alarm[], csv: boolean): void {
    const { status, unreachable } = reading
    this.showTable(figuresTable(status, csv), { csv })
    const { alarms, notes } = nextSteps(status, crossed)
    const sections = [workerSection(reading), importSection(reading), failureSection(reading), alarmSection(alarms)]
    for (const section of csv ? [] : sections.filter(({ rows }) => rows.length > 0)) {
      const { name, note, rows } = section
      this.print(`\n${drawLine([part(name, 'bold'), part(note)], this.stdoutScreen)}`)
      this.showTable(sectionTable({ ...section, rows: rows.slice(0, MAX_ROWS) }))
      if (rows.length > MAX_ROWS)
        this.note(`${MAX_ROWS} of ${groupThousands(rows.length)}. All: orderctl status --json`)
    }
    for (const { name, fix } of alarms) this.note(`Alarm ${name}: ${fix}`)
    if (ORDER_STATUSES.every((name) => status.orders[name] === 0)) {
      this.note('No orders yet. Import some with: orderctl import FILE')
    }
    if (unreachable) this.note(`${unreachable.message}\n${unreachable.fix}`)
    this.#noteTransport(status.queue)
    for (const note of notes) this.note(note)
  }

  async #showHistory({ since: asked = '6h', csv }: { since: string | undefined; csv: boolean }) {
    const { timeZone } = this.settings
    const { driver, since, snapshots } = await this.withApp(async ({ db, queue }) => {
      const now = await databaseTime(db)
      const since = readSince(asked, timeZone, now)
      return { driver: queue.driver, since, snapshots: await readHistory(db, since, now) }
    })
    const result = historyResult(driver, snapshots)
    if (csv) this.showTable(historyCsv(result), { csv })
    else if (snapshots.length > 0) {
      const { width = MAX_CHART_WIDTH } = this.stdoutScreen
      this.print(`Queue: ${driver}. Time zone: ${timeZone}.`)
      this.print(historyChart(snapshots, since, Math.min(width, MAX_CHART_WIDTH)))
      this.showTable(historyTable(snapshots, Math.max(5, (visibleRows(this.host.stdout) ?? 24) - 4), timeZone))
      this.note('p50/p95/p99: batch runtime percentiles, from claim to settlement.')
      this.note('Oldest/estimate: age of the oldest waiting order, and estimated time left.')
    }
    if (snapshots.length === 0) {
      this.note(`Nothing was settled or recorded since then (--since ${asked}). Try a longer time: --since 30d`)
    }
    if (snapshots.length < 2) {
      const take = 'Take one now: orderctl schedule run snapshots'
      this.note(`\`orderctl schedule\` takes a snapshot every five minutes. ${take}`)
    }
    return result
  }

  async #watch(intervalMs: number) {
    const signal = this.listenForInterruption()
    const options = { intervalMs, signal }
    await this.withApp((app) =>
      this.stdoutScreen.isTerminal
        ? watchOnScreen(app, this.host, options)
        : watchInLines(app, options, (model) => {
            this.print(statusLine(model))
            if (model.trouble) this.note(model.trouble.message)
          }),
    )
    if (signal.aborted) this.setExitCode(EXIT.interrupted)
    return undefined
  }

  #noteTransport({ waiting, transport, driver }: Status['queue']): void {
    if (!transport) return
    const { unit } = transport
    const isLost = waiting > 0 && transport.waiting + transport.active + transport.delayed === 0
    this.note(
      isLost
        ? `${driver} has no ${unit} for ${countOf(waiting, 'waiting order')}. A worker will publish them again; to do it now: orderctl rebuild queue`
        : `Orders are counted in the database. ${driver} counts ${unit}, which may lag behind or include repeats.`,
    )
  }
}
