import { ORDER_CHANGE_ARGS, ORDER_CHANGE_FLAGS, OrderChangeCommand } from '../../command-line/order-change-command.js'
import { cancelOrders } from '../../workflow/cancel.js'

export default class OrdersCancel extends OrderChangeCommand {
  static override summary = 'Cancel orders that have not been charged'
  static override description =
    'A cancelled order is failed, with the reason "cancelled". "failed retry" retries it only if it is named, or with ' +
    '--reason cancelled. An order that a worker may have charged is not cancelled; the command says what to do instead. ' +
    'Exit code 3 if only some orders are cancelled.'
  static override examples = [
    'orderctl orders cancel 1001 1002 --reason "customer called"',
    'orderctl orders cancel --from-file ids.txt --dry-run',
  ]
  static override args = ORDER_CHANGE_ARGS
  static override flags = ORDER_CHANGE_FLAGS

  async run() {
    const { args, flags } = await this.parse(OrdersCancel)
    return this.changeOrders(await this.namedOrders(args.id, flags['from-file']), flags, {
      verb: 'cancel',
      done: 'cancelled',
      apply: async ({ db }, orders, isDryRun) => {
        const ids = orders.map(({ id }) => id)
        const refused = await cancelOrders(db, ids, { reason: flags.reason, isDryRun })
        return orders.map((order) => ({ order, refusal: refused.get(order.id), figures: {} }))
      },
    })
  }
}
