// `products list`: the stock of every product, or of those that run out.
import { Flags } from '@oclif/core'
import { BaseCommand, csvFlag } from '../../command-line/base-command.js'
import { limitFlag, restNote, screenful } from '../../command-line/selection-flags.js'
import { listProducts, type ProductStock } from '../../inventory/products.js'

export interface ProductsListResult {
  /** All that match, also those beyond the limit. */
  total: number
  products: ProductStock[]
}

export default class ProductsList extends BaseCommand {
  static override summary = 'List products and their stock'
  static override description =
    'On hand is what is in the shop, reserved what open orders hold of it, available what new orders can have.'

  static override examples = [
    '<%= config.bin %> products list',
    '<%= config.bin %> products list --low 10',
    '<%= config.bin %> products list --csv > stock.csv',
  ]

  static override flags = {
    low: Flags.integer({
      description: 'only products with N or fewer available, the scarcest first',
      min: 0,
      helpValue: 'N',
    }),
    limit: limitFlag,
    csv: csvFlag,
  }

  async run(): Promise<ProductsListResult> {
    const { flags } = await this.parse(ProductsList)
    const limit = flags.limit ?? screenful(this.host.stdout, flags.csv || this.jsonEnabled())
    const { total, products } = await this.withApp(({ db }) => listProducts(db, { low: flags.low, limit }))
    const columns = [
      { heading: 'sku' },
      { heading: 'name', flexible: true },
      { heading: 'on hand', align: 'right' },
      { heading: 'reserved', align: 'right' },
      { heading: 'available', align: 'right' },
    ] as const
    const rows = products.map((product) => [
      product.sku,
      product.name,
      product.on_hand,
      product.reserved,
      product.available,
    ])
    if (products.length > 0 || flags.csv) this.showTable({ columns, rows }, flags)
    const rest = restNote(products.length, total)
    if (rest) this.note(rest)
    if (total === 0) {
      this.note(
        flags.low === undefined
          ? 'There are no products yet. Add some with: orderctl products import FILE'
          : `No product has ${flags.low} or fewer units available. See all with: orderctl products list`,
      )
    }
    return { total, products }
  }
}
