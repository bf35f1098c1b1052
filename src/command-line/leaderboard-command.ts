// Shared by the leaderboard commands: flags, customer columns, and notes on other currencies.
import { Flags, type Interfaces } from '@oclif/core'
import type { Board, SalesChoice } from '../reports/leaderboards.js'
import { readCurrency, readPeriod } from '../reports/read-query.js'
import { BaseCommand, csvFlag } from './base-command.js'
import type { Column, Row } from './list.js'
import { PERIOD_FLAGS, sourceFlag } from './selection-flags.js'

export const LEADERBOARD_FLAGS = {
  currency: Flags.string({
    description: 'currency of the sales [default: the one with the most orders]',
    helpValue: 'CODE',
  }),
  ...PERIOD_FLAGS,
  source: sourceFlag,
  csv: csvFlag,
}

export const CUSTOMER_COLUMNS = [
  { key: 'source', varies: true },
  { key: 'customer_id', heading: 'customer' },
  { key: 'customer_name', heading: 'name' },
  { key: 'order_count', heading: 'orders' },
  { key: 'total_spent', heading: 'spent' },
] as const

export abstract class LeaderboardCommand extends BaseCommand {
  protected readChoice({
    currency,
    source,
    ...period
  }: Interfaces.InferredFlags<typeof LEADERBOARD_FLAGS>): SalesChoice {
    return { currency: readCurrency(currency), source, ...readPeriod(period, this.today) }
  }

  /** Prints the board and returns the JSON fields that describe it. */
  protected showBoard<Entry extends Row<Entry>>(
    columns: readonly Column<Entry>[],
    { currency, otherCurrencies, generated_at, rows }: Board<readonly Entry[]>,
    csv: boolean,
    none = 'No completed orders found',
  ) {
    const empty = `${none}${currency === null ? '' : ` in ${currency}`}. See orders in progress: orderctl status`
    this.showList(columns, rows, { csv, empty })
    if (otherCurrencies.length > 0) {
      const others = otherCurrencies.join(', ')
      this.note(`Showing sales in ${currency}. Other currencies (--currency): ${others}`)
    }
    return { currency, generated_at }
  }
}
