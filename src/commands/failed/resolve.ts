import { Flags } from '@oclif/core'
import { ORDER_CHANGE_ARGS, ORDER_CHANGE_FLAGS, OrderChangeCommand } from '../../command-line/order-change-command.js'
import { readId } from '../../command-line/selection-flags.js'
import { isReference } from '../../domain/ids.js'
import { usageError } from '../../errors.js'
import { resolveOrders } from '../../workflow/resolve.js'

export default class FailedResolve extends OrderChangeCommand {
  static override summary = 'Settle orders whose payment outcome is unknown'
  static override description =
    "Look the charge up in the payment provider's dashboard first. --captured completes the order, as a worker does. For " +
    'several orders, name a file with the id of an order, a comma and the reference of its charge in each line. ' +
    '--not-charged rolls the orders back and releases their stock; a retry then charges them again. Orders that a worker ' +
    'is processing, or that are settled, stay as they are.'
  static override examples = [
    'orderctl failed resolve 1001 --captured ch_3PqX',
    'orderctl failed resolve 1002 1003 --not-charged --reason "not in the dashboard"',
    'orderctl failed resolve --from-file captured.csv --dry-run',
    'orderctl failed resolve --from-file ids.txt --not-charged',
  ]
  static override args = ORDER_CHANGE_ARGS
  static override flags = {
    ...ORDER_CHANGE_FLAGS,
    'from-file': {
      ...ORDER_CHANGE_FLAGS['from-file'],
      description: 'file with ID,REFERENCE per line, or with --not-charged an id; - for standard input',
    },
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
    const { captured, 'not-charged': notCharged, 'from-file': file, reason } = flags
    const isPaired = file !== undefined && !notCharged
    if (captured === undefined && !notCharged && !isPaired) throw noOutcome()
    const lines = await this.namedOrders(args.id, file)
    const pairs =
      captured === undefined ? (isPaired ? lines : []).map(readPair) : lines.map((id) => [id, captured] as const)
    const references = new Map(pairs)
    refuseUnfit(pairs)
    return this.changeOrders(notCharged ? lines : [...references.keys()], flags, {
      verb: 'resolve',
      done: notCharged ? 'rolled back' : 'completed',
      apply: async ({ db }, orders, isDryRun) => {
        const chosen = orders.map(({ id }) => id)
        const charges = new Map(orders.map(({ id, reference }) => [id, references.get(reference) ?? '']))
        const resolution = { captured: notCharged ? undefined : charges, reason, isDryRun }
        const refused = await resolveOrders(db, chosen, resolution)
        return orders.map((order) => ({ order, refusal: refused.get(order.id), figures: {} }))
      },
    })
  }
}

type Pair = readonly [order: string, charge: string]

/** Splits at the last comma, since an order id may contain some. */
function readPair(line: string): Pair {
  const [, order = '', charge = ''] = /^(.*),(.*)$/.exec(line) ?? [line, line]
  return [order.trim(), charge.trim()]
}

/** @throws UserError (exit 2) if a reference is no reference, or is given to two orders, or an order has two */
function refuseUnfit(pairs: readonly Pair[]): void {
  for (const [order, charge] of pairs) {
    if (isReference(charge)) continue
    const message = `"${charge}" cannot be the reference of the charge of order ${order}.`
    const fix = 'Copy the reference from the dashboard of the payment provider. In a file, each line is ID,REFERENCE.'
    throw usageError({ code: 'bad_reference', message, fix })
  }
  for (const names of [pairs.map(([order]) => order), pairs.map(([, charge]) => charge)]) {
    const twice = names.find((name, index) => names.indexOf(name) !== index)
    if (twice === undefined) continue
    const message = `${twice} is named twice, but each order has a charge of its own.`
    const fix =
      'Name each order and each reference once. Several orders need --from-file with ID,REFERENCE in each line.'
    throw usageError({ code: 'unclear_choice', message, fix })
  }
}

function noOutcome() {
  const fix = 'Add --captured REFERENCE or --not-charged, as the dashboard of the payment provider shows.'
  return usageError({ code: 'nothing_chosen', message: 'The outcome of the charge is not given.', fix })
}
