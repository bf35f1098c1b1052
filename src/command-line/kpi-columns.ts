// The columns of KPI tables.
import type { Kpis } from '../reports/kpis.js'
import type { Column } from './list.js'

export const KPI_COLUMNS: readonly Column<Kpis>[] = [
  { key: 'currency', csvOnly: true },
  { key: 'total_revenue', heading: 'revenue' },
  { key: 'order_count', heading: 'orders' },
  { key: 'average_order_value', heading: 'average order value' },
  { key: 'unique_customers', heading: 'customers' },
]
