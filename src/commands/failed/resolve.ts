import { Flags } from '@oclif/core'
import { ORDER_CHANGE_ARGS, ORDER_CHANGE_FLAGS, OrderChangeCommand } from '../../command-line/order-change-command.js'
import { readId } from '../../command-line/selection-flags.js'
import { usageError } from '../../errors.js'
import { resolveOrders } from '../../workflow/resolve.js'

/** Width of the column of references. */
const MAX_REFERENCE = 255

export default class FailedResolve extends OrderChangeCommand {
  static override summary = 'Settle orders whose payment outcome is unknown'
  static override description =
    "Look the charge up in the payment provider's dashboard first. --captured completes the order, as a worker does. " +
    '--not-charged rolls the orders back and releases their stock; a retry then charges them again. Orders that a worker ' +
    'is processing, or that are settled, stay as they are.'
  static override examples = [
    'orderctl failed resolve 1001 --captured ch_3PqX',
    'orderctl failed resolve 1002 1003 --not-charged --reason "not in the dashboard"',
    'orderctl failed resolve --from-file ids.txt --not-charged --dry-run',
  ]
  static override args = ORDER_CHANGE_ARGS
  static override flags = {
    ...ORDER_CHANGE_FLAGS,
    captured: Flags.string({
      description: 'reference of the captured charge, for a single order',
      helpValue: 'REFERENCE',
      parse: readId,
      exclusive: ['not-charged', 'from-file'],
    }),
    'not-charged': Flags.boolean({ description: 'the provider has no captured charge' }),
  }

  async run() {
    const { args, flags } = await this.parse(FailedResolve)
    const { captured, reason } = flags
    const ids = args.id ?? []
    refuseUnclearOutcome(new Set(ids).size, captured, flags['not-charged'])
    return this.changeOrders(ids, flags, {
      verb: 'resolve',
      done: captured === undefined ? 'rolled back' : 'completed',
      apply: async ({ db }, orders, isDryRun) => {
        const chosen = orders.map(({ id }) => id)
        const refused = await resolveOrders(db, chosen, { captured, reason, isDryRun })
        return orders.map((order) => ({ order, refusal: refused.get(order.id), figures: {} }))
      },
    })
  }
}

/** @throws UserError (exit 2) */
function refuseUnclearOutcome(orders: number, captured: string | undefined, notCharged: boolean): void {
  if (captured === undefined && !notCharged) {
    const fix = 'Add --captured REFERENCE or --not-charged, as the dashboard of the payment provider shows.'
    throw usageError({ code: 'nothing_chosen', message: 'The outcome of the charge is not given.', fix })
  }
  if (captured === undefined) return
  if (captured === '' || captured.length > MAX_REFERENCE) {
    const fix = 'Copy the reference of the charge from the dashboard of the payment provider.'
    throw usageError({ code: 'bad_reference', message: `"${captured}" cannot be the reference of a charge.`, fix })
  }
  if (orders > 1) {
    const fix = 'Resolve the orders one at a time, each with the reference of its own charge.'
    throw usageError({ code: 'unclear_choice', message: '--captured is for a single order.', fix })
  }
}
