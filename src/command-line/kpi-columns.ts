// The columns of KPI tables, and the table of a range of days.
import type { Kpis } from '../reports/kpis.js'
import { blockBar } from '../terminal/chart.js'
import { part } from '../terminal/line.js'
import type { Screen } from '../terminal/screen.js'
import { renderTable, type Table } from '../terminal/table.js'
import { widthOf } from '../terminal/text-width.js'
import { type Column, tableOf } from './list.js'

/** Tables without refunds leave out the refunds and the net revenue. */
export function kpiColumns(rows: readonly Kpis[]): readonly Column<Kpis>[] {
  const csvOnly = rows.every(({ refunds }) => refunds.minor === 0)
  return [
    { key: 'currency', csvOnly: true },
    { key: 'total_revenue', heading: 'revenue' },
    { key: 'refunds', csvOnly },
    { key: 'net_revenue', csvOnly },
    { key: 'order_count', heading: 'orders' },
    { key: 'average_order_value', heading: 'average order value' },
    { key: 'unique_customers', heading: 'customers' },
  ]
}

interface DayKpis extends Kpis {
  readonly date: string
}

export const dayColumns = (days: readonly DayKpis[]): readonly Column<DayKpis>[] => ['date', ...kpiColumns(days)]

/** Columns that a bar may take; a longer one is no easier to read. */
const MAX_BAR_WIDTH = 40

/** One row per day, with a bar of its revenue that fills the screen's width, and the totals last. In one currency. */
export function rangeTable(days: readonly DayKpis[], totals: Kpis, { width = 80, ...screen }: Screen): Table {
  const rows = [...days, { ...totals, date: 'Total' }]
  const table = tableOf(dayColumns(rows), rows)
  const [headings = ''] = renderTable(table, { ...screen, hasColour: false, width: undefined }).split('\n')
  const barWidth = Math.min(MAX_BAR_WIDTH, width - widthOf(headings) - 2)
  if (barWidth < 1) return table
  const highest = days.reduce((most, day) => Math.max(most, day.total_revenue.minor), 0)
  const barOf = (index: number) => blockBar((days[index]?.total_revenue.minor ?? 0) / highest, barWidth)
  return {
    columns: table.columns.toSpliced(2, 0, { heading: '', minWidth: barWidth }),
    rows: table.rows.map((row, index) => row.toSpliced(2, 0, part(index < days.length ? barOf(index) : '', 'good'))),
  }
}
