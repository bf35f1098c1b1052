// `orders list`: one line an order.
import { Flags } from '@oclif/core'
import { BaseCommand, csvFlag } from '../../command-line/base-command.js'
import { amountCell } from '../../command-line/report-views.js'
import {
  limitFlag,
  readId,
  readSince,
  restNote,
  screenful,
  sinceFlag,
  sourceFlag,
} from '../../command-line/selection-flags.js'
import { dayAt } from '../../domain/business-day.js'
import { majorUnits } from '../../domain/money.js'
import { ORDER_STATUSES } from '../../domain/order.js'
import { listOrders, type OrderSummary } from '../../reports/orders.js'
import type { Table } from '../../terminal/table.js'

export interface OrdersListResult {
  /** All that match, also those beyond the limit. */
  total: number
  orders: {
    order_id: string
    source: string
    customer_id: string
    customer_name: string
    order_date: string
    status: string
    reason: string | null
    currency: string
    total: number
  }[]
}

export default class OrdersList extends BaseCommand {
  static override summary = 'List orders, the newest order date first'
  static override description = '--since goes by the order date, as a day in the business time zone.'
  static override examples = [
    '<%= config.bin %> orders list --status pending',
    '<%= config.bin %> orders list --customer C-42 --since 2025-01-01',
    '<%= config.bin %> orders list --csv > orders.csv',
  ]

  static override flags = {
    status: Flags.option({ options: ORDER_STATUSES, description: 'only orders with this status' })(),
    customer: Flags.string({ description: 'only orders of this customer', helpValue: 'CUSTOMER_ID', parse: readId }),
    since: sinceFlag,
    source: sourceFlag,
    limit: limitFlag,
    csv: csvFlag,
  }

  async run(): Promise<OrdersListResult> {
    const { flags } = await this.parse(OrdersList)
    const { timeZone } = this.settings
    const since = readSince(flags.since, timeZone)
    const { status, customer, source } = flags
    const filter = { status, customer, source, since: since === undefined ? undefined : dayAt(since, timeZone) }
    const limit = flags.limit ?? screenful(this.host.stdout, flags.csv || this.jsonEnabled())
    const { total, orders } = await this.withApp(({ db }) => listOrders(db, filter, limit))
    if (orders.length > 0 || flags.csv) this.showTable(orderTable(orders, flags.csv ?? false), flags)
    const rest = restNote(orders.length, total)
    if (rest) this.note(rest)
    if (total === 0) this.note('No orders match. Leave out a filter, or import orders with: orderctl import FILE')
    return { total, orders: orders.map(orderJson) }
  }
}

function orderTable(orders: readonly OrderSummary[], csv: boolean): Table {
  return {
    columns: [
      { heading: 'order' },
      { heading: 'source' },
      { heading: 'order date' },
      { heading: 'status' },
      { heading: 'reason' },
      { heading: 'customer' },
      { heading: 'name', flexible: true },
      { heading: 'total', align: 'right' },
      { heading: 'currency' },
    ],
    rows: orders.map((order) => [
      order.reference,
      order.source,
      order.orderedAt,
      order.status,
      order.reason,
      order.customerId,
      order.customerName,
      amountCell({ currency: order.currency, minor: order.total }, csv),
      order.currency,
    ]),
  }
}

function orderJson(order: OrderSummary): OrdersListResult['orders'][number] {
  return {
    order_id: order.reference,
    source: order.source,
    customer_id: order.customerId,
    customer_name: order.customerName,
    order_date: order.orderedAt,
    status: order.status,
    reason: order.reason,
    currency: order.currency,
    total: majorUnits({ currency: order.currency, minor: order.total }),
  }
}
