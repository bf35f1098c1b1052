// What the leaderboards share: flags, columns of customers, and notes on what is not shown.
import { Flags, type Interfaces } from '@oclif/core'
import type { Board, SalesChoice } from '../reports/leaderboards.js'
import { readCurrency, readPeriod } from '../reports/read-query.js'
import { BaseCommand, csvFlag } from './base-command.js'
import type { Column, Row } from './list.js'

export const LEADERBOARD_FLAGS = {
  currency: Flags.string({ description: 'currency of the sales [default: the one with the most orders]' }),
  from: Flags.string({ description: 'first day', helpValue: 'YYYY-MM-DD' }),
  to: Flags.string({ description: 'last day, included', helpValue: 'YYYY-MM-DD' }),
  csv: csvFlag,
}

/** The columns of customers. */
export const CUSTOMER_COLUMNS = [
  { key: 'customer_id', heading: 'customer' },
  { key: 'customer_name', heading: 'name', flexible: true },
  { key: 'order_count', heading: 'orders' },
  { key: 'total_spent', heading: 'spent' },
] as const

export function readChoice({ currency, from, to }: Interfaces.InferredFlags<typeof LEADERBOARD_FLAGS>): SalesChoice {
  return { currency: readCurrency(currency), ...readPeriod(from, to) }
}

export abstract class LeaderboardCommand extends BaseCommand {
  /** @returns what JSON says of the board itself */
  protected showBoard<Entry extends Row<Entry>>(
    columns: readonly Column<Entry>[],
    { currency, otherCurrencies, generated_at, rows }: Board<readonly Entry[]>,
    csv: boolean,
    nothing = currency === null ? 'No order is completed yet' : `No order in ${currency} is completed`,
  ) {
    const empty = `${nothing} that counts here. See orders in progress with: orderctl status`
    this.showList(columns, rows, { csv, empty })
    if (otherCurrencies.length > 0) {
      const others = otherCurrencies.join(', ')
      this.note(`These are sales in ${currency}. There are some in ${others} too: --currency shows them.`)
    }
    return { currency, generated_at }
  }
}
