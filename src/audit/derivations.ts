// Recalculates derived data. The audit compares it with the stored data; a rebuild stores it.
import { sql } from 'kysely'
import type { Database } from '../database/connection.js'
import { HOLDING_STATUSES } from '../domain/order.js'
import { countedOrders } from '../workflow/order-counts.js'
import { productSales } from '../workflow/sales.js'

/** Selects what the stored and the archived orders add to sales_by_customer; several rows may have the same key. */
export function customerSalesParts(db: Database) {
  return db
    .selectFrom('orders')
    .where('status', '=', 'completed')
    .select(['business_day as day', 'currency', 'customer_id'])
    .select((eb) => [sql<number>`1`.as('orders'), eb.ref('total').as('revenue')])
    .unionAll(
      db.selectFrom('archived_sales_by_customer').select(['day', 'currency', 'customer_id', 'orders', 'revenue']),
    )
}

/** The same for sales_by_product. */
export function productSalesParts(db: Database) {
  return productSales(db)
    .where('orders.status', '=', 'completed')
    .unionAll(
      db
        .selectFrom('archived_sales_by_product')
        .select(['day', 'currency', 'product_id', 'orders', 'units', 'revenue']),
    )
}

export function freshCustomerSales(db: Database) {
  return db
    .selectFrom(customerSalesParts(db).as('sales'))
    .select(['day', 'currency', 'customer_id'])
    .select((eb) => [eb.fn.sum<number>('orders').as('orders'), eb.fn.sum<number>('revenue').as('revenue')])
    .groupBy(['day', 'currency', 'customer_id'])
}

export function freshProductSales(db: Database) {
  return db
    .selectFrom(productSalesParts(db).as('sales'))
    .select(['day', 'currency', 'product_id'])
    .select((eb) => [eb.fn.sum<number>('orders').as('orders'), eb.fn.sum<number>('units').as('units')])
    .select((eb) => eb.fn.sum<number>('revenue').as('revenue'))
    .groupBy(['day', 'currency', 'product_id'])
}

/** Counts the orders of each period, and of all periods together. */
export function freshOrderCounts(db: Database) {
  const states = ['source', 'status', 'reason', 'cleared', 'currency'] as const
  const counting = db.with('counted', () => countedOrders(db))
  const ofAll = counting
    .selectFrom('counted')
    .groupBy(states)
    .select([sql<number>`0`.as('period'), ...states])
    .select((eb) => [eb.fn.sum<number>('orders').as('orders'), eb.fn.sum<number>('amount').as('amount')])
  return ofAll.unionAll((eb) =>
    eb
      .selectFrom('counted')
      .where('period', '>', 0)
      .select(['period', ...states, 'orders', 'amount']),
  )
}

/**
 * Computes each product's stock. On hand: adjustments minus committed units, also of archived orders. Reserved: the
 * units of live reservations.
 */
export function freshStock(db: Database) {
  const adjusted = db
    .selectFrom('stock_adjustments')
    .select((eb) => ['product_id', eb.fn.sum<number>('delta').as('units')])
    .groupBy('product_id')
  const archived = db
    .selectFrom('archived_sales_by_product')
    .select((eb) => ['product_id', eb.fn.sum<number>('units').as('units')])
    .groupBy('product_id')
  const held = db
    .selectFrom('stock_reservations')
    .innerJoin('orders', (join) =>
      join
        .onRef('orders.id', '=', 'stock_reservations.order_id')
        .onRef('orders.attempt', '=', 'stock_reservations.attempt'),
    )
    .where('status', 'in', [...HOLDING_STATUSES, 'completed'])
    .select('product_id')
    .select(sql<number>`sum(case when status = 'completed' then quantity else 0 end)`.as('committed'))
    .select(sql<number>`sum(case when status = 'completed' then 0 else quantity end)`.as('live'))
    .groupBy('product_id')
  return db
    .selectFrom('products')
    .leftJoin(archived.as('archived'), 'archived.product_id', 'products.id')
    .leftJoin(adjusted.as('adjusted'), 'adjusted.product_id', 'products.id')
    .leftJoin(held.as('held'), 'held.product_id', 'products.id')
    .select('products.id as product_id')
    .select(
      sql<number>`coalesce(adjusted.units, 0) - coalesce(held.committed, 0) - coalesce(archived.units, 0)`.as(
        'on_hand',
      ),
    )
    .select((eb) => eb.fn.coalesce('held.live', eb.lit(0)).as('reserved'))
}
