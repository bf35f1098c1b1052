import { Flags } from '@oclif/core'
import { BaseCommand, csvFlag } from '../../command-line/base-command.js'
import { KPIS_COLUMNS, type KpisResult, kpisCells, kpisResult } from '../../command-line/report-views.js'
import { dayAt } from '../../domain/business-day.js'
import { readDay } from '../../reports/read-query.js'

export interface KpisDailyResult {
  date: string
  time_zone: string
  generated_at: string
  kpis: KpisResult[]
}

export default class KpisDaily extends BaseCommand {
  static override summary = 'Show revenue, orders and customers of one day'
  static override description =
    'Counts completed orders by the date of the order, in the business time zone; each currency for itself.'

  static override examples = [
    '<%= config.bin %> kpis daily',
    '<%= config.bin %> kpis daily --date 2025-01-15',
    '<%= config.bin %> kpis daily --date 2025-01-15 --json',
  ]

  static override flags = {
    date: Flags.string({ description: 'the day; today where it is left out', helpValue: 'YYYY-MM-DD' }),
    csv: csvFlag,
  }

  async run(): Promise<KpisDailyResult> {
    const { flags } = await this.parse(KpisDaily)
    const { timeZone } = this.settings
    const day = flags.date === undefined ? dayAt(Date.now(), timeZone) : readDay('--date', flags.date)
    const report = await this.withReports((reports) => reports.daily(day))
    const rows = report.kpis.map((kpis) => [day, ...kpisCells(kpis, flags.csv)])
    if (rows.length > 0 || flags.csv) this.showTable({ columns: [{ heading: 'date' }, ...KPIS_COLUMNS], rows }, flags)
    if (rows.length === 0) {
      this.note(`No order of ${day} (${timeZone}) is completed. What is under way shows: orderctl status`)
    }
    return {
      date: day,
      time_zone: timeZone,
      generated_at: new Date(report.generatedAt).toISOString(),
      kpis: report.kpis.map(kpisResult),
    }
  }
}
