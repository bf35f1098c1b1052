// Lists the orders of each customer. An import lists its orders once, when it ends, in the order of the list's key. An
// index on orders.customer_id would be written at another place for each order, as the orders are stored (ADR 38).
import { type Kysely, type SelectQueryBuilder, type SqlBool, sql } from 'kysely'
import { isAmong, withoutIndex } from '../database/row-source.js'
import type { Schema } from '../database/schema.js'
import type { CustomerId, ImportId } from '../domain/ids.js'

/** Lists orders under their customers. Those that are listed already stay. */
export async function listByCustomer(
  db: Kysely<Schema>,
  orders: SelectQueryBuilder<Schema, 'orders', object>,
): Promise<void> {
  await db
    .insertInto('customer_orders')
    .columns(['customer_id', 'order_id'])
    .expression(orders.select(['orders.customer_id', 'orders.id']).orderBy('orders.customer_id').orderBy('orders.id'))
    .onConflict((conflict) => conflict.doNothing())
    .execute()
}

/** Removes orders from the list, before they are deleted or get another customer. @param ids as JSON */
export async function unlist(db: Kysely<Schema>, ids: string): Promise<void> {
  const listed = db
    .selectFrom('orders')
    .where(isAmong(db, 'orders.id', ids))
    .select(['orders.customer_id', 'orders.id'])
  await db.deleteFrom('customer_orders').where(sql<SqlBool>`(customer_id, order_id) in (${listed})`).execute()
}

/** Whether an import has not ended, so that its orders may not be listed yet. */
export async function isImporting(db: Kysely<Schema>): Promise<boolean> {
  const open = db.selectFrom('imports').where('ended_at', 'is', null).select('id').limit(1)
  return (await open.executeTakeFirst()) !== undefined
}

/**
 * Selects the ids of all orders of the customers.
 *
 * @param importing whether to search those of imports that have not ended. MySQL is much slower with them
 */
export function ordersOfCustomers(
  db: Kysely<Schema>,
  customers: SelectQueryBuilder<Schema, 'customers', { id: CustomerId }>,
  importing: boolean,
) {
  const listed = db.selectFrom('customer_orders').where('customer_id', 'in', customers).select('order_id as id')
  if (!importing) return listed
  return listed.union(ordersOfOpenImports(db).where('orders.customer_id', 'in', customers).select('orders.id'))
}

/** Selects the orders of imports that have not ended, which may not be listed yet. */
export function ordersOfOpenImports(db: Kysely<Schema>) {
  return db
    .selectFrom('imports')
    .where('imports.ended_at', 'is', null)
    .crossJoin('orders')
    .whereRef('orders.id', '>', 'imports.orders_after')
    .where(withoutIndex('orders.import_id'), '=', sql<ImportId>`imports.id`)
}
