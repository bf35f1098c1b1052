import { Args } from '@oclif/core'
import { ORDER_LIST_FLAGS, OrderListCommand } from '../../command-line/order-list-command.js'
import { usageError } from '../../errors.js'

export default class OrdersSearch extends OrderListCommand {
  static override summary = 'Search orders by id, customer or SKU'
  static override description =
    'Finds orders whose id starts with the text, or whose customer id, customer name or a SKU contains it. Upper and ' +
    'lower case are the same. Lists the newest first.'
  static override examples = [
    'orderctl orders search T-10',
    'orderctl orders search "maya singh"',
    'orderctl orders search MUG --status failed --last 7d',
  ]
  static override args = {
    text: Args.string({ description: 'text to search for', required: true, ignoreStdin: true }),
  }
  static override flags = ORDER_LIST_FLAGS

  async run() {
    const { args, flags } = await this.parse(OrdersSearch)
    const text = args.text.trim()
    if (text === '') {
      const fix = 'Pass an order id, a customer or a SKU: orderctl orders search T-1002'
      throw usageError({ code: 'bad_text', message: 'The text to search for is empty.', fix })
    }
    return this.showOrders(flags, 'No orders match. Search for less text, or list all: orderctl orders list', text)
  }
}
