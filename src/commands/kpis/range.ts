import { Flags } from '@oclif/core'
import { BaseCommand, csvFlag } from '../../command-line/base-command.js'
import { KPIS_COLUMNS, type KpisResult, kpisCells, kpisResult } from '../../command-line/report-views.js'
import { formatAmount } from '../../domain/money.js'
import { readRange } from '../../reports/read-query.js'
import type { RangeKpis } from '../../reports/reports.js'
import { barChart } from '../../terminal/chart.js'

export interface KpisRangeResult {
  from: string
  to: string
  time_zone: string
  generated_at: string
  kpis: KpisResult[]
  /** Only days that have sales. */
  days: { date: string; kpis: KpisResult[] }[]
}

export default class KpisRange extends BaseCommand {
  static override summary = 'Show revenue, orders and customers of several days'
  static override description =
    'Both ends of the range count. A customer who bought on several days is one unique customer of the range. --csv gives the days.'

  static override examples = [
    '<%= config.bin %> kpis range --from 2025-01-01 --to 2025-01-31',
    '<%= config.bin %> kpis range --from 2025-01-01 --to 2025-01-31 --csv > january.csv',
  ]

  static override flags = {
    from: Flags.string({ description: 'the first day', helpValue: 'YYYY-MM-DD', required: true }),
    to: Flags.string({ description: 'the last day, which counts too', helpValue: 'YYYY-MM-DD', required: true }),
    csv: csvFlag,
  }

  async run(): Promise<KpisRangeResult> {
    const { flags } = await this.parse(KpisRange)
    const { timeZone } = this.settings
    const { from, to } = readRange(flags.from, flags.to)
    const report = await this.withReports((reports) => reports.range(from, to))
    if (flags.csv) this.#showDays(report, true)
    else if (report.days.length > 0) this.#showAll(report)
    if (report.days.length === 0) {
      this.note(`No order from ${from} to ${to} (${timeZone}) is completed. What is under way shows: orderctl status`)
    }
    return {
      from,
      to,
      time_zone: timeZone,
      generated_at: new Date(report.generatedAt).toISOString(),
      kpis: report.kpis.map(kpisResult),
      days: report.days.map(({ day, kpis }) => ({ date: day, kpis: kpis.map(kpisResult) })),
    }
  }

  #showAll(report: RangeKpis): void {
    this.print(`${report.from} to ${report.to}, ${report.timeZone}`)
    this.showTable({ columns: KPIS_COLUMNS, rows: report.kpis.map((kpis) => kpisCells(kpis, false)) })
    this.print('\nBy day')
    this.#showDays(report, false)
    for (const { revenue } of report.kpis) {
      const bars = report.days.flatMap(({ day, kpis }) =>
        kpis
          .filter((ofDay) => ofDay.revenue.currency === revenue.currency)
          .map((ofDay) => ({ label: day, value: ofDay.revenue.minor, text: formatAmount(ofDay.revenue) })),
      )
      this.print(`\nRevenue by day, ${revenue.currency}\n${barChart(bars, this.stdoutScreen.width)}`)
    }
  }

  #showDays({ days }: RangeKpis, csv: boolean): void {
    const rows = days.flatMap(({ day, kpis }) => kpis.map((ofDay) => [day, ...kpisCells(ofDay, csv)]))
    this.showTable({ columns: [{ heading: 'date' }, ...KPIS_COLUMNS], rows }, { csv })
  }
}
