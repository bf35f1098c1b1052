import { ORDER_LIST_FLAGS, OrderListCommand } from '../../command-line/order-list-command.js'

export default class OrdersList extends OrderListCommand {
  static override summary = 'List orders, newest first'
  static override description = 'Sorts and filters by order date, in the business time zone.'
  static override examples = [
    'orderctl orders list --status pending',
    'orderctl orders list --sku WIDGET-1 --from monday',
    'orderctl orders list --customer C-42 --month 2026-03',
    'orderctl orders list --limit all --csv > orders.csv',
  ]
  static override flags = ORDER_LIST_FLAGS

  async run() {
    const { flags } = await this.parse(OrdersList)
    return this.showOrders(flags, 'No orders match. Remove a filter, or import orders with: orderctl import FILE')
  }
}
