// Recalculates derived data. The audit compares it with the stored data; a rebuild stores it.
import type { Database } from '../database/connection.js'
import { HOLDING_STATUSES } from '../domain/order.js'
import { customerSales, productSales } from '../workflow/sales.js'

export function freshCustomerSales(db: Database) {
  return customerSales(db).where('status', '=', 'completed')
}

export function freshProductSales(db: Database) {
  return productSales(db).where('orders.status', '=', 'completed')
}

/** Computes each product's stock: adjustments minus committed units, and the units of live reservations. */
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
  return db
    .selectFrom('products')
    .leftJoin(adjusted.as('adjusted'), 'adjusted.product_id', 'products.id')
    .leftJoin(held.where('status', '=', 'completed').as('committed'), 'committed.product_id', 'products.id')
    .leftJoin(held.where('status', 'in', HOLDING_STATUSES).as('live'), 'live.product_id', 'products.id')
    .select((eb) => [
      'products.id as product_id',
      eb(eb.fn.coalesce('adjusted.units', eb.lit(0)), '-', eb.fn.coalesce('committed.units', eb.lit(0))).as('on_hand'),
      eb.fn.coalesce('live.units', eb.lit(0)).as('reserved'),
    ])
}
