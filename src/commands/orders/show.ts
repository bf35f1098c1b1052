import { Args } from '@oclif/core'
import { BaseCommand } from '../../command-line/base-command.js'
import { orderTables } from '../../command-line/order-view.js'
import { readId, sourceFlag } from '../../command-line/selection-flags.js'
import { showOrder } from '../../reports/orders.js'

export default class OrdersShow extends BaseCommand {
  static override summary = 'Show an order in full'
  static override description =
    'Shows its status, lines, reservations, payments, refunds and import, and what happens next.'
  static override examples = ['orderctl orders show 1001', 'orderctl orders show 1001 --source shop-b']
  static override args = {
    id: Args.string({ description: 'order id', required: true, ignoreStdin: true, parse: readId }),
  }
  static override flags = { source: sourceFlag }

  async run() {
    const { args, flags } = await this.parse(OrdersShow)
    const order = await this.withDatabase((db) => showOrder(db, args.id, flags.source))
    for (const table of orderTables(order, this.settings.timeZone)) {
      this.showTable(table)
      this.print('')
    }
    this.print(`Next: ${order.next}`)
    return order
  }
}
