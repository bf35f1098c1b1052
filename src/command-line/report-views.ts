// What the commands over reports share: the columns of KPIs, and how counts stand in a table.
import { groupThousands } from '../domain/money.js'
import type { Kpis } from '../reports/kpis.js'
import type { Cell } from '../terminal/table.js'
import type { Column } from './list.js'

export const KPI_COLUMNS: readonly Column<Kpis>[] = [
  'currency',
  { key: 'total_revenue', heading: 'revenue' },
  { key: 'order_count', heading: 'orders' },
  { key: 'average_order_value', heading: 'average order' },
  { key: 'unique_customers', heading: 'customers' },
]

export function countCell(count: number, csv: boolean): Cell {
  return csv ? count : groupThousands(count)
}
