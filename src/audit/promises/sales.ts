// What holds for the sales figures: they are those of the completed orders, with no row more and none less.
import type { Database } from '../../database/connection.js'
import { freshCustomerSales, freshProductSales } from '../derivations.js'
import { type DataPromise, differsUnless, nothing } from './promise.js'

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
  const fresh = db
    .selectFrom(freshCustomerSales(db).as('fresh'))
    .select(['day', 'currency', 'customer_id as id', 'orders as fresh_orders', 'revenue as fresh_revenue'])
    .select([nothing().as('orders'), nothing().as('revenue')])
  const stored = db
    .selectFrom('sales_by_customer')
    .select(['day', 'currency', 'customer_id as id'])
    .select([nothing().as('fresh_orders'), nothing().as('fresh_revenue')])
    .select(['orders', 'revenue'])
  return db
    .selectFrom(fresh.unionAll(stored).as('sales'))
    .groupBy(['day', 'currency', 'id'])
    .select((eb) => [
      'id',
      eb.fn.sum<number>('fresh_orders').as('expected'),
      eb.fn.sum<number>('orders').as('actual'),
      differsUnless(
        eb.and([
          eb(eb.fn.countAll(), '=', 2),
          eb(eb.fn.sum('fresh_orders'), '=', eb.fn.sum('orders')),
          eb(eb.fn.sum('fresh_revenue'), '=', eb.fn.sum('revenue')),
        ]),
      ),
    ])
    .as('compared')
}

function productSales(db: Database) {
  const fresh = db
    .selectFrom(freshProductSales(db).as('fresh'))
    .select(['day', 'currency', 'product_id as id'])
    .select(['orders as fresh_orders', 'units as fresh_units', 'revenue as fresh_revenue'])
    .select([nothing().as('orders'), nothing().as('units'), nothing().as('revenue')])
  const stored = db
    .selectFrom('sales_by_product')
    .select(['day', 'currency', 'product_id as id'])
    .select([nothing().as('fresh_orders'), nothing().as('fresh_units'), nothing().as('fresh_revenue')])
    .select(['orders', 'units', 'revenue'])
  return db
    .selectFrom(fresh.unionAll(stored).as('sales'))
    .groupBy(['day', 'currency', 'id'])
    .select((eb) => [
      'id',
      eb.fn.sum<number>('fresh_units').as('expected'),
      eb.fn.sum<number>('units').as('actual'),
      differsUnless(
        eb.and([
          eb(eb.fn.countAll(), '=', 2),
          eb(eb.fn.sum('fresh_orders'), '=', eb.fn.sum('orders')),
          eb(eb.fn.sum('fresh_units'), '=', eb.fn.sum('units')),
          eb(eb.fn.sum('fresh_revenue'), '=', eb.fn.sum('revenue')),
        ]),
      ),
    ])
    .as('compared')
}
