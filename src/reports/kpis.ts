// KPI reports: by day from the sales figures, and realtime from the orders. A report is its command's JSON document.
import type { Database } from '../database/connection.js'
import { inSnapshot } from '../database/transaction.js'
import { groupBy } from '../domain/batches.js'
import { addDays, type Day, dayAt, dayStart, daysFrom } from '../domain/business-day.js'
import { divideMinor } from '../domain/money.js'
import type { OrderStatus } from '../domain/order.js'
import { isNotCancelled } from '../queue/due-orders.js'
import { customersOf } from './leaderboards.js'

/** Figures of completed orders in one currency. */
export type Kpis = ReturnType<typeof kpisOf>

/** Figures of one business day, by order date. */
export async function dailyKpis(db: Database, time_zone: string, date: Day, source?: string) {
  const generated_at = new Date()
  return { date, time_zone, generated_at, kpis: await kpisWithin(db, date, date, source) }
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
    const kpis = await kpisWithin(snapshot, from, to, source)
    const byDay = salesWithin(snapshot, from, to, source).select('day').groupBy('day').orderBy('day')
    const figures = await byDay.orderBy('currency').execute()
    const sold = groupBy(figures, ({ day }) => day)
    const listed = addDays(from, MAX_LISTED_DAYS) > to ? daysFrom(from, to) : [...sold.keys()]
    const days = listed.map((date) => ({
      date,
      kpis: kpis.map(({ currency }) => {
        const row = sold.get(date)?.find((figures) => figures.currency === currency)
        return kpisOf(row ?? { currency, revenue: 0, order_count: 0, unique_customers: 0 })
      }),
    }))
    return { from, to, time_zone, generated_at, kpis, days }
  })
}

/** Open orders, and orders settled on the business day of `now` (epoch milliseconds). */
export function realtimeKpis(db: Database, time_zone: string, now: number, source?: string) {
  return inSnapshot(db, async (snapshot) => {
    const date = dayAt(now, time_zone)
    const orders = snapshot
      .selectFrom('orders')
      .$if(source !== undefined, (query) => query.where('source', '=', source ?? ''))
      .select((eb) => ['status', eb.fn.countAll<number>().as('orders')])
    const open = await orders.where('settled_at', 'is', null).groupBy('status').execute()
    const settled = await orders
      .select((eb) => ['currency', eb.fn.sum<number>('total').as('amount')])
      .where('settled_at', '>=', dayStart(date, time_zone))
      .where('settled_at', '<', dayStart(addDays(date, 1), time_zone))
      .where(isNotCancelled)
      .groupBy(['status', 'currency'])
      .orderBy('currency')
      .execute()
    return {
      date,
      time_zone,
      generated_at: new Date(now),
      pending_orders: ordersIn(open, 'pending'),
      processing_orders: ordersIn(open, 'reserved', 'payment_processing'),
      completed_today: ordersIn(settled, 'completed'),
      failed_today: ordersIn(settled, 'failed', 'rolled_back'),
      revenue_today: settled
        .filter(({ status }) => status === 'completed')
        .map(({ currency, amount }) => ({ currency, amount: { currency, minor: amount } })),
    }
  })
}

function ordersIn(counts: readonly { status: OrderStatus; orders: number }[], ...statuses: OrderStatus[]): number {
  return counts.reduce((sum, { status, orders }) => (statuses.includes(status) ? sum + orders : sum), 0)
}

/** One entry per currency with sales, sorted by code. */
async function kpisWithin(db: Database, from: Day, to: Day, source?: string) {
  const figures = await salesWithin(db, from, to, source).orderBy('currency').execute()
  return figures.map(kpisOf)
}

function salesWithin(db: Database, from: Day, to: Day, source?: string) {
  return db
    .selectFrom('sales_by_customer')
    .select((eb) => [
      'currency',
      eb.fn.sum<number>('revenue').as('revenue'),
      eb.fn.sum<number>('orders').as('order_count'),
      eb.fn.count<number>('customer_id').distinct().as('unique_customers'),
    ])
    .where('day', '>=', from)
    .where('day', '<=', to)
    .$if(source !== undefined, (query) => query.where('customer_id', 'in', customersOf(db, source ?? '')))
    .groupBy('currency')
}

type SalesFigures = Awaited<ReturnType<ReturnType<typeof salesWithin>['executeTakeFirstOrThrow']>>

function kpisOf({ currency, revenue, order_count, unique_customers }: SalesFigures) {
  return {
    currency,
    total_revenue: { currency, minor: revenue },
    order_count,
    average_order_value: { currency, minor: divideMinor(revenue, order_count) },
    /** Counts a customer who buys on several days once. */
    unique_customers,
  }
}
