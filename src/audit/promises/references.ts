// What foreign keys keep in a file, and nothing keeps on a server (`onServer` in database/engine.ts): whatever belongs to an order
// has it, and all that it names.
import type { Database } from '../../database/connection.js'
import { rightIf } from './promise.js'

/** Orders, lines, reservations, payments and rows of the queue, each by its order's key, which need not be there. */
export function references(db: Database) {
  const orders = db
    .selectFrom('orders')
    .leftJoin('customers', 'customers.id', 'orders.customer_id')
    .leftJoin('imports', 'imports.id', 'orders.import_id')
    .select((eb) => [
      'orders.id',
      ...rightIf(eb.and([eb('customers.id', 'is not', null), eb('imports.id', 'is not', null)])),
    ])
  const lines = db
    .selectFrom('order_lines')
    .leftJoin('orders', 'orders.id', 'order_lines.order_id')
    .leftJoin('products', 'products.id', 'order_lines.product_id')
    .select((eb) => [
      'order_lines.order_id as id',
      ...rightIf(eb.and([eb('orders.id', 'is not', null), eb('products.id', 'is not', null)])),
    ])
  const reservations = db
    .selectFrom('stock_reservations')
    .leftJoin('orders', 'orders.id', 'stock_reservations.order_id')
    .leftJoin('products', 'products.id', 'stock_reservations.product_id')
    .select((eb) => [
      'stock_reservations.order_id as id',
      ...rightIf(eb.and([eb('orders.id', 'is not', null), eb('products.id', 'is not', null)])),
    ])
  const payments = db
    .selectFrom('payments')
    .leftJoin('orders', 'orders.id', 'payments.order_id')
    .select((eb) => ['payments.order_id as id', ...rightIf(eb('orders.id', 'is not', null))])
  const queued = db
    .selectFrom('due_orders')
    .leftJoin('orders', 'orders.id', 'due_orders.order_id')
    .select((eb) => ['due_orders.order_id as id', ...rightIf(eb('orders.id', 'is not', null))])
  return orders.unionAll(lines).unionAll(reservations).unionAll(payments).unionAll(queued).as('compared')
}
