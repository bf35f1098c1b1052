import { Flags } from '@oclif/core'
import { ORDER_CHANGE_ARGS, ORDER_CHANGE_FLAGS, OrderChangeCommand } from '../../command-line/order-change-command.js'
import { readId } from '../../command-line/selection-flags.js'
import { isReference, type OrderId } from '../../domain/ids.js'
import { usageError } from '../../errors.js'
import { withGateway } from '../../payments/open-gateway.js'
import { refundOptionsOf } from '../../workflow/refund.js'
import { refundOrders } from '../../workflow/refund-orders.js'
import type { Stated } from '../../workflow/refundable.js'

export default class OrdersRefund extends OrderChangeCommand {
  static override summary = 'Refund orders, in full or in part'
  static override description =
    'Gives back what was paid for completed orders: all that is left, or --amount. Each refund has its own idempotency ' +
    'key. If this process dies or the outcome is unknown, "work" or "schedule" asks again with the same key, and so ' +
    'does this command until the outcome is known: look with "orders show" before you repeat --amount. If the ' +
    'gateway cannot say, look the refund up in its dashboard, and state what it shows with --refunded or ' +
    '--not-refunded. The order stays completed.'
  static override examples = [
    'orderctl orders refund 1001 --reason "damaged in transit"',
    'orderctl orders refund 1001 --amount 12.50',
    'orderctl orders refund 1001 1002 --restock',
    'orderctl orders refund --from-file returns.txt --dry-run',
    'orderctl orders refund 1001 --refunded re_3PqX',
  ]
  static override args = ORDER_CHANGE_ARGS
  static override flags = {
    ...ORDER_CHANGE_FLAGS,
    amount: Flags.string({ description: 'amount in the currency of the order [default: all]', helpValue: 'AMOUNT' }),
    restock: Flags.boolean({ description: 'put all units of the order back into stock, once it is refunded in full' }),
    refunded: Flags.string({
      description: "reference of the order's refund in the dashboard of the gateway",
      helpValue: 'REFERENCE',
      parse: readId,
      exclusive: ['amount', 'restock', 'from-file'],
    }),
    'not-refunded': Flags.boolean({
      description: 'the gateway has not made the refund with an unknown outcome',
      exclusive: ['amount', 'restock', 'refunded'],
    }),
  }

  async run() {
    const { args, flags } = await this.parse(OrdersRefund)
    const { amount, restock, reason } = flags
    const stated = statedIn(flags.refunded, flags['not-refunded'])
    return this.changeOrders(await this.namedOrders(args.id, flags['from-file']), flags, {
      verb: 'refund',
      done: stated?.status === 'declined' ? 'not refunded' : 'refunded',
      columns: ['amount', { key: 'currency', csvOnly: true }, { key: 'gateway_reference', varies: true }],
      async apply({ db, config }, orders, isDryRun) {
        if (orders.length > 1 && amount !== undefined) throw severalOrders('--amount')
        if (orders.length > 1 && flags.refunded !== undefined) throw severalOrders('--refunded')
        const ids = orders.map(({ id }) => id)
        const request = { amount, restock, reason, stated, isDryRun }
        const options = refundOptionsOf(config)
        const results = await withGateway(
          config,
          (gateway) => refundOrders(db, gateway, ids, request, options),
          // An outage or wrong credentials end the command before a refund is stored.
          { checks: !isDryRun && stated === undefined },
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

/** @throws UserError (exit 2) */
function statedIn(reference: string | undefined, isDeclined: boolean): Stated | undefined {
  if (isDeclined) return { status: 'declined', message: 'not refunded, as a person has stated' }
  if (reference === undefined) return undefined
  if (isReference(reference)) return { status: 'refunded', reference }
  const fix = 'Copy the reference of the refund from the dashboard of the gateway.'
  throw usageError({ code: 'bad_reference', message: `"${reference}" cannot be the reference of a refund.`, fix })
}

function severalOrders(flag: string) {
  const message = `${flag} is for a single order, but several were named.`
  return usageError({ code: 'unclear_choice', message, fix: `Name one order, or leave out ${flag}.` })
}
