import { Args, Flags } from '@oclif/core'
import { BaseCommand } from '../../command-line/base-command.js'
import { readId } from '../../command-line/selection-flags.js'
import { groupThousands } from '../../domain/money.js'
import { shellWord } from '../../domain/shell.js'
import { usageError } from '../../errors.js'
import { adjustStock, readCount, readDelta, type StockChange } from '../../inventory/products.js'
import { countOf } from '../../terminal/text.js'
import { countFailures } from '../../workflow/failures.js'

export default class ProductsAdjust extends BaseCommand {
  static override summary = "Adjust a product's stock"
  static override description =
    'Records the adjustment with its reason and the current user. Reserved units cannot be removed. --set is safe to ' +
    'repeat. If units were added, counts the orders that failed for lack of them.'
  static override examples = [
    'orderctl products adjust WIDGET-1 50 --reason "delivery 4711"',
    'orderctl products adjust WIDGET-1 -5 --reason broken',
    'orderctl products adjust WIDGET-1 --set 40 --reason stocktake',
  ]
  static override args = {
    sku: Args.string({ description: 'SKU of the product', required: true, ignoreStdin: true, parse: readId }),
    delta: Args.string({ description: 'units to add (50) or remove (-5)', ignoreStdin: true }),
  }
  static override flags = {
    set: Flags.string({ description: 'units on hand that a count found, in place of DELTA', helpValue: 'N' }),
    reason: Flags.string({ description: 'reason for the adjustment', required: true, helpValue: 'TEXT' }),
  }

  async run() {
    const { args, flags } = await this.parse(ProductsAdjust)
    const change = readChange(args.delta, flags.set)
    const { sku } = args
    const { stock, missed } = await this.withDatabase(async (db) => {
      // Counts first: after the commit, a lost connection would look as if nothing was booked.
      const missed = await countFailures(db, { reason: 'out_of_stock', sku })
      return { missed, stock: await adjustStock(db, sku, change, flags.reason) }
    })
    const [reserved, available] = [groupThousands(stock.reserved), groupThousands(stock.available)]
    const unchanged = stock.delta === 0 ? ' (unchanged)' : ''
    this.print(
      `${sku}: ${countOf(stock.on_hand, 'unit')} on hand${unchanged}, ${reserved} reserved, ${available} available.`,
    )
    const retry =
      stock.delta > 0 && missed > 0 ? `orderctl failed retry --reason out_of_stock --sku ${shellWord(sku)}` : null
    if (retry) this.note(`${countOf(missed, 'order')} with ${sku} failed out of stock. Retry: ${retry}`)
    return { ...stock, out_of_stock_orders: missed, retry }
  }
}

function readChange(delta: string | undefined, count: string | undefined): StockChange {
  if (delta !== undefined && count === undefined) return { delta: readDelta(delta) }
  if (count !== undefined && delta === undefined) return { onHand: readCount(count) }
  throw usageError({
    code: delta === undefined ? 'nothing_chosen' : 'unclear_choice',
    message: delta === undefined ? 'No change specified.' : 'DELTA and --set exclude each other.',
    fix: 'Pass the units to add (5) or remove (-5), or what a count found (--set 40).',
  })
}
