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
    const count = (figure: string, value: number) => ({ figure, value, currency: null })
    const figures = [
      count('pending orders', report.pending_orders),
      count('orders in process', report.processing_orders),
      count('completed today', report.completed_today),
      count('failed today', report.failed_today),
      ...report.revenue_today.map(({ amount, currency }) => ({ figure: 'revenue today', value: amount, currency })),
    ]
    this.showList(['figure', 'value', 'currency'], figures, flags)
    return report
  }
}
