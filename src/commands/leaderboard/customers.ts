import { CUSTOMER_COLUMNS, LEADERBOARD_FLAGS, LeaderboardCommand } from '../../command-line/leaderboard-command.js'
import { limitFlag } from '../../command-line/selection-flags.js'
import { topCustomers } from '../../reports/leaderboards.js'

export default class LeaderboardCustomers extends LeaderboardCommand {
  static override summary = 'Show the top customers by net spending'
  static override description =
    'Ranks customers by revenue from completed orders, minus refunds of the period, in one currency. Ties are ranked ' +
    'by number of orders, then by customer id.'
  static override examples = [
    'orderctl leaderboard customers --limit 20',
    'orderctl leaderboard customers --currency EUR --month 2026-03',
  ]
  static override flags = { limit: limitFlag({ default: 10 }), ...LEADERBOARD_FLAGS }

  async run() {
    const { flags } = await this.parse(LeaderboardCustomers)
    const choice = this.readChoice(flags)
    const board = await this.withDatabase((db) => topCustomers(db, choice, flags.limit))
    const about = this.showBoard(
      [
        'rank',
        ...CUSTOMER_COLUMNS,
        { heading: 'currency', value: ({ total_spent }) => total_spent.currency, csvOnly: true },
      ],
      board,
      flags.csv,
    )
    return { ...about, customers: board.rows }
  }
}
