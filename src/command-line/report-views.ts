// What the commands over reports share: KPIs as JSON and as cells, and how amounts and counts stand in a table.
import { formatAmount, groupThousands, type Money, majorUnits } from '../domain/money.js'
import type { Kpis } from '../reports/reports.js'
import type { Cell, Column } from '../terminal/table.js'

export interface KpisResult {
  currency: string
  total_revenue: number
  order_count: number
  average_order_value: number
  unique_customers: number
}

export function kpisResult({ revenue, orders, averageOrderValue, uniqueCustomers }: Kpis): KpisResult {
  return {
    currency: revenue.currency,
    total_revenue: majorUnits(revenue),
    order_count: orders,
    average_order_value: majorUnits(averageOrderValue),
    unique_customers: uniqueCustomers,
  }
}

export const KPIS_COLUMNS: readonly Column[] = [
  { heading: 'currency' },
  { heading: 'revenue', align: 'right' },
  { heading: 'orders', align: 'right' },
  { heading: 'average order', align: 'right' },
  { heading: 'customers', align: 'right' },
]

export function kpisCells({ revenue, orders, averageOrderValue, uniqueCustomers }: Kpis, csv: boolean): Cell[] {
  return [
    revenue.currency,
    amountCell(revenue, csv),
    countCell(orders, csv),
    amountCell(averageOrderValue, csv),
    countCell(uniqueCustomers, csv),
  ]
}

/** Grouped for people; a plain decimal in CSV, for programs. The currency stands in a column of its own. */
export function amountCell(money: Money, csv: boolean): Cell {
  return csv ? majorUnits(money) : formatAmount(money)
}

export function countCell(count: number, csv: boolean): Cell {
  return csv ? count : groupThousands(count)
}
