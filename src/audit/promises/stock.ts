// What holds for stock: each product's figures, and the reservations that they come from.
import type { Database } from '../../database/connection.js'
import { HOLDING_STATUSES } from '../../domain/order.js'
import { freshStock } from '../derivations.js'
import { type DataPromise, differsUnless, nothing } from './promise.js'

export const STOCK_PROMISES: readonly DataPromise[] = [
  { name: 'stock_on_hand', about: 'units adjusted, less units sold', of: 'product', compare: stockFigure('on_hand') },
  { name: 'stock_reserved', about: 'units of live reservations', of: 'product', compare: stockFigure('reserved') },
  {
    name: 'reservations',
    about: "an order's units, held in process, committed once sold",
    of: 'order',
    compare: units,
  },
]

function stockFigure(figure: 'on_hand' | 'reserved') {
  return (db: Database) =>
    db
      .selectFrom('products')
      .innerJoin(freshStock(db).as('fresh'), 'fresh.product_id', 'products.id')
      .select((eb) => [
        'products.id',
        eb.ref(`fresh.${figure}`).as('expected'),
        eb.ref(`products.${figure}`).as('actual'),
        differsUnless(eb(`fresh.${figure}`, '=', eb.ref(`products.${figure}`))),
      ])
      .as('compared')
}

/** The units of an order's lines are held by its present attempt, and by no other. */
function units(db: Database) {
  const holding = [...HOLDING_STATUSES, 'completed' as const]
  const wanted = db
    .selectFrom('orders')
    .innerJoin('order_lines', 'order_lines.order_id', 'orders.id')
    .where('orders.status', 'in', holding)
    .select(['orders.id', 'order_lines.product_id', 'orders.attempt', 'order_lines.quantity as wanted'])
    .select(nothing().as('held'))
  const held = db
    .selectFrom('stock_reservations')
    .innerJoin('orders', 'orders.id', 'stock_reservations.order_id')
    .where('orders.status', 'in', holding)
    .whereRef('stock_reservations.attempt', '>=', 'orders.attempt')
    .select(['orders.id', 'stock_reservations.product_id', 'stock_reservations.attempt', nothing().as('wanted')])
    .select('stock_reservations.quantity as held')
  return db
    .selectFrom(wanted.unionAll(held).as('units'))
    .groupBy(['id', 'product_id', 'attempt'])
    .select(({ eb, fn }) => [
      'id',
      fn.sum<number>('wanted').as('expected'),
      fn.sum<number>('held').as('actual'),
      differsUnless(eb(fn.sum('wanted'), '=', fn.sum('held'))),
    ])
    .as('compared')
}
