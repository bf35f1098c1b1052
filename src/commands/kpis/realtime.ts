import { BaseCommand, csvFlag } from '../../command-line/base-command.js'
import { amountCell, countCell } from '../../command-line/report-views.js'
import { majorUnits } from '../../domain/money.js'
import type { RealtimeFigures } from '../../reports/reports.js'
import type { Table } from '../../terminal/table.js'

export interface KpisRealtimeResult {
  date: string
  time_zone: string
  generated_at: string
  pending_orders: number
  /** With stock reserved or at the gateway. */
  processing_orders: number
  completed_today: number
  /** Failed and rolled back. */
  failed_today: number
  revenue_today: { currency: string; amount: number }[]
}

export default class KpisRealtime extends BaseCommand {
  static override summary = 'Show the work left and what was settled today'
  static override description =
    'Today is the day in the business time zone at this moment, and orders count by the time at which they were settled.'

  static override examples = ['<%= config.bin %> kpis realtime', '<%= config.bin %> kpis realtime --json']
  static override flags = { csv: csvFlag }

  async run(): Promise<KpisRealtimeResult> {
    const { flags } = await this.parse(KpisRealtime)
    const figures = await this.withReports((reports) => reports.realtime(Date.now()))
    this.showTable(figuresTable(figures, flags.csv), flags)
    return {
      date: figures.day,
      time_zone: figures.timeZone,
      generated_at: new Date(figures.generatedAt).toISOString(),
      pending_orders: figures.pendingOrders,
      processing_orders: figures.processingOrders,
      completed_today: figures.completedToday,
      failed_today: figures.failedToday,
      revenue_today: figures.revenueToday.map((money) => ({ currency: money.currency, amount: majorUnits(money) })),
    }
  }
}

function figuresTable(figures: RealtimeFigures, csv: boolean): Table {
  return {
    columns: [{ heading: 'figure' }, { heading: 'value', align: 'right' }, { heading: 'currency' }],
    rows: [
      ['pending orders', countCell(figures.pendingOrders, csv), null],
      ['orders in process', countCell(figures.processingOrders, csv), null],
      ['completed today', countCell(figures.completedToday, csv), null],
      ['failed today', countCell(figures.failedToday, csv), null],
      ...figures.revenueToday.map((money) => ['revenue today', amountCell(money, csv), money.currency]),
    ],
  }
}
