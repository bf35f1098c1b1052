import { Args, Flags } from '@oclif/core'
import { BaseCommand, csvFlag } from '../../command-line/base-command.js'
import { kpiColumns } from '../../command-line/kpi-columns.js'
import { sourceFlag } from '../../command-line/selection-flags.js'
import { usageError } from '../../errors.js'
import { dailyKpis } from '../../reports/kpis.js'
import { readDay } from '../../reports/read-query.js'

export default class KpisDaily extends BaseCommand {
  static override summary = 'Show revenue, orders and customers for one day'
  static override description =
    'Counts completed orders by order date, and refunds by the day of the refund, in the business time zone and per ' +
    'currency. Net revenue is revenue minus refunds.'
  static override examples = ['orderctl kpis daily yesterday', 'orderctl kpis daily --date 2026-03-04']
  static override args = {
    day: Args.string({ description: 'same as --date', ignoreStdin: true }),
  }
  static override flags = {
    date: Flags.string({
      description: 'day: today, yesterday, monday (the latest) or 2026-03-04 [default: today]',
      helpValue: 'DAY',
    }),
    source: sourceFlag,
    csv: csvFlag,
  }

  async run() {
    const { args, flags } = await this.parse(KpisDaily)
    const { timeZone } = this.settings
    if (args.day !== undefined && flags.date !== undefined) throw twoDays(args.day, flags.date)
    const date = readDay(args.day === undefined ? '--date' : 'DAY', args.day ?? flags.date ?? 'today', this.today)
    const report = await this.withDatabase((db) => dailyKpis(db, timeZone, date, flags.source))
    const empty = `No completed orders on ${date} (${timeZone}). See orders in progress: orderctl status`
    const columns = [{ heading: 'date', value: () => date }, ...kpiColumns(report.kpis)]
    this.showList(columns, report.kpis, { csv: flags.csv, empty })
    return report
  }
}

function twoDays(day: string, date: string) {
  const message = `Two days specified: ${day} and --date ${date}.`
  return usageError({ code: 'unclear_choice', message, fix: 'Remove one of them.' })
}
