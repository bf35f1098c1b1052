// Revenue, orders and customers by day, from the sales figures; and the figures of the moment, from the orders.
import type { Database } from '../database/connection.js'
import { addDays, type Day, dayAt, dayStart } from '../domain/business-day.js'
import { type Currency, divideMinor } from '../domain/money.js'
import type { Kpis } from './reports.js'

interface SalesFigures {
  readonly currency: Currency
  readonly orders: number
  readonly revenue: number
  readonly customers: number
}

export async function readKpis(db: Database, from: Day, to: Day): Promise<Kpis[]> {
  const figures = await salesWithin(db, from, to).groupBy('currency').orderBy('currency').execute()
  return figures.map(kpisOf)
}

/** Every day from `from` to `to`, both counted, that has sales. */
export async function readKpisByDay(db: Database, from: Day, to: Day): Promise<{ day: Day; kpis: Kpis[] }[]> {
  const figures = await salesWithin(db, from, to)
    .select('day')
    .groupBy(['day', 'currency'])
    .orderBy('day')
    .orderBy('currency')
    .execute()
  const days = new Map<Day, Kpis[]>()
  for (const figure of figures) {
    const kpis = days.get(figure.day) ?? []
    kpis.push(kpisOf(figure))
    days.set(figure.day, kpis)
  }
  return [...days].map(([day, kpis]) => ({ day, kpis }))
}

/** Orders that are not settled, by status. */
export function countOpenOrders(db: Database) {
  return db
    .selectFrom('orders')
    .select((eb) => ['status', eb.fn.countAll<number>().as('orders')])
    .where('settled_at', 'is', null)
    .groupBy('status')
    .execute()
}

/** Orders settled on the business day of `now`, by status and currency. */
export function countSettledToday(db: Database, now: number, timeZone: string) {
  const today = dayAt(now, timeZone)
  return db
    .selectFrom('orders')
    .select((eb) => [
      'status',
      'currency',
      eb.fn.countAll<number>().as('orders'),
      eb.fn.sum<number>('total').as('amount'),
    ])
    .where('settled_at', '>=', dayStart(today, timeZone))
    .where('settled_at', '<', dayStart(addDays(today, 1), timeZone))
    .groupBy(['status', 'currency'])
    .orderBy('currency')
    .execute()
}

function salesWithin(db: Database, from: Day, to: Day) {
  return db
    .selectFrom('sales_by_customer')
    .select((eb) => [
      'currency',
      eb.fn.sum<number>('orders').as('orders'),
      eb.fn.sum<number>('revenue').as('revenue'),
      eb.fn.count<number>('customer_id').distinct().as('customers'),
    ])
    .where('day', '>=', from)
    .where('day', '<=', to)
}

function kpisOf({ currency, orders, revenue, customers }: SalesFigures): Kpis {
  return {
    revenue: { currency, minor: revenue },
    orders,
    averageOrderValue: { currency, minor: divideMinor(revenue, orders) },
    uniqueCustomers: customers,
  }
}
