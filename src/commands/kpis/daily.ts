import { Flags } from '@oclif/core'
import { BaseCommand, csvFlag } from '../../command-line/base-command.js'
import { KPI_COLUMNS } from '../../command-line/kpi-columns.js'
import { sourceFlag } from '../../command-line/selection-flags.js'
import { dayAt } from '../../domain/business-day.js'
import { dailyKpis } from '../../reports/kpis.js'
import { readDay } from '../../reports/read-query.js'

export default class KpisDaily extends BaseCommand {
  static override summary = 'Show revenue, orders and customers for one day'
  static override description = 'Counts completed orders by order date in the business time zone, per currency.'
  static override examples = ['orderctl kpis daily', 'orderctl kpis daily --date 2025-01-15']
  static override flags = {
    date: Flags.string({ description: 'day to report [default: today]', helpValue: 'YYYY-MM-DD' }),
    source: sourceFlag,
    csv: csvFlag,
  }

  async run() {
    const { flags } = await this.parse(KpisDaily)
    const { timeZone } = this.settings
    const date = flags.date === undefined ? dayAt(Date.now(), timeZone) : readDay('--date', flags.date)
    const report = await this.withDatabase((db) => dailyKpis(db, timeZone, date, flags.source))
    const empty = `No completed orders on ${date} (${timeZone}). See orders in progress: orderctl status`
    const columns = [{ heading: 'date', value: () => date }, ...KPI_COLUMNS]
    this.showList(columns, report.kpis, { csv: flags.csv, empty })
    return report
  }
}
