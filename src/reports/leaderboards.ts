// Who and what sells most, from the sales figures of one currency.
import type { Database } from '../database/connection.js'
import { atOneMoment } from '../database/transaction.js'
import type { Day } from '../domain/business-day.js'
import type { Currency } from '../domain/money.js'
import { UserError } from '../errors.js'

/** Days, both counted; without an end, all there are on that side. */
export interface Period {
  readonly from: Day | undefined
  readonly to: Day | undefined
}

export interface SalesChoice extends Period {
  /** Undefined: the one with the most completed orders in the period. */
  readonly currency: Currency | undefined
}

type Sales = Period & { readonly currency: Currency }

export interface Board<Rows> {
  /** Null if none was asked for and nothing was sold. */
  readonly currency: Currency | null
  /** If none was asked for: the currencies that were not chosen, the most used first. */
  readonly otherCurrencies: readonly Currency[]
  readonly generated_at: Date
  readonly rows: Rows
}

/** By revenue, then orders, then customer_id. */
export function topCustomers(db: Database, choice: SalesChoice, limit: number) {
  return inOneCurrency(db, choice, async (snapshot, sales) => {
    if (!sales) return []
    const top = customerSales(snapshot, sales)
      .orderBy('sales.revenue', 'desc')
      .orderBy('sales.orders', 'desc')
      .orderBy('customers.customer_id')
      .limit(limit)
    return (await top.execute()).map(({ customer_id, name, orders, revenue }, index) => ({
      rank: index + 1,
      customer_id,
      customer_name: name,
      order_count: orders,
      total_spent: { currency: sales.currency, minor: revenue },
    }))
  })
}

/** By units sold, then SKU. */
export function topProducts(db: Database, choice: SalesChoice, limit: number) {
  return inOneCurrency(db, choice, async (snapshot, sales) => {
    if (!sales) return []
    const top = productSales(snapshot, sales).orderBy('sales.units', 'desc').orderBy('products.sku').limit(limit)
    return (await top.execute()).map(({ sku, name, units, orders, revenue }, index) => ({
      rank: index + 1,
      sku,
      name,
      units_sold: units,
      order_count: orders,
      total_revenue: { currency: sales.currency, minor: revenue },
    }))
  })
}

/**
 * Where one customer stands among all who bought. The rank is null if the customer bought nothing that counts.
 *
 * @throws UserError if no order names this customer
 */
export function rankCustomer(db: Database, choice: SalesChoice, customer_id: string) {
  return inOneCurrency(db, choice, async (snapshot, sales) => {
    const customers = snapshot.selectFrom('customers').select('name').where('customer_id', '=', customer_id)
    const known = await customers.executeTakeFirst()
    if (!known) throw customerUnknown(customer_id)
    const customer = { customer_id, customer_name: known.name }
    if (!sales) return { rank: null, of: 0, ...customer, order_count: 0, total_spent: 0 }
    const all = customerSales(snapshot, sales)
    const own = await all.where('customers.customer_id', '=', customer_id).executeTakeFirst()
    const { revenue, orders } = own ?? { revenue: 0, orders: 0 }
    const { of, ahead } = await snapshot
      .selectFrom(all.as('other'))
      .select((eb) => {
        const level = eb('other.revenue', '=', revenue)
        const isAhead = eb.or([
          eb('other.revenue', '>', revenue),
          eb.and([level, eb('other.orders', '>', orders)]),
          eb.and([level, eb('other.orders', '=', orders), eb('other.customer_id', '<', customer_id)]),
        ])
        const count = eb.fn.countAll<number>().as('of')
        return [count, eb.fn.count<number>(eb.case().when(isAhead).then(1).end()).as('ahead')]
      })
      .executeTakeFirstOrThrow()
    const total_spent = { currency: sales.currency, minor: revenue }
    return { rank: own ? ahead + 1 : null, of, ...customer, order_count: orders, total_spent }
  })
}

async function inOneCurrency<Rows>(
  db: Database,
  { currency: wanted, ...period }: SalesChoice,
  read: (snapshot: Database, sales: Sales | undefined) => Promise<Rows>,
): Promise<Board<Rows>> {
  return atOneMoment(db, async (snapshot) => {
    const [currency = null, ...otherCurrencies] = wanted ? [wanted] : await currenciesByUse(snapshot, period)
    const rows = await read(snapshot, currency ? { ...period, currency } : undefined)
    return { currency, otherCurrencies, generated_at: new Date(), rows }
  })
}

/** The currencies with sales in the period, the most used first, by their code where two are used alike. */
async function currenciesByUse(db: Database, { from, to }: Period): Promise<Currency[]> {
  let used = db.selectFrom('sales_by_customer').select('currency').groupBy('currency')
  if (from) used = used.where('day', '>=', from)
  if (to) used = used.where('day', '<=', to)
  const byUse = used.orderBy((eb) => eb.fn.sum('orders'), 'desc').orderBy('currency')
  return (await byUse.execute()).map((row) => row.currency)
}

/** One row for every customer who bought. */
function customerSales(db: Database, { currency, from, to }: Sales) {
  let sales = db
    .selectFrom('sales_by_customer')
    .select(['customer_id', (eb) => eb.fn.sum<number>('orders').as('orders')])
    .select((eb) => eb.fn.sum<number>('revenue').as('revenue'))
    .where('currency', '=', currency)
    .groupBy('customer_id')
  if (from) sales = sales.where('day', '>=', from)
  if (to) sales = sales.where('day', '<=', to)
  return db
    .selectFrom(sales.as('sales'))
    .innerJoin('customers', 'customers.id', 'sales.customer_id')
    .select(['customers.customer_id', 'customers.name', 'sales.orders', 'sales.revenue'])
}

/** One row for every product that was sold. */
function productSales(db: Database, { currency, from, to }: Sales) {
  let sales = db
    .selectFrom('sales_by_product')
    .select(['product_id', (eb) => eb.fn.sum<number>('units').as('units')])
    .select((eb) => [eb.fn.sum<number>('orders').as('orders'), eb.fn.sum<number>('revenue').as('revenue')])
    .where('currency', '=', currency)
    .groupBy('product_id')
  if (from) sales = sales.where('day', '>=', from)
  if (to) sales = sales.where('day', '<=', to)
  return db
    .selectFrom(sales.as('sales'))
    .innerJoin('products', 'products.id', 'sales.product_id')
    .select(['products.sku', 'products.name', 'sales.units', 'sales.orders', 'sales.revenue'])
}

function customerUnknown(customer: string): UserError {
  return new UserError({
    code: 'customer_unknown',
    message: `No order names a customer "${customer}".`,
    fix: 'Copy the id from `orderctl leaderboard customers`: it is the customer_id of the imported file.',
  })
}
