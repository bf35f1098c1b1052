// Recalculates derived data. The audit compares it with the stored data; a rebuild stores it.
import { sql } from 'kysely'
import type { Database } from '../database/connection.js'
import { HOLDING_STATUSES } from '../domain/order.js'
import { customerSales, productSales } from '../workflow/sales.js'

export function freshCustomerSales(db: Database) {
  const archived = db.selectFrom('archived_sales_by_customer').select(['day', 'currency', 'customer_id'])
  const sales = customerSales(db)
    .where('status', '=', 'completed')
    .unionAll(archived.select(['orders', 'revenue']))
  return db
    .selectFrom(sales.as('sales'))
    .select(['day', 'currency', 'customer_id'])
    .select((eb) => [eb.fn.sum<number>('orders').as('orders'), eb.fn.sum<number>('revenue').as('revenue')])
    .groupBy(['day', 'currency', 'customer_id'])
}

export function freshProductSales(db: Database) {
  const archived = db.selectFrom('archived_sales_by_product').select(['day', 'currency', 'product_id'])
  const sales = productSales(db)
    .where('orders.status', '=', 'completed')
    .unionAll(archived.select(['orders', 'units', 'revenue']))
  return db
    .selectFrom(sales.as('sales'))
    .select(['day', 'currency', 'product_id'])
    .select((eb) => [eb.fn.sum<number>('orders').as('orders'), eb.fn.sum<number>('units').as('units')])
    .select((eb) => eb.fn.sum<number>('revenue').as('revenue'))
    .groupBy(['day', 'currency', 'product_id'])
}

/**
 * Computes each product's stock: adjustments minus committed units, also of archived orders, and the units of live
 * reservations.
 */
export function freshStock(db: Database) {
  const adjusted = db
    .selectFrom('stock_adjustments')
    .select((eb) => ['product_id', eb.fn.sum<number>('delta').as('units')])
    .groupBy('product_id')
  const held = db
    .selectFrom('stock_reservations')
    .innerJoin('orders', (join) =>
      join
        .onRef('orders.id', '=', 'stock_reservations.order_id')
        .onRef('orders.attempt', '=', 'stock_reservations.attempt'),
    )
    .select((eb) => ['product_id', eb.fn.sum<number>('quantity').as('units')])
    .groupBy('product_id')
  const archived = db
    .selectFrom('archived_sales_by_product')
    .select((eb) => ['product_id', eb.fn.sum<number>('units').as('units')])
    .groupBy('product_id')
  return db
    .selectFrom('products')
    .leftJoin(archived.as('archived'), 'archived.product_id', 'products.id')
    .leftJoin(adjusted.as('adjusted'), 'adjusted.product_id', 'products.id')
    .leftJoin(held.where('status', '=', 'completed').as('committed'), 'committed.product_id', 'products.id')
    .leftJoin(held.where('status', 'in', HOLDING_STATUSES).as('live'), 'live.product_id', 'products.id')
    .select((eb) => [
      'products.id as product_id',
      sql<number>`coalesce(adjusted.units, 0) - coalesce(committed.units, 0) - coalesce(archived.units, 0)`.as(
        'on_hand',
      ),
      eb.fn.coalesce('live.units', eb.lit(0)).as('reserved'),
    ])
}
