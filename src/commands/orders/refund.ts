import { Flags } from '@oclif/core'
import { ORDER_CHANGE_ARGS, ORDER_CHANGE_FLAGS, OrderChangeCommand } from '../../command-line/order-change-command.js'
import type { OrderId } from '../../domain/ids.js'
import { usageError } from '../../errors.js'
import { withGateway } from '../../payments/open-gateway.js'
import { refundOptionsOf } from '../../workflow/refund.js'
import { refundOrders } from '../../workflow/refund-orders.js'

export default class OrdersRefund extends OrderChangeCommand {
  static override summary = 'Refund orders, in full or in part'
  static override description =
    'Gives back what was paid for completed orders: all that is left, or --amount. Each refund has its own idempotency ' +
    'key. If this process dies or the outcome is unknown, "work" or "schedule" asks again with the same key, and so ' +
    'does this command. The order stays completed.'
  static override examples = [
    'orderctl orders refund 1001 --reason "damaged in transit"',
    'orderctl orders refund 1001 --amount 12.50',
    'orderctl orders refund 1001 1002 --restock',
    'orderctl orders refund --from-file returns.txt --dry-run',
  ]
  static override args = ORDER_CHANGE_ARGS
  static override flags = {
    ...ORDER_CHANGE_FLAGS,
    amount: Flags.string({ description: 'amount in the currency of the order [default: all]', helpValue: 'AMOUNT' }),
    restock: Flags.boolean({ description: 'put all units of the order back into stock, once it is refunded in full' }),
  }

  async run() {
    const { args, flags } = await this.parse(OrdersRefund)
    const { amount, restock, reason } = flags
    return this.changeOrders(args.id ?? [], flags, {
      verb: 'refund',
      done: 'refunded',
      columns: ['amount', { key: 'currency', csvOnly: true }, { key: 'gateway_reference', varies: true }],
      async apply({ db, config }, orders, isDryRun) {
        if (amount !== undefined && orders.length > 1) throw severalOrders()
        const ids = orders.map(({ id }) => id)
        const request = { amount, restock, reason, isDryRun }
        const results = await withGateway(
          config,
          (gateway) => refundOrders(db, gateway, ids, request, refundOptionsOf(config)),
          // An outage or wrong credentials end the command before a refund is stored.
          { checks: !isDryRun },
        )
        return orders.map((order) => ({ order, ...resultIn(results, order.id) }))
      },
    })
  }
}

function resultIn(results: Awaited<ReturnType<typeof refundOrders>>, id: OrderId) {
  const { amount = null, gateway_reference = null, refusal } = results.get(id) ?? {}
  return { refusal, figures: { amount, currency: amount?.currency ?? null, gateway_reference } }
}

function severalOrders() {
  const message = '--amount refunds a single order, but several were named.'
  return usageError({ code: 'unclear_choice', message, fix: 'Name one order, or leave out --amount.' })
}
