// The reports as the database answers them: each from one consistent view of it.

import type { Database } from '../database/connection.js'
import { atOneMoment } from '../database/transaction.js'
import { type Day, dayAt } from '../domain/business-day.js'
import type { Currency } from '../domain/money.js'
import type { OrderStatus } from '../domain/order.js'
import { UserError } from '../errors.js'
import { countOpenOrders, countSettledToday, readKpis, readKpisByDay } from './kpis.js'
import { currenciesByUse, findCustomer, standingOf, topCustomers, topProducts } from './leaderboards.js'
import type {
  CustomerEntry,
  CustomerRank,
  DailyKpis,
  Leaderboard,
  LeaderboardQuery,
  Period,
  ProductEntry,
  RangeKpis,
  RankQuery,
  RealtimeFigures,
  Reports,
} from './reports.js'

export class DatabaseReports implements Reports {
  readonly #db: Database
  readonly #timeZone: string

  /** @param timeZone of the business day, the one that the database's days are in */
  constructor(db: Database, timeZone: string) {
    this.#db = db
    this.#timeZone = timeZone
  }

  async daily(day: Day): Promise<DailyKpis> {
    const kpis = await readKpis(this.#db, day, day)
    return { day, timeZone: this.#timeZone, generatedAt: Date.now(), kpis }
  }

  range(from: Day, to: Day): Promise<RangeKpis> {
    return this.#consistently(async (db) => ({
      from,
      to,
      timeZone: this.#timeZone,
      generatedAt: Date.now(),
      kpis: await readKpis(db, from, to),
      days: await readKpisByDay(db, from, to),
    }))
  }

  realtime(now: number): Promise<RealtimeFigures> {
    return this.#consistently(async (db) => {
      const open = await countOpenOrders(db)
      const settled = await countSettledToday(db, now, this.#timeZone)
      return {
        day: dayAt(now, this.#timeZone),
        timeZone: this.#timeZone,
        generatedAt: now,
        pendingOrders: ordersIn(open, 'pending'),
        processingOrders: ordersIn(open, 'reserved', 'payment_processing'),
        completedToday: ordersIn(settled, 'completed'),
        failedToday: ordersIn(settled, 'failed', 'rolled_back'),
        revenueToday: settled
          .filter(({ status }) => status === 'completed')
          .map(({ currency, amount }) => ({ currency, minor: amount })),
      }
    })
  }

  customers({ currency, period, limit }: LeaderboardQuery): Promise<Leaderboard<CustomerEntry>> {
    return this.#inOneCurrency(currency, period, async (db, chosen) => ({
      entries: chosen ? await topCustomers(db, chosen, period, limit) : [],
    }))
  }

  products({ currency, period, limit }: LeaderboardQuery): Promise<Leaderboard<ProductEntry>> {
    return this.#inOneCurrency(currency, period, async (db, chosen) => ({
      entries: chosen ? await topProducts(db, chosen, period, limit) : [],
    }))
  }

  rank({ customer, currency, period }: RankQuery): Promise<CustomerRank> {
    return this.#inOneCurrency(currency, period, async (db, chosen) => {
      const found = await findCustomer(db, customer)
      if (!found) throw customerUnknown(customer)
      const named = { customer, name: found.name }
      if (!chosen) return { ...named, rank: null, of: 0, orders: 0, spent: null }
      const { revenue, ...standing } = await standingOf(db, found.id, chosen, period)
      return { ...named, ...standing, spent: { currency: chosen, minor: revenue } }
    })
  }

  #inOneCurrency<Answer>(
    wanted: Currency | undefined,
    period: Period,
    read: (db: Database, currency: Currency | null) => Promise<Answer>,
  ) {
    return this.#consistently(async (db) => {
      const [currency = null, ...otherCurrencies] = wanted ? [wanted] : await currenciesByUse(db, period)
      return { currency, otherCurrencies, generatedAt: Date.now(), ...(await read(db, currency)) }
    })
  }

  #consistently<Answer>(read: (db: Database) => Promise<Answer>): Promise<Answer> {
    return atOneMoment(this.#db, read)
  }
}

function ordersIn(counts: readonly { status: OrderStatus; orders: number }[], ...statuses: OrderStatus[]): number {
  return counts.reduce((sum, { status, orders }) => (statuses.includes(status) ? sum + orders : sum), 0)
}

function customerUnknown(customer: string): UserError {
  return new UserError({
    code: 'customer_unknown',
    message: `No order names a customer "${customer}".`,
    fix: 'Copy the id from `orderctl leaderboard customers`: it is the customer_id of the imported file.',
  })
}
