import { BaseCommand, csvFlag } from '../../command-line/base-command.js'
import { integerFlag, limitFlag } from '../../command-line/selection-flags.js'
import { listProducts } from '../../inventory/products.js'

export default class ProductsList extends BaseCommand {
  static override summary = 'List products and their stock'
  static override description =
    'On hand includes units reserved for open orders. Available units can be sold to new orders.'
  static override examples = [
    'orderctl products list',
    'orderctl products list --low 10',
    'orderctl products list --limit all --csv > stock.csv',
  ]
  static override flags = {
    low: integerFlag({
      description: 'only products with N or fewer available units, lowest first',
      min: 0,
      helpValue: 'N',
    }),
    limit: limitFlag({ default: 30 }),
    csv: csvFlag,
  }

  async run() {
    const { flags } = await this.parse(ProductsList)
    const { low, limit, csv } = flags
    const { total, products } = await this.withDatabase((db) => listProducts(db, limit, low))
    const empty =
      low === undefined
        ? 'No products yet. Import some with: orderctl products import FILE'
        : `No products with ${low} or fewer available units. List all: orderctl products list`
    const columns = ['sku', 'name', 'on_hand', 'reserved', 'available'] as const
    this.showList(columns, products, { csv, total, empty })
    return { total, products }
  }
}
