import { LEADERBOARD_FLAGS, LeaderboardCommand, leaderboardLimitFlag } from '../../command-line/leaderboard-command.js'
import { amountCell, countCell } from '../../command-line/report-views.js'
import { majorUnits } from '../../domain/money.js'
import type { ProductEntry } from '../../reports/reports.js'
import type { Table } from '../../terminal/table.js'

export interface LeaderboardProductsResult {
  /** Null where nothing was sold and no currency was asked for. */
  currency: string | null
  generated_at: string
  products: {
    rank: number
    sku: string
    name: string
    units_sold: number
    order_count: number
    total_revenue: number
  }[]
}

export default class LeaderboardProducts extends LeaderboardCommand {
  static override summary = 'Show the products that sell most'
  static override description =
    'By units in completed orders of one currency. Where two sold the same number, the SKU decides.'

  static override examples = [
    '<%= config.bin %> leaderboard products --limit 20',
    '<%= config.bin %> leaderboard products --from 2025-01-01 --csv > products.csv',
  ]

  static override flags = { limit: leaderboardLimitFlag, ...LEADERBOARD_FLAGS }

  async run(): Promise<LeaderboardProductsResult> {
    const { flags } = await this.parse(LeaderboardProducts)
    const query = { ...this.readChoice(flags), limit: flags.limit }
    const board = await this.withReports((reports) => reports.products(query))
    if (board.entries.length > 0 || flags.csv) this.showTable(productsTable(board.entries, flags.csv), flags)
    else this.noteNothingSold(board.currency)
    this.noteOthers(board)
    return {
      currency: board.currency,
      generated_at: new Date(board.generatedAt).toISOString(),
      products: board.entries.map(({ rank, sku, name, units, orders, revenue }) => ({
        rank,
        sku,
        name,
        units_sold: units,
        order_count: orders,
        total_revenue: majorUnits(revenue),
      })),
    }
  }
}

function productsTable(entries: readonly ProductEntry[], csv: boolean): Table {
  return {
    columns: [
      { heading: 'rank', align: 'right' },
      { heading: 'sku' },
      { heading: 'name', flexible: true },
      { heading: 'units', align: 'right' },
      { heading: 'orders', align: 'right' },
      { heading: 'revenue', align: 'right' },
      { heading: 'currency' },
    ],
    rows: entries.map(({ rank, sku, name, units, orders, revenue }) => [
      rank,
      sku,
      name,
      countCell(units, csv),
      countCell(orders, csv),
      amountCell(revenue, csv),
      revenue.currency,
    ]),
  }
}
