import { Args } from '@oclif/core'
import { CUSTOMER_COLUMNS, LEADERBOARD_FLAGS, LeaderboardCommand } from '../../command-line/leaderboard-command.js'
import { readId } from '../../command-line/selection-flags.js'
import { rankCustomer } from '../../reports/leaderboards.js'

export default class LeaderboardRank extends LeaderboardCommand {
  static override summary = "Show a customer's rank by net spending"
  static override description = 'Shows the same rank as "leaderboard customers" with the same flags.'
  static override examples = ['orderctl leaderboard rank C-1001', 'orderctl leaderboard rank C-1001 --currency EUR']
  static override args = {
    CUSTOMER_ID: Args.string({ description: 'customer_id from the order file', required: true, parse: readId }),
  }
  static override flags = LEADERBOARD_FLAGS

  async run() {
    const { args, flags } = await this.parse(LeaderboardRank)
    const choice = this.readChoice(flags)
    const board = await this.withDatabase((db) => rankCustomer(db, choice, args.CUSTOMER_ID))
    const standing = { ...board.rows, currency: board.currency }
    const about = this.showBoard(
      ['rank', 'of', ...CUSTOMER_COLUMNS, { key: 'currency', csvOnly: true }],
      { ...board, rows: standing.rank !== null || flags.csv ? [standing] : [] },
      flags.csv,
      `${args.CUSTOMER_ID} has no completed orders`,
    )
    return { ...standing, ...about }
  }
}
