import { Flags } from '@oclif/core'
import { BaseCommand, csvFlag } from '../../command-line/base-command.js'
import { limitFlag, readId, readSince, sinceFlag, sourceFlag } from '../../command-line/selection-flags.js'
import { orderDateIn, statusPart } from '../../command-line/status-words.js'
import { dayAt } from '../../domain/business-day.js'
import { ORDER_STATUSES } from '../../domain/order.js'
import { listOrders } from '../../reports/orders.js'

export default class OrdersList extends BaseCommand {
  static override summary = 'List orders, newest first'
  static override description = 'Sorts and filters (--since) by order date, in the business time zone.'
  static override examples = [
    'orderctl orders list --status pending',
    'orderctl orders list --customer C-42 --since 2025-01-01',
    'orderctl orders list --limit all --csv > orders.csv',
  ]
  static override flags = {
    status: Flags.option({ options: ORDER_STATUSES, description: 'only orders with this status' })(),
    customer: Flags.string({ description: 'only orders of this customer', helpValue: 'CUSTOMER_ID', parse: readId }),
    since: sinceFlag,
    source: sourceFlag,
    limit: limitFlag({ default: 30 }),
    csv: csvFlag,
  }

  async run() {
    const { flags } = await this.parse(OrdersList)
    const { timeZone } = this.settings
    const since = flags.since === undefined ? undefined : dayAt(readSince(flags.since, timeZone), timeZone)
    const { total, orders } = await this.withDatabase((db) => listOrders(db, { ...flags, since }, flags.limit))
    const empty = 'No orders match. Remove a filter, or import orders with: orderctl import FILE'
    this.showList(
      [
        { key: 'order_id', heading: 'order' },
        { key: 'source', varies: true },
        { key: 'order_date', shown: orderDateIn(timeZone), align: 'right' },
        { key: 'status', shown: statusPart },
        { key: 'reason', varies: true, dropOrder: 1 },
        { key: 'customer_id', heading: 'customer' },
        { key: 'customer_name', heading: 'name', flexible: true, minWidth: 16 },
        'total',
        { key: 'currency', csvOnly: true },
      ],
      orders,
      { csv: flags.csv, total, empty },
    )
    return { total, orders }
  }
}
