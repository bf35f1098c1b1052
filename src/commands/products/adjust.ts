import { Args, Flags } from '@oclif/core'
import { BaseCommand } from '../../command-line/base-command.js'
import { readId } from '../../command-line/selection-flags.js'
import { groupThousands } from '../../domain/money.js'
import { adjustStock, readDelta } from '../../inventory/products.js'
import { countOf } from '../../terminal/text.js'

export default class ProductsAdjust extends BaseCommand {
  static override summary = "Adjust a product's stock"
  static override description = 'Records the adjustment with its reason. Reserved units cannot be removed.'
  static override examples = [
    'orderctl products adjust WIDGET-1 50 --reason "delivery 4711"',
    'orderctl products adjust WIDGET-1 -5 --reason broken',
  ]
  static override args = {
    sku: Args.string({ description: 'SKU of the product', required: true, ignoreStdin: true, parse: readId }),
    delta: Args.string({ description: 'units to add (50) or remove (-5)', required: true, ignoreStdin: true }),
  }
  static override flags = {
    reason: Flags.string({ description: 'reason for the adjustment', required: true, helpValue: 'TEXT' }),
  }

  async run() {
    const { args, flags } = await this.parse(ProductsAdjust)
    const delta = readDelta(args.delta)
    const stock = await this.withDatabase((db) => adjustStock(db, args.sku, delta, flags.reason))
    const [reserved, available] = [groupThousands(stock.reserved), groupThousands(stock.available)]
    this.print(`${stock.sku}: ${countOf(stock.on_hand, 'unit')} on hand, ${reserved} reserved, ${available} available.`)
    return stock
  }
}
