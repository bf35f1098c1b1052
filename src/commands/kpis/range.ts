import { BaseCommand, csvFlag } from '../../command-line/base-command.js'
import { dayColumns, rangeTable } from '../../command-line/kpi-columns.js'
import { PERIOD_FLAGS, sourceFlag } from '../../command-line/selection-flags.js'
import { usageError } from '../../errors.js'
import { rangeKpis } from '../../reports/kpis.js'
import { readPeriod } from '../../reports/read-query.js'

export default class KpisRange extends BaseCommand {
  static override summary = 'Show revenue, orders and customers for a range of days'
  static override description =
    'The range includes both days. Days without sales are listed with zeros. A customer who bought on several days ' +
    'counts once in the total. Refunds count on the day of the refund. --csv prints the rows by day, without totals.'
  static override examples = [
    'orderctl kpis range --last 4w',
    'orderctl kpis range --from monday',
    'orderctl kpis range --month 2026-03 --csv > march.csv',
  ]
  static override flags = {
    ...PERIOD_FLAGS,
    source: sourceFlag,
    csv: csvFlag,
  }

  async run() {
    const { flags } = await this.parse(KpisRange)
    const { timeZone } = this.settings
    const { from, to } = readPeriod(flags, this.today)
    if (!from || !to) throw noPeriod()
    const report = await this.withDatabase((db) => rangeKpis(db, timeZone, from, to, flags.source))
    const days = report.days.flatMap(({ date, kpis }) => kpis.map((ofDay) => ({ date, ...ofDay })))
    const empty = `No completed orders from ${from} to ${to} (${timeZone}). See orders in progress: orderctl status`
    if (flags.csv || days.length === 0) this.showList(dayColumns(days), days, { csv: flags.csv, empty })
    else {
      for (const [index, totals] of report.kpis.entries()) {
        this.print(`${index > 0 ? '\n' : ''}${from} to ${to}, ${timeZone}, ${totals.currency}`)
        const ofCurrency = days.filter((day) => day.currency === totals.currency)
        this.showTable(rangeTable(ofCurrency, totals, this.stdoutScreen))
      }
    }
    return report
  }
}

function noPeriod() {
  return usageError({
    code: 'no_period',
    message: 'No first day specified.',
    fix: 'Add --last 7d, --month 2026-03, or --from DAY (until today, or --to DAY).',
  })
}
