import { Flags } from '@oclif/core'
import { BaseCommand, csvFlag } from '../../command-line/base-command.js'
import { KPI_COLUMNS } from '../../command-line/kpi-columns.js'
import { sourceFlag } from '../../command-line/selection-flags.js'
import { formatAmount } from '../../domain/money.js'
import { rangeKpis } from '../../reports/kpis.js'
import { readRange } from '../../reports/read-query.js'
import { barChart } from '../../terminal/chart.js'

export default class KpisRange extends BaseCommand {
  static override summary = 'Show revenue, orders and customers for a range of days'
  static override description =
    'The range includes both days. A customer who bought on several days counts once in the total. --csv prints only ' +
    'the rows by day.'
  static override examples = [
    'orderctl kpis range --from 2025-01-01 --to 2025-01-31',
    'orderctl kpis range --from 2025-01-01 --to 2025-01-31 --csv > january.csv',
  ]
  static override flags = {
    from: Flags.string({ description: 'first day', helpValue: 'YYYY-MM-DD', required: true }),
    to: Flags.string({ description: 'last day (inclusive)', helpValue: 'YYYY-MM-DD', required: true }),
    source: sourceFlag,
    csv: csvFlag,
  }

  async run() {
    const { flags } = await this.parse(KpisRange)
    const { timeZone } = this.settings
    const { from, to } = readRange(flags.from, flags.to)
    const report = await this.withDatabase((db) => rangeKpis(db, timeZone, from, to, flags.source))
    const days = report.days.flatMap(({ date, kpis }) => kpis.map((ofDay) => ({ date, ...ofDay })))
    const showsTotals = days.length > 0 && !flags.csv
    if (showsTotals) {
      this.print(`${from} to ${to}, ${timeZone}`)
      this.showList(KPI_COLUMNS, report.kpis)
      this.print('\nBy day')
    }
    const empty = `No completed orders from ${from} to ${to} (${timeZone}). See orders in progress: orderctl status`
    this.showList(['date', ...KPI_COLUMNS], days, { csv: flags.csv, empty })
    for (const { currency } of showsTotals ? report.kpis : []) {
      const bars = days
        .filter((day) => day.currency === currency)
        .map(({ date: label, total_revenue: sum }) => ({ label, value: sum.minor, text: formatAmount(sum) }))
      this.print(`\nRevenue by day, ${currency}\n${barChart(bars, this.stdoutScreen.width)}`)
    }
    return report
  }
}
