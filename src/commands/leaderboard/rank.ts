import { Args } from '@oclif/core'
import { LEADERBOARD_FLAGS, LeaderboardCommand } from '../../command-line/leaderboard-command.js'
import { amountCell, countCell } from '../../command-line/report-views.js'
import { readId } from '../../command-line/selection-flags.js'
import { majorUnits } from '../../domain/money.js'
import type { CustomerRank } from '../../reports/reports.js'
import type { Table } from '../../terminal/table.js'

export interface LeaderboardRankResult {
  /** Null where the customer bought nothing in this currency and period. */
  rank: number | null
  /** How many customers bought. */
  of: number
  customer_id: string
  customer_name: string
  order_count: number
  total_spent: number
  currency: string | null
  generated_at: string
}

export default class LeaderboardRank extends LeaderboardCommand {
  static override summary = 'Show where one customer stands among all who bought'
  static override description = 'The rank is the one of "leaderboard customers" with the same flags.'
  static override examples = [
    '<%= config.bin %> leaderboard rank C-1001',
    '<%= config.bin %> leaderboard rank C-1001 --currency EUR',
  ]

  static override args = {
    CUSTOMER_ID: Args.string({ description: "the shop's customer_id", required: true, parse: readId }),
  }
  static override flags = LEADERBOARD_FLAGS

  async run(): Promise<LeaderboardRankResult> {
    const { args, flags } = await this.parse(LeaderboardRank)
    const query = { ...this.readChoice(flags), customer: args.CUSTOMER_ID }
    const standing = await this.withReports((reports) => reports.rank(query))
    if (standing.rank !== null || flags.csv) this.showTable(rankTable(standing, flags.csv), flags)
    else this.note(`${standing.customer} has no completed order that counts here.`)
    this.noteOthers(standing)
    return {
      rank: standing.rank,
      of: standing.of,
      customer_id: standing.customer,
      customer_name: standing.name,
      order_count: standing.orders,
      total_spent: standing.spent ? majorUnits(standing.spent) : 0,
      currency: standing.currency,
      generated_at: new Date(standing.generatedAt).toISOString(),
    }
  }
}

function rankTable({ rank, of, customer, name, orders, spent, currency }: CustomerRank, csv: boolean): Table {
  return {
    columns: [
      { heading: 'rank', align: 'right' },
      { heading: 'of', align: 'right' },
      { heading: 'customer' },
      { heading: 'name', flexible: true },
      { heading: 'orders', align: 'right' },
      { heading: 'spent', align: 'right' },
      { heading: 'currency' },
    ],
    rows: [[rank, of, customer, name, countCell(orders, csv), spent && amountCell(spent, csv), currency]],
  }
}
