// Computes the daily sales figures, which KPIs and leaderboards read, from orders, and adds those of a batch to them.
import type { Kysely } from 'kysely'
import { addFigures } from '../database/add-figures.js'
import { Prepared } from '../database/prepared.js'
import { isAmong } from '../database/row-source.js'
import type { Schema } from '../database/schema.js'

/** Selects what orders add to sales_by_customer. */
export function customerSales(db: Kysely<Schema>) {
  return db
    .selectFrom('orders')
    .select(['business_day as day', 'currency', 'customer_id'])
    .select((eb) => [eb.fn.countAll<number>().as('orders'), eb.fn.sum<number>('total').as('revenue')])
    .groupBy(['business_day', 'currency', 'customer_id'])
}

/**
 * Selects what orders add to sales_by_product. An order with two lines of a SKU counts once in the product's orders.
 */
export function productSales(db: Kysely<Schema>) {
  return db
    .selectFrom('orders')
    .innerJoin('order_lines', 'order_lines.order_id', 'orders.id')
    .select(['orders.business_day as day', 'orders.currency', 'order_lines.product_id'])
    .select((eb) => [
      eb.fn.count<number>('orders.id').distinct().as('orders'),
      eb.fn.sum<number>('order_lines.quantity').as('units'),
      eb.fn.sum<number>('order_lines.total').as('revenue'),
    ])
    .groupBy(['orders.business_day', 'orders.currency', 'order_lines.product_id'])
}

/** Adds orders to the sales figures. @param ids of the orders, as a JSON array; each order must be added only once */
export async function addToSales(db: Kysely<Schema>, ids: string): Promise<void> {
  await addCustomerSales.run(db, { ids })
  await addProductSales.run(db, { ids })
}

// Both insert in key order, so two transactions that add to the same figures never deadlock.
const addCustomerSales = new Prepared<{ ids: string }>((db, value) =>
  db
    .insertInto('sales_by_customer')
    .columns(['day', 'currency', 'customer_id', 'orders', 'revenue'])
    .expression(
      customerSales(db)
        .where(isAmong(db, 'id', value('ids')))
        .orderBy('business_day')
        .orderBy('currency')
        .orderBy('customer_id'),
    )
    .onConflict(addFigures('sales_by_customer', ['day', 'currency', 'customer_id'], ['orders', 'revenue'])),
)

const addProductSales = new Prepared<{ ids: string }>((db, value) =>
  db
    .insertInto('sales_by_product')
    .columns(['day', 'currency', 'product_id', 'orders', 'units', 'revenue'])
    .expression(
      productSales(db)
        .where(isAmong(db, 'orders.id', value('ids')))
        .orderBy('orders.business_day')
        .orderBy('orders.currency')
        .orderBy('order_lines.product_id'),
    )
    .onConflict(addFigures('sales_by_product', ['day', 'currency', 'product_id'], ['orders', 'units', 'revenue'])),
)
