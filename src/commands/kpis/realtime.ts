import { BaseCommand, csvFlag } from '../../command-line/base-command.js'
import { realtimeKpis } from '../../reports/kpis.js'

export default class KpisRealtime extends BaseCommand {
  static override summary = 'Show the work left and what was settled today'
  static override description =
    'Today is the current day in the business time zone. Orders count by the time at which they were settled.'
  static override examples = ['orderctl kpis realtime']
  static override flags = { csv: csvFlag }

  async run() {
    const { flags } = await this.parse(KpisRealtime)
    const report = await this.withDatabase((db) => realtimeKpis(db, this.settings.timeZone, Date.now()))
    const figures = [
      { figure: 'pending orders', value: report.pending_orders, currency: null },
      { figure: 'orders in process', value: report.processing_orders, currency: null },
      { figure: 'completed today', value: report.completed_today, currency: null },
      { figure: 'failed today', value: report.failed_today, currency: null },
      ...report.revenue_today.map(({ amount, currency }) => ({ figure: 'revenue today', value: amount, currency })),
    ]
    this.showList(['figure', 'value', 'currency'], figures, flags)
    return report
  }
}
