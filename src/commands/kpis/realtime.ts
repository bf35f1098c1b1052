import { BaseCommand, csvFlag } from '../../command-line/base-command.js'
import { sourceFlag } from '../../command-line/selection-flags.js'
import { realtimeKpis } from '../../reports/kpis.js'
import { capitalized } from '../../terminal/text.js'

export default class KpisRealtime extends BaseCommand {
  static override summary = "Show open orders and today's results"
  static override description =
    'Today is the current day in the business time zone. Orders count on the day they were settled, refunds on ' +
    'the day they were refunded.'
  static override examples = ['orderctl kpis realtime', 'orderctl kpis realtime --json']
  static override flags = { source: sourceFlag, csv: csvFlag }

  async run() {
    const { flags } = await this.parse(KpisRealtime)
    const report = await this.withDatabase((db) => realtimeKpis(db, this.settings.timeZone, Date.now(), flags.source))
    const count = (figure: string, value: number) => ({ figure, value, currency: null })
    const amounts = (figure: string, rows: typeof report.revenue_today) =>
      rows.map(({ amount, currency }) => ({ figure, value: amount, currency }))
    const figures = [
      count('pending orders', report.pending_orders),
      count('processing orders', report.processing_orders),
      count('completed today', report.completed_today),
      count('failed today', report.failed_today),
      ...amounts('revenue today', report.revenue_today),
      ...amounts('refunds today', report.refunds_today),
      ...(report.refunds_today.length > 0 ? amounts('net revenue today', report.net_revenue_today) : []),
    ]
    const label = { key: 'figure', shown: ({ figure }: (typeof figures)[number]) => capitalized(figure) } as const
    this.showList([label, 'value', { key: 'currency', csvOnly: true }], figures, flags)
    return report
  }
}
