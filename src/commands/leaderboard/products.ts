import { LEADERBOARD_FLAGS, LeaderboardCommand } from '../../command-line/leaderboard-command.js'
import { limitFlag } from '../../command-line/selection-flags.js'
import { topProducts } from '../../reports/leaderboards.js'

export default class LeaderboardProducts extends LeaderboardCommand {
  static override summary = 'Show the top products by units sold'
  static override description =
    'Ranks products by units sold in completed orders in one currency. Ties are ranked by SKU. Refunds ' +
    'are not subtracted, since they are for orders.'
  static override examples = [
    'orderctl leaderboard products --limit 20',
    'orderctl leaderboard products --last 4w --csv > products.csv',
  ]
  static override flags = { limit: limitFlag({ default: 10 }), ...LEADERBOARD_FLAGS }

  async run() {
    const { flags } = await this.parse(LeaderboardProducts)
    const choice = this.readChoice(flags)
    const board = await this.withDatabase((db) => topProducts(db, choice, flags.limit))
    const about = this.showBoard(
      [
        'rank',
        'sku',
        'name',
        { key: 'units_sold', heading: 'units' },
        { key: 'order_count', heading: 'orders' },
        { key: 'total_revenue', heading: 'revenue' },
        { heading: 'currency', value: ({ total_revenue }) => total_revenue.currency, csvOnly: true },
      ],
      board,
      flags.csv,
    )
    return { ...about, products: board.rows }
  }
}
