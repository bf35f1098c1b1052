// Adds completed orders to the sales figures by day, which KPIs and leaderboards read.

import type { Kysely } from 'kysely'
import { Prepared } from '../database/prepared.js'
import { isAmong } from '../database/row-source.js'
import type { Schema } from '../database/schema.js'

/** @param ids of the orders, as a JSON array; each may be added once */
export async function addToSales(db: Kysely<Schema>, ids: string): Promise<void> {
  await addCustomerSales.run(db, { ids })
  await addProductSales.run(db, { ids })
}

// In the order of their keys: two who add to the same figures then never wait for each other.
const addCustomerSales = new Prepared<{ ids: string }>((db, value) =>
  db
    .insertInto('sales_by_customer')
    .columns(['day', 'currency', 'customer_id', 'orders', 'revenue'])
    .expression((eb) =>
      eb
        .selectFrom('orders')
        .where(isAmong(db, 'id', value('ids')))
        .groupBy(['business_day', 'currency', 'customer_id'])
        .orderBy('business_day')
        .orderBy('currency')
        .orderBy('customer_id')
        .select(['business_day', 'currency', 'customer_id'])
        .select((sub) => [sub.fn.countAll<number>().as('orders'), sub.fn.sum<number>('total').as('revenue')]),
    )
    .onConflict((conflict) =>
      conflict.columns(['day', 'currency', 'customer_id']).doUpdateSet((eb) => ({
        orders: eb('sales_by_customer.orders', '+', eb.ref('excluded.orders')),
        revenue: eb('sales_by_customer.revenue', '+', eb.ref('excluded.revenue')),
      })),
    ),
)

/** An order that names a SKU twice counts once among the product's orders. */
const addProductSales = new Prepared<{ ids: string }>((db, value) =>
  db
    .insertInto('sales_by_product')
    .columns(['day', 'currency', 'product_id', 'orders', 'units', 'revenue'])
    .expression((eb) =>
      eb
        .selectFrom('orders')
        .innerJoin('order_lines', 'order_lines.order_id', 'orders.id')
        .where(isAmong(db, 'orders.id', value('ids')))
        .groupBy(['orders.business_day', 'orders.currency', 'order_lines.product_id'])
        .orderBy('orders.business_day')
        .orderBy('orders.currency')
        .orderBy('order_lines.product_id')
        .select(['orders.business_day', 'orders.currency', 'order_lines.product_id'])
        .select((sub) => [
          sub.fn.count<number>('orders.id').distinct().as('orders'),
          sub.fn.sum<number>('order_lines.quantity').as('units'),
          sub.fn.sum<number>('order_lines.total').as('revenue'),
        ]),
    )
    .onConflict((conflict) =>
      conflict.columns(['day', 'currency', 'product_id']).doUpdateSet((eb) => ({
        orders: eb('sales_by_product.orders', '+', eb.ref('excluded.orders')),
        units: eb('sales_by_product.units', '+', eb.ref('excluded.units')),
        revenue: eb('sales_by_product.revenue', '+', eb.ref('excluded.revenue')),
      })),
    ),
)
