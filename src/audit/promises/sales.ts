// What holds for the sales figures: they are those of the completed orders, with no row more and none less.
import { type Expression, sql } from 'kysely'
import type { Database } from '../../database/connection.js'
import { freshCustomerSales, freshProductSales } from '../derivations.js'
import { type DataPromise, differsUnless } from './promise.js'

export const SALES_PROMISES: readonly DataPromise[] = [
  { name: 'customer_sales', about: 'completed orders by day and customer', of: 'customer', compare: customerSales },
  {
    name: 'product_sales',
    about: 'units of completed orders by day and product',
    of: 'product',
    compare: productSales,
  },
]

function customerSales(db: Database) {
  const columns = ['day', 'currency', 'customer_id as id', 'orders as count', 'orders', 'revenue'] as const
  const fresh = db.selectFrom(freshCustomerSales(db).as('fresh')).select(columns)
  return compareSales(db, fresh, db.selectFrom('sales_by_customer').select(columns))
}

function productSales(db: Database) {
  const columns = ['day', 'currency', 'product_id as id', 'units as count', 'orders', 'revenue'] as const
  const fresh = db.selectFrom(freshProductSales(db).as('fresh')).select(columns)
  return compareSales(db, fresh, db.selectFrom('sales_by_product').select(columns))
}

interface Sales {
  readonly id: number
  readonly day: string
  readonly currency: string
  /** What expected and actual figures count. */
  readonly count: number
  readonly orders: number
  readonly revenue: number
}

/** Each row must be there twice, with the same figures: once computed and once stored. */
function compareSales(db: Database, fresh: Expression<Sales>, stored: Expression<Sales>) {
  const both = sql<Sales & { readonly side: number }>`(
    select fresh.*, 1 as side from ${fresh} as fresh union all select stored.*, -1 as side from ${stored} as stored)`
  const difference = (column: 'count' | 'orders' | 'revenue') => sql<number>`sum(side * ${sql.ref(column)})`
  return db
    .selectFrom(both.as('sales'))
    .groupBy(['day', 'currency', 'id'])
    .select((eb) => [
      'id',
      sql<number>`sum(case when side = 1 then ${sql.ref('count')} else 0 end)`.as('expected'),
      sql<number>`sum(case when side = 1 then 0 else ${sql.ref('count')} end)`.as('actual'),
      differsUnless(
        eb.and([
          eb(eb.fn.countAll(), '=', 2),
          eb(difference('count'), '=', 0),
          eb(difference('orders'), '=', 0),
          eb(difference('revenue'), '=', 0),
        ]),
      ),
    ])
    .as('compared')
}
