// Who and what sells most, from the sales figures. The orders of rank are the ones that Reports names.
import type { Database } from '../database/connection.js'
import type { CustomerId } from '../domain/ids.js'
import type { Currency } from '../domain/money.js'
import type { CustomerEntry, Period, ProductEntry } from './reports.js'

/** The currencies with sales in the period, the most used first, by their code where two are used alike. */
export async function currenciesByUse(db: Database, { from, to }: Period): Promise<Currency[]> {
  let used = db.selectFrom('sales_by_customer').select('currency').groupBy('currency')
  if (from) used = used.where('day', '>=', from)
  if (to) used = used.where('day', '<=', to)
  const rows = await used
    .orderBy((eb) => eb.fn.sum('orders'), 'desc')
    .orderBy('currency')
    .execute()
  return rows.map((row) => row.currency)
}

export async function topCustomers(
  db: Database,
  currency: Currency,
  period: Period,
  limit: number,
): Promise<CustomerEntry[]> {
  const rows = await customerSales(db, currency, period)
    .orderBy('sales.revenue', 'desc')
    .orderBy('sales.orders', 'desc')
    .orderBy('customers.customer_id')
    .limit(limit)
    .execute()
  return rows.map(({ customer_id, name, orders, revenue }, index) => ({
    rank: index + 1,
    customer: customer_id,
    name,
    orders,
    spent: { currency, minor: revenue },
  }))
}

export async function topProducts(
  db: Database,
  currency: Currency,
  { from, to }: Period,
  limit: number,
): Promise<ProductEntry[]> {
  let sales = db
    .selectFrom('sales_by_product')
    .select((eb) => [
      'product_id',
      eb.fn.sum<number>('units').as('units'),
      eb.fn.sum<number>('orders').as('orders'),
      eb.fn.sum<number>('revenue').as('revenue'),
    ])
    .where('currency', '=', currency)
    .groupBy('product_id')
  if (from) sales = sales.where('day', '>=', from)
  if (to) sales = sales.where('day', '<=', to)
  const rows = await db
    .selectFrom(sales.as('sales'))
    .innerJoin('products', 'products.id', 'sales.product_id')
    .select(['products.sku', 'products.name', 'sales.units', 'sales.orders', 'sales.revenue'])
    .orderBy('sales.units', 'desc')
    .orderBy('products.sku')
    .limit(limit)
    .execute()
  return rows.map(({ sku, name, units, orders, revenue }, index) => ({
    rank: index + 1,
    sku,
    name,
    units,
    orders,
    revenue: { currency, minor: revenue },
  }))
}

export function findCustomer(db: Database, customer: string) {
  return db.selectFrom('customers').select(['id', 'name']).where('customer_id', '=', customer).executeTakeFirst()
}

export interface Standing {
  /** Null for a customer who bought nothing. */
  readonly rank: number | null
  readonly of: number
  readonly orders: number
  /** Minor units. */
  readonly revenue: number
}

export async function standingOf(
  db: Database,
  customer: CustomerId,
  currency: Currency,
  period: Period,
): Promise<Standing> {
  const sales = customerSales(db, currency, period)
  const own = await sales.where('customers.id', '=', customer).executeTakeFirst()
  const { revenue, orders, customer_id } = own ?? { revenue: 0, orders: 0, customer_id: '' }
  const { of, ahead } = await db
    .selectFrom(sales.as('other'))
    .select((eb) => [
      eb.fn.countAll<number>().as('of'),
      eb.fn
        .count<number>(
          eb
            .case()
            .when('other.revenue', '>', revenue)
            .then(1)
            .when(eb.and([eb('other.revenue', '=', revenue), eb('other.orders', '>', orders)]))
            .then(1)
            .when(
              eb.and([
                eb('other.revenue', '=', revenue),
                eb('other.orders', '=', orders),
                eb('other.customer_id', '<', customer_id),
              ]),
            )
            .then(1)
            .end(),
        )
        .as('ahead'),
    ])
    .executeTakeFirstOrThrow()
  return { rank: own ? ahead + 1 : null, of, orders, revenue }
}

/** One row for every customer who bought. */
function customerSales(db: Database, currency: Currency, { from, to }: Period) {
  let sales = db
    .selectFrom('sales_by_customer')
    .select((eb) => [
      'customer_id',
      eb.fn.sum<number>('orders').as('orders'),
      eb.fn.sum<number>('revenue').as('revenue'),
    ])
    .where('currency', '=', currency)
    .groupBy('customer_id')
  if (from) sales = sales.where('day', '>=', from)
  if (to) sales = sales.where('day', '<=', to)
  return db
    .selectFrom(sales.as('sales'))
    .innerJoin('customers', 'customers.id', 'sales.customer_id')
    .select(['customers.customer_id', 'customers.name', 'sales.orders', 'sales.revenue'])
}
