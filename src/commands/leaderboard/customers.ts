import { LEADERBOARD_FLAGS, LeaderboardCommand, leaderboardLimitFlag } from '../../command-line/leaderboard-command.js'
import { amountCell, countCell } from '../../command-line/report-views.js'
import { majorUnits } from '../../domain/money.js'
import type { CustomerEntry } from '../../reports/reports.js'
import type { Table } from '../../terminal/table.js'

export interface LeaderboardCustomersResult {
  /** Null where nothing was sold and no currency was asked for. */
  currency: string | null
  generated_at: string
  customers: {
    rank: number
    customer_id: string
    customer_name: string
    order_count: number
    total_spent: number
  }[]
}

export default class LeaderboardCustomers extends LeaderboardCommand {
  static override summary = 'Show the customers who spend most'
  static override description =
    'By revenue of completed orders in one currency. Where two spent the same, more orders come first, then the customer id.'

  static override examples = [
    '<%= config.bin %> leaderboard customers --limit 20',
    '<%= config.bin %> leaderboard customers --currency EUR --from 2025-01-01 --to 2025-01-31',
  ]

  static override flags = { limit: leaderboardLimitFlag, ...LEADERBOARD_FLAGS }

  async run(): Promise<LeaderboardCustomersResult> {
    const { flags } = await this.parse(LeaderboardCustomers)
    const query = { ...this.readChoice(flags), limit: flags.limit }
    const board = await this.withReports((reports) => reports.customers(query))
    if (board.entries.length > 0 || flags.csv) this.showTable(customersTable(board.entries, flags.csv), flags)
    else this.noteNothingSold(board.currency)
    this.noteOthers(board)
    return {
      currency: board.currency,
      generated_at: new Date(board.generatedAt).toISOString(),
      customers: board.entries.map(({ rank, customer, name, orders, spent }) => ({
        rank,
        customer_id: customer,
        customer_name: name,
        order_count: orders,
        total_spent: majorUnits(spent),
      })),
    }
  }
}

function customersTable(entries: readonly CustomerEntry[], csv: boolean): Table {
  return {
    columns: [
      { heading: 'rank', align: 'right' },
      { heading: 'customer' },
      { heading: 'name', flexible: true },
      { heading: 'orders', align: 'right' },
      { heading: 'spent', align: 'right' },
      { heading: 'currency' },
    ],
    rows: entries.map(({ rank, customer, name, orders, spent }) => [
      rank,
      customer,
      name,
      countCell(orders, csv),
      amountCell(spent, csv),
      spent.currency,
    ]),
  }
}
