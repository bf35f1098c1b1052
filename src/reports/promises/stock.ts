// What holds for stock: each product's figures, and the reservations that they come from.
import type { Database } from '../../database/connection.js'
import { freshStock } from '../derivations.js'
import { type DataPromise, differsUnless, nothing, oneIf } from './promise.js'

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

/** The units of an order's lines are held by its present attempt, live or committed as its status says, and by no other. */
function units(db: Database) {
  const wanted = db
    .selectFrom('orders')
    .innerJoin('order_lines', 'order_lines.order_id', 'orders.id')
    .where('orders.status', 'in', ['reserved', 'payment_processing', 'completed'])
    .select((eb) => [
      'orders.id',
      'order_lines.product_id',
      'orders.attempt',
      oneIf(eb('orders.status', '=', 'completed')).as('committed'),
      'order_lines.quantity as wanted',
      nothing().as('held'),
    ])
  const held = db
    .selectFrom('stock_reservations')
    .where('state', 'in', ['live', 'committed'])
    .select((eb) => [
      'order_id as id',
      'product_id',
      'attempt',
      oneIf(eb('state', '=', 'committed')).as('committed'),
      nothing().as('wanted'),
      'quantity as held',
    ])
  return db
    .selectFrom(wanted.unionAll(held).as('units'))
    .groupBy(['id', 'product_id', 'attempt', 'committed'])
    .select((eb) => [
      'id',
      eb.fn.sum<number>('wanted').as('expected'),
      eb.fn.sum<number>('held').as('actual'),
      differsUnless(eb(eb.fn.sum('wanted'), '=', eb.fn.sum('held'))),
    ])
    .as('compared')
}
