// What the leaderboards share: the flags that choose currency and days, and the note on what was left out.
import { Flags } from '@oclif/core'
import type { Currency } from '../domain/money.js'
import { readCurrency, readPeriod } from '../reports/read-query.js'
import { BaseCommand, csvFlag } from './base-command.js'

export const LEADERBOARD_FLAGS = {
  currency: Flags.string({ description: 'sales in this currency; the one with the most orders where it is left out' }),
  from: Flags.string({ description: 'only orders from this day on', helpValue: 'YYYY-MM-DD' }),
  to: Flags.string({ description: 'only orders up to this day, which counts too', helpValue: 'YYYY-MM-DD' }),
  csv: csvFlag,
}

export const leaderboardLimitFlag = Flags.integer({
  description: 'how many to show',
  min: 1,
  max: 1_000_000,
  default: 10,
  helpValue: 'N',
})

interface ChoiceFlags {
  readonly currency?: string | undefined
  readonly from?: string | undefined
  readonly to?: string | undefined
}

export abstract class LeaderboardCommand extends BaseCommand {
  protected readChoice({ currency, from, to }: ChoiceFlags) {
    return { currency: readCurrency(currency), period: readPeriod(from, to) }
  }

  protected noteNothingSold(currency: string | null): void {
    const what = currency === null ? 'No order is completed yet' : `No order in ${currency} is completed`
    this.note(`${what} that counts here. What is under way shows: orderctl status`)
  }

  /** Two currencies are never added, so whoever named none hears of the others. */
  protected noteOthers({
    currency,
    otherCurrencies,
  }: {
    currency: string | null
    otherCurrencies: readonly Currency[]
  }) {
    if (otherCurrencies.length === 0) return
    this.note(
      `These are sales in ${currency}. There are some in ${otherCurrencies.join(', ')} too: --currency shows them.`,
    )
  }
}
