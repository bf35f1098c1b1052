// What the reports answer.
import type { Day } from '../domain/business-day.js'
import type { Currency, Money } from '../domain/money.js'

/** Figures of completed orders. Each result says when it was computed (generatedAt, epoch milliseconds). */
export interface Reports {
  /** One business day, by the date of the order. */
  daily(day: Day): Promise<DailyKpis>
  /** Totals over the days from `from` to `to`, both counted, and every day among them that has sales. */
  range(from: Day, to: Day): Promise<RangeKpis>
  /** The work left, and what was settled on the business day of `now` (epoch milliseconds). */
  realtime(now: number): Promise<RealtimeFigures>
  /** By revenue, then orders, then customer id. */
  customers(query: LeaderboardQuery): Promise<Leaderboard<CustomerEntry>>
  /** By units sold, then SKU. */
  products(query: LeaderboardQuery): Promise<Leaderboard<ProductEntry>>
  /**
   * Where one customer stands among all who bought.
   *
   * @throws UserError where the shop never named this customer
   */
  rank(query: RankQuery): Promise<CustomerRank>
}

/** Figures of one currency. */
export interface Kpis {
  readonly revenue: Money
  readonly orders: number
  readonly averageOrderValue: Money
  /** A customer who buys on several days counts once. */
  readonly uniqueCustomers: number
}

interface Generated {
  readonly generatedAt: number
}

export interface DailyKpis extends Generated {
  readonly day: Day
  readonly timeZone: string
  /** One for each currency with sales, by its code. */
  readonly kpis: readonly Kpis[]
}

export interface RangeKpis extends Generated {
  readonly from: Day
  readonly to: Day
  readonly timeZone: string
  readonly kpis: readonly Kpis[]
  readonly days: readonly { readonly day: Day; readonly kpis: readonly Kpis[] }[]
}

export interface RealtimeFigures extends Generated {
  readonly day: Day
  readonly timeZone: string
  readonly pendingOrders: number
  /** With stock reserved or at the gateway. */
  readonly processingOrders: number
  readonly completedToday: number
  /** Failed and rolled back. */
  readonly failedToday: number
  readonly revenueToday: readonly Money[]
}

/** Days, both counted; without an end, all there are on that side. */
export interface Period {
  readonly from: Day | undefined
  readonly to: Day | undefined
}

interface CurrencyChoice {
  /** Undefined: the one with the most completed orders in the period. */
  readonly currency: Currency | undefined
  readonly period: Period
}

export interface LeaderboardQuery extends CurrencyChoice {
  readonly limit: number
}

export interface RankQuery extends CurrencyChoice {
  /** What the shop calls the customer. */
  readonly customer: string
}

interface OneCurrency extends Generated {
  /** Null where none was asked for and nothing was sold. */
  readonly currency: Currency | null
  /** Where none was asked for: the currencies that were not chosen, the most used first. */
  readonly otherCurrencies: readonly Currency[]
}

export interface Leaderboard<Entry> extends OneCurrency {
  readonly entries: readonly Entry[]
}

export interface CustomerEntry {
  readonly rank: number
  readonly customer: string
  readonly name: string
  readonly orders: number
  readonly spent: Money
}

export interface ProductEntry {
  readonly rank: number
  readonly sku: string
  readonly name: string
  readonly units: number
  readonly orders: number
  readonly revenue: Money
}

export interface CustomerRank extends OneCurrency {
  /** Null where the customer bought nothing in this currency and period. */
  readonly rank: number | null
  /** How many customers bought. */
  readonly of: number
  readonly customer: string
  readonly name: string
  readonly orders: number
  readonly spent: Money | null
}
