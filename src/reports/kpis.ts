// KPI reports: by day from the sales figures and refunds, and realtime from the orders. A report is its command's JSON
// document. Sales count on the day of the order, refunds on the day on which they were refunded.
import type { Database } from '../database/connection.js'
import { inSnapshot } from '../database/transaction.js'
import { groupBy } from '../domain/batches.js'
import { addDays, type Day, dayAt, dayStart, daysFrom } from '../domain/business-day.js'
import { type Currency, divideMinor } from '../domain/money.js'
import type { OrderStatus } from '../domain/order.js'
import { customersOf, refundsBetween } from './leaderboards.js'

/** Figures of completed orders and of refunds in one currency. */
export type Kpis = ReturnType<typeof kpisOf>

/** Figures of one business day. */
export async function dailyKpis(db: Database, time_zone: string, date: Day, source?: string) {
  const generated_at = new Date()
  const [sales, refunds] = await figuresByDay(db, { from: date, to: date, source })
  return { date, time_zone, generated_at, kpis: kpisIn(currenciesOf(sales, refunds), sales, refunds) }
}

/** Maximum length of a range, in days, that lists days without sales. */
const MAX_LISTED_DAYS = 3660

/**
 * Totals from `from` to `to` (inclusive), and figures of each day. A day without sales has zeros for each currency of
 * the range; ranges of more than ten years leave such days out.
 */
export function rangeKpis(db: Database, time_zone: string, from: Day, to: Day, source?: string) {
  return inSnapshot(db, async (snapshot) => {
    const generated_at = new Date()
    const period = { from, to, source }
    const [sales, refunds] = await figuresByDay(snapshot, period)
    const [sold, refunded] = [groupBy(sales, ({ day }) => day), groupBy(refunds, ({ day }) => day)]
    const listed =
      addDays(from, MAX_LISTED_DAYS) > to
        ? daysFrom(from, to)
        : [...new Set([...sold.keys(), ...refunded.keys()])].filter((day) => day !== null).sort()
    const currencies = currenciesOf(sales, refunds)
    const days = listed.map((date) => ({
      date,
      kpis: kpisIn(currencies, sold.get(date) ?? [], refunded.get(date) ?? []),
    }))
    const kpis = []
    for (const currency of currencies) {
      const [sold, refunded] = [ofCurrency(sales, currency), ofCurrency(refunds, currency)]
      kpis.push(
        kpisOf({
          currency,
          revenue: sumOf(sold, 'revenue'),
          refunds: sumOf(refunded, 'refunds'),
          order_count: sumOf(sold, 'order_count'),
          unique_customers: await countCustomers(snapshot, currency, period),
        }),
      )
    }
    return { from, to, time_zone, generated_at, kpis, days }
  })
}

/**
 * Open orders, and orders settled on the business day of `now` (epoch milliseconds). Reads the counts of the day's
 * periods: a day starts and ends with one.
 */
export function realtimeKpis(db: Database, time_zone: string, now: number, source?: string) {
  return inSnapshot(db, async (snapshot) => {
    const date = dayAt(now, time_zone)
    const orders = snapshot
      .selectFrom('order_counts')
      .$if(source !== undefined, (query) => query.where('source', '=', source ?? ''))
      .groupBy(['status', 'currency'])
      .orderBy('currency')
      .select((eb) => ['status', eb.fn.sum<number>('orders').as('orders')])
    const open = await orders.where('period', '=', 0).execute()
    const settled = await orders
      .select((eb) => [eb.ref('currency').$castTo<Currency>().as('currency'), eb.fn.sum<number>('amount').as('amount')])
      .where('period', '>=', dayStart(date, time_zone))
      .where('period', '<', dayStart(addDays(date, 1), time_zone))
      .where('reason', '!=', 'cancelled')
      .execute()
    const completed = settled.filter(({ status, orders }) => status === 'completed' && orders > 0)
    const refunded = await refundsByDay(snapshot, { from: date, to: date, source })
    const refundOf = (currency: Currency) => refunded.find((row) => row.currency === currency)?.refunds ?? 0
    const revenueOf = (currency: Currency) => completed.find((row) => row.currency === currency)?.amount ?? 0
    const net = currenciesOf(completed, refunded)
    return {
      date,
      time_zone,
      generated_at: new Date(now),
      pending_orders: ordersIn(open, 'pending'),
      processing_orders: ordersIn(open, 'reserved', 'payment_processing'),
      completed_today: ordersIn(settled, 'completed'),
      failed_today: ordersIn(settled, 'failed', 'rolled_back'),
      revenue_today: completed.map(({ currency, amount }) => amountIn(currency, amount)),
      refunds_today: refunded.map(({ currency, refunds }) => amountIn(currency, refunds)),
      net_revenue_today: net.map((currency) => amountIn(currency, revenueOf(currency) - refundOf(currency))),
    }
  })
}

function ordersIn(counts: readonly { status: OrderStatus; orders: number }[], ...statuses: OrderStatus[]): number {
  return counts.reduce((sum, { status, orders }) => (statuses.includes(status) ? sum + orders : sum), 0)
}

function amountIn(currency: Currency, minor: number) {
  return { currency, amount: { currency, minor } }
}

function currenciesOf(...rows: readonly (readonly { readonly currency: Currency }[])[]): Currency[] {
  return [...new Set(rows.flat().map(({ currency }) => currency))].sort()
}

function kpisIn(currencies: readonly Currency[], sales: readonly SalesFigures[], refunds: readonly RefundFigures[]) {
  return currencies.map((currency) => {
    const [sold] = ofCurrency(sales, currency)
    const [refunded] = ofCurrency(refunds, currency)
    const nothing = { revenue: 0, order_count: 0, unique_customers: 0, refunds: 0 }
    return kpisOf({ ...nothing, ...sold, ...refunded, currency })
  })
}

function ofCurrency<Row extends { readonly currency: Currency }>(rows: readonly Row[], currency: Currency): Row[] {
  return rows.filter((row) => row.currency === currency)
}

function sumOf<Name extends string>(rows: readonly { readonly [name in Name]: number }[], name: Name): number {
  return rows.reduce((sum, row) => sum + row[name], 0)
}

/** Business days, and the source of the orders; all sources if undefined. */
interface SalesPeriod {
  readonly from: Day
  readonly to: Day
  readonly source: string | undefined
}

/** The figures of each day and currency. */
async function figuresByDay(db: Database, period: SalesPeriod) {
  const sales = salesWithin(db, period)
    .select((eb) => ['day', 'currency', eb.fn.sum<number>('revenue').as('revenue')])
    // A row is a customer's day.
    .select((eb) => [eb.fn.sum<number>('orders').as('order_count'), eb.fn.countAll<number>().as('unique_customers')])
    .groupBy(['day', 'currency'])
  return [await sales.execute(), await refundsByDay(db, period)] as const
}

function salesWithin(db: Database, { from, to, source }: SalesPeriod) {
  return db
    .selectFrom('sales_by_customer')
    .where('day', '>=', from)
    .where('day', '<=', to)
    .$if(source !== undefined, (query) => query.where('customer_id', 'in', customersOf(db, source ?? '')))
}

/** Counts the customers with sales, each once. */
async function countCustomers(db: Database, currency: Currency, period: SalesPeriod): Promise<number> {
  const { customers } = await salesWithin(db, period)
    .where('currency', '=', currency)
    .select((eb) => eb.fn.count<number>('customer_id').distinct().as('customers'))
    .executeTakeFirstOrThrow()
  return customers
}

/** Sums up refunds, also of archived orders. */
function refundsByDay(db: Database, { from, to, source }: SalesPeriod) {
  return db
    .selectFrom(refundsBetween(db, from, to).as('refunded'))
    .select((eb) => ['day', 'currency', eb.fn.sum<number>('amount').as('refunds')])
    .$if(source !== undefined, (query) => query.where('customer_id', 'in', customersOf(db, source ?? '')))
    .groupBy(['day', 'currency'])
    .orderBy('currency')
    .execute()
}

type SalesFigures = Awaited<ReturnType<typeof figuresByDay>>[0][number]
type RefundFigures = Awaited<ReturnType<typeof refundsByDay>>[number]
type Figures = Omit<SalesFigures & RefundFigures, 'day'>

function kpisOf({ currency, revenue, refunds, order_count, unique_customers }: Figures) {
  return {
    currency,
    total_revenue: { currency, minor: revenue },
    refunds: { currency, minor: refunds },
    net_revenue: { currency, minor: revenue - refunds },
    order_count,
    average_order_value: { currency, minor: divideMinor(revenue, order_count) },
    /** Counts a customer who buys on several days once. */
    unique_customers,
  }
}
