// What holds for stock: each product's figures, and the reservations that they come from.
import type { Database } from '../../database/connection.js'
import { HOLDING_STATUSES } from '../../domain/order.js'
import { freshStock } from '../derivations.js'
import { type DataPromise, differsUnless, nothing } from './promise.js'

export const STOCK_PROMISES: readonly DataPromise[] = [
  { name: 'stock_on_hand', about: 'units adjusted, less units sold', of: 'product', compare: onHand },
  { name: 'stock_reserved', about: 'units of live reservations', of: 'product', compare: reserved },
  {
    name: 'reservations',
    about: "an order's units, held in process, committed once sold",
    of: 'order',
    compare: units,
  },
]

function onHand(db: Database) {
  return db
    .selectFrom('products')
    .innerJoin(freshStock(db).as('fresh'), 'fresh.product_id', 'products.id')
    .select((eb) => [
      'products.id',
      'fresh.on_hand as expected',
      'products.on_hand as actual',
      differsUnless(eb('fresh.on_hand', '=', eb.ref('products.on_hand'))),
    ])
    .as('compared')
}

function reserved(db: Database) {
  return db
    .selectFrom('products')
    .innerJoin(freshStock(db).as('fresh'), 'fresh.product_id', 'products.id')
    .select((eb) => [
      'products.id',
      'fresh.reserved as expected',
      'products.reserved as actual',
      differsUnless(eb('fresh.reserved', '=', eb.ref('products.reserved'))),
    ])
    .as('compared')
}

/** The units of an order's lines are held by its present attempt, and by no other. */
function units(db: Database) {
  const wanted = db
    .selectFrom('orders')
    .innerJoin('order_lines', 'order_lines.order_id', 'orders.id')
    .where('orders.status', 'in', [...HOLDING_STATUSES, 'completed'])
    .select(['orders.id', 'order_lines.product_id', 'orders.attempt', 'order_lines.quantity as wanted'])
    .select(nothing().as('held'))
  const held = db
    .selectFrom('stock_reservations')
    .innerJoin('orders', 'orders.id', 'stock_reservations.order_id')
    .where('orders.status', 'in', [...HOLDING_STATUSES, 'completed'])
    .whereRef('stock_reservations.attempt', '>=', 'orders.attempt')
    .select(['orders.id', 'stock_reservations.product_id', 'stock_reservations.attempt', nothing().as('wanted')])
    .select('stock_reservations.quantity as held')
  return db
    .selectFrom(wanted.unionAll(held).as('units'))
    .groupBy(['id', 'product_id', 'attempt'])
    .select((eb) => [
      'id',
      eb.fn.sum<number>('wanted').as('expected'),
      eb.fn.sum<number>('held').as('actual'),
      differsUnless(eb(eb.fn.sum('wanted'), '=', eb.fn.sum('held'))),
    ])
    .as('compared')
}
