// Leaderboards of customers and products, from the sales figures of one currency. Customers rank by what they spent,
// less what was refunded to them. A refund is for an order, not for products, so these stay gross.
import { type ExpressionBuilder, type Selectable, sql } from 'kysely'
import type { Database } from '../database/connection.js'
import type { Schema } from '../database/schema.js'
import { inSnapshot } from '../database/transaction.js'
import type { Day } from '../domain/business-day.js'
import type { Currency } from '../domain/money.js'
import { UserError, usageError } from '../errors.js'
import { totalCounts } from '../workflow/order-counts.js'
import { productSales } from '../workflow/sales.js'

/** An inclusive range of days. An undefined end leaves it open. */
export interface Period {
  readonly from: Day | undefined
  readonly to: Day | undefined
}

export interface SalesChoice extends Period {
  /** If undefined, the currency with the most completed orders in the period. */
  readonly currency: Currency | undefined
  /** Only sales of this source. */
  readonly source?: string | undefined
}

/** Bounds of an open period. */
const FIRST_DAY = '0000-01-01' as Day
const LAST_DAY = '9999-12-31' as Day

type Sales = { readonly [Name in keyof Period]: Day } & Pick<SalesChoice, 'source'> & { readonly currency: Currency }

export interface Board<Rows> {
  /** Null if none was requested and nothing was sold. */
  readonly currency: Currency | null
  /** If none was requested: the other currencies with sales, most used first. */
  readonly otherCurrencies: readonly Currency[]
  readonly generated_at: Date
  readonly rows: Rows
}

/** Ranked by net spending, then number of orders, then customer_id and source. */
export function topCustomers(db: Database, choice: SalesChoice, limit: number) {
  return inOneCurrency(db, choice, async (snapshot, sales) => {
    if (!sales) return []
    const top = await customerSales(snapshot, sales)
      .orderBy('spent', 'desc')
      .orderBy('sales.orders', 'desc')
      .orderBy('customers.customer_id')
      .orderBy('customers.source')
      .limit(limit)
      .execute()
    return top.map(({ spent, ...customer }, index) => {
      return { rank: index + 1, ...customer, total_spent: { currency: sales.currency, minor: spent } }
    })
  })
}

/** Ranked by units sold, then SKU. */
export function topProducts(db: Database, choice: SalesChoice, limit: number) {
  return inOneCurrency(db, choice, async (snapshot, sales) => {
    if (!sales) return []
    const sums = salesByProduct(snapshot, sales.source)
      .select((eb) => ['product_id', eb.fn.sum<number>('units').as('units')])
      .select((eb) => [eb.fn.sum<number>('orders').as('orders'), eb.fn.sum<number>('revenue').as('revenue')])
      .where('currency', '=', sales.currency)
      .where('day', '>=', sales.from)
      .where('day', '<=', sales.to)
      .groupBy('product_id')
    const top = await snapshot
      .selectFrom(sums.as('sales'))
      .innerJoin('products', 'products.id', 'sales.product_id')
      .select(['products.sku', 'products.name', 'sales.units as units_sold', 'sales.orders as order_count', 'revenue'])
      .orderBy('sales.units', 'desc')
      .orderBy('products.sku')
      .limit(limit)
      .execute()
    return top.map(({ revenue, ...product }, index) => {
      return { rank: index + 1, ...product, total_revenue: { currency: sales.currency, minor: revenue } }
    })
  })
}

/**
 * Ranks one customer among all with completed orders. The rank is null if the customer has none that match.
 *
 * @throws UserError if the customer does not exist, or exists in several sources
 */
export function rankCustomer(db: Database, choice: SalesChoice, customer_id: string) {
  return inOneCurrency(db, choice, async (snapshot, sales) => {
    const { source, customer_name } = await findCustomer(snapshot, customer_id, choice.source)
    const customer = { source, customer_id, customer_name }
    if (!sales) return { rank: null, of: 0, ...customer, order_count: 0, total_spent: 0 }
    const all = customerSales(snapshot, sales)
    const own = await all
      .where('customers.customer_id', '=', customer_id)
      .where('customers.source', '=', source)
      .executeTakeFirst()
    const { spent, order_count } = own ?? { spent: 0, order_count: 0 }
    const { of, ahead } = await snapshot
      .selectFrom(all.as('other'))
      .select((eb) => {
        const isTied = eb('other.spent', '=', spent)
        const isLevel = eb.and([isTied, eb('other.order_count', '=', order_count)])
        const isAhead = eb.or([
          eb('other.spent', '>', spent),
          eb.and([isTied, eb('other.order_count', '>', order_count)]),
          eb.and([isLevel, eb('other.customer_id', '<', customer_id)]),
          eb.and([isLevel, eb('other.customer_id', '=', customer_id), eb('other.source', '<', source)]),
        ])
        const count = eb.fn.countAll<number>().as('of')
        return [count, eb.fn.count<number>(eb.case().when(isAhead).then(1).end()).as('ahead')]
      })
      .executeTakeFirstOrThrow()
    const total_spent = { currency: sales.currency, minor: spent }
    return { rank: own ? ahead + 1 : null, of, ...customer, order_count, total_spent }
  })
}

/** @throws UserError if the customer does not exist, or exists in several sources */
export async function findCustomer(db: Database, customer_id: string, source: string | undefined) {
  const customers = await db
    .selectFrom('customers')
    .select(['id', 'source', 'name as customer_name'])
    .where('customer_id', '=', customer_id)
    .$if(source !== undefined, (query) => query.where('source', '=', source ?? ''))
    .orderBy('source')
    .execute()
  const [found, other] = customers
  if (!found) {
    throw new UserError({
      code: 'unknown_customer',
      message: `Unknown customer "${customer_id}"${source === undefined ? '' : ` in the source ${source}`}.`,
      fix: 'Use a customer_id from the imported file. List customers with `orderctl leaderboard customers`.',
    })
  }
  if (other) {
    throw usageError({
      code: 'ambiguous_customer',
      message: `Customer ${customer_id} exists in several sources: ${customers.map((one) => one.source).join(', ')}.`,
      fix: `Specify one: --source ${found.source}.`,
    })
  }
  return found
}

async function inOneCurrency<Rows>(
  db: Database,
  { currency: wanted, from = FIRST_DAY, to = LAST_DAY, source }: SalesChoice,
  read: (snapshot: Database, sales: Sales | undefined) => Promise<Rows>,
): Promise<Board<Rows>> {
  return inSnapshot(db, async (snapshot) => {
    const days = from === FIRST_DAY && to === LAST_DAY ? undefined : { from, to }
    const [currency = null, ...others] = wanted ? [wanted] : await currenciesByUse(snapshot, days, source)
    const rows = await read(snapshot, currency ? { currency, from, to, source } : undefined)
    return { currency, otherCurrencies: others, generated_at: new Date(), rows }
  })
}

/** Returns the currencies of completed orders, the most used first. Without days, reads no sales. */
async function currenciesByUse(
  db: Database,
  days: Pick<Sales, 'from' | 'to'> | undefined,
  source: string | undefined,
): Promise<Currency[]> {
  const isOfSource = (eb: ExpressionBuilder<Schema, 'sales_by_customer' | 'archived_sales_by_customer'>) =>
    source === undefined ? eb.lit(true) : eb('customer_id', 'in', customersOf(db, source))
  const archived = db.selectFrom('archived_sales_by_customer').select(['currency', 'orders']).where(isOfSource)
  const counted = totalCounts(db, source)
    .where('status', '=', 'completed')
    .select((eb) => [eb.ref('currency').$castTo<Currency>().as('currency'), 'orders'])
  const sold = db.selectFrom('sales_by_customer').select(['currency', 'orders']).where(isOfSource)
  const used = days ? sold.where('day', '>=', days.from).where('day', '<=', days.to) : counted.unionAll(archived)
  const currencies = await db
    .selectFrom(sql<{ currency: Currency; orders: number }>`${used}`.as('used'))
    .select('currency')
    .groupBy('currency')
    .having((eb) => eb.fn.sum('orders'), '>', 0)
    .orderBy((eb) => eb.fn.sum('orders'), 'desc')
    .orderBy('currency')
    .execute()
  return currencies.map(({ currency }) => currency)
}

/** Selects the ids of the source's customers. */
export function customersOf(db: Database, source: string) {
  return db.selectFrom('customers').where('source', '=', source).select('id')
}

/** Selects what was refunded on these days, also of archived orders, by indexes that have all of it. */
export function refundsBetween(db: Database, from: Day, to: Day) {
  const archived = db.selectFrom('archived_refunds').where('day', '>=', from).where('day', '<=', to)
  const refunds = db.selectFrom('refunds').where('day', '>=', from).where('day', '<=', to)
  return refunds
    .$narrowType<{ day: Day }>()
    .select(['day', 'currency', 'customer_id', 'amount'])
    .unionAll(archived.select(['day', 'currency', 'customer_id', 'amount']))
}

/** The sales by product of all sources as stored, or of one source, which takes reading its orders. */
function salesByProduct(db: Database, source: string | undefined) {
  const archived = db.selectFrom('archived_sales_by_product').where('source', '=', source ?? '')
  const ofSource = productSales(db)
    .where('orders.status', '=', 'completed')
    .where('orders.source', '=', source ?? '')
    .unionAll(archived.select(['day', 'currency', 'product_id', 'orders', 'units', 'revenue']))
  const sales = source === undefined ? sql.table('sales_by_product') : ofSource
  return db.selectFrom(sql<Selectable<Schema['sales_by_product']>>`${sales}`.as('by_day'))
}

/** One row per customer with completed orders in the period. `spent` is their revenue minus the period's refunds. */
function customerSales(db: Database, sales: Sales) {
  const { source } = sales
  const sums = db
    .selectFrom('sales_by_customer')
    .select((eb) => ['customer_id', eb.fn.sum<number>('orders').as('orders')])
    .select((eb) => eb.fn.sum<number>('revenue').as('revenue'))
    .where('currency', '=', sales.currency)
    .where('day', '>=', sales.from)
    .where('day', '<=', sales.to)
    .$if(source !== undefined, (query) => query.where('customer_id', 'in', customersOf(db, source ?? '')))
    .groupBy('customer_id')
  const refunds = db
    .selectFrom(refundsBetween(db, sales.from, sales.to).as('refunded'))
    .select((eb) => ['customer_id', eb.fn.sum<number>('amount').as('amount')])
    .where('currency', '=', sales.currency)
    .groupBy('customer_id')
  return db
    .selectFrom(sums.as('sales'))
    .innerJoin('customers', 'customers.id', 'sales.customer_id')
    .leftJoin(refunds.as('refunded'), 'refunded.customer_id', 'sales.customer_id')
    .select(['customers.source', 'customers.customer_id', 'customers.name as customer_name'])
    .select((eb) => [
      'sales.orders as order_count',
      eb('sales.revenue', '-', eb.fn.coalesce('refunded.amount', eb.lit(0))).as('spent'),
    ])
}
