// Adds completed orders to the sales figures by day, which KPIs and leaderboards read.
import type { Kysely } from 'kysely'
import type { Day } from '../domain/business-day.js'
import type { CustomerId, OrderId, ProductId } from '../domain/ids.js'
import type { Currency } from '../domain/money.js'
import { Prepared } from './prepared.js'
import { packRows, rowSource } from './row-source.js'
import type { Schema } from './schema.js'

interface SoldOrder {
  readonly id: OrderId
  readonly day: Day
  readonly currency: Currency
  readonly customerId: CustomerId
  /** Minor units. */
  readonly total: number
}

interface SoldItem {
  readonly orderId: OrderId
  readonly productId: ProductId
  readonly quantity: number
  /** Minor units. */
  readonly revenue: number
}

/** @param items one for each order and product */
export async function addToSales(
  db: Kysely<Schema>,
  orders: readonly SoldOrder[],
  items: readonly SoldItem[],
): Promise<void> {
  const byId = new Map(orders.map((order) => [order.id, order]))
  const customerSales = orders.map(({ day, currency, customerId, total }) => ({
    day,
    currency,
    customer_id: customerId,
    revenue: total,
  }))
  const productSales = items.flatMap(({ orderId, productId, quantity, revenue }) => {
    const order = byId.get(orderId)
    return order ? [{ day: order.day, currency: order.currency, product_id: productId, units: quantity, revenue }] : []
  })
  await addCustomerSales.run(db, { rows: packRows(CUSTOMER_COLUMNS, customerSales).json })
  await addProductSales.run(db, { rows: packRows(PRODUCT_COLUMNS, productSales).json })
}

interface CustomerSale {
  readonly day: Day
  readonly currency: Currency
  readonly customer_id: CustomerId
  readonly revenue: number
}

interface ProductSale {
  readonly day: Day
  readonly currency: Currency
  readonly product_id: ProductId
  readonly units: number
  readonly revenue: number
}

const CUSTOMER_COLUMNS = ['day', 'currency', 'customer_id', 'revenue'] as const
const PRODUCT_COLUMNS = ['day', 'currency', 'product_id', 'units', 'revenue'] as const

// An upsert is worded alike on SQLite and PostgreSQL; MySQL's `on duplicate key update` belongs here, too.
const addCustomerSales = new Prepared<{ rows: string }>((db, value) =>
  db
    .insertInto('sales_by_customer')
    .columns(['day', 'currency', 'customer_id', 'orders', 'revenue'])
    .expression((eb) =>
      eb
        .selectFrom(rowSource<CustomerSale, 'row'>('row', { columns: CUSTOMER_COLUMNS, json: value('rows') }))
        .groupBy(['row.day', 'row.currency', 'row.customer_id'])
        .select(['row.day', 'row.currency', 'row.customer_id'])
        .select((sub) => [sub.fn.countAll<number>().as('orders'), sub.fn.sum<number>('row.revenue').as('revenue')]),
    )
    .onConflict((conflict) =>
      conflict.columns(['day', 'currency', 'customer_id']).doUpdateSet((eb) => ({
        orders: eb('sales_by_customer.orders', '+', eb.ref('excluded.orders')),
        revenue: eb('sales_by_customer.revenue', '+', eb.ref('excluded.revenue')),
      })),
    ),
)

const addProductSales = new Prepared<{ rows: string }>((db, value) =>
  db
    .insertInto('sales_by_product')
    .columns(['day', 'currency', 'product_id', 'orders', 'units', 'revenue'])
    .expression((eb) =>
      eb
        .selectFrom(rowSource<ProductSale, 'row'>('row', { columns: PRODUCT_COLUMNS, json: value('rows') }))
        .groupBy(['row.day', 'row.currency', 'row.product_id'])
        .select(['row.day', 'row.currency', 'row.product_id'])
        .select((sub) => [
          sub.fn.countAll<number>().as('orders'),
          sub.fn.sum<number>('row.units').as('units'),
          sub.fn.sum<number>('row.revenue').as('revenue'),
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
