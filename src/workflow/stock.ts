// Changes the stock for a batch: reserves it for orders, removes what was sold, or releases it.
import { type Kysely, sql } from 'kysely'
import { forUpdate, writesAlone } from '../database/engine.js'
import { packIds, packRows } from '../database/packed-rows.js'
import { type Parameter, Prepared } from '../database/prepared.js'
import { isAmong, rowSource } from '../database/row-source.js'
import type { Schema } from '../database/schema.js'
import type { OrderId, ProductId } from '../domain/ids.js'

/** The units of one product in an order. */
export interface Item {
  readonly productId: ProductId
  readonly quantity: number
}

/** An order with its items, each product once. */
export interface OrderItems {
  readonly id: OrderId
  readonly items: readonly Item[]
}

interface Stock {
  readonly id: ProductId
  readonly sku: string
  /** Units on hand that are not reserved. */
  readonly available: number
}

/** An order that gets no stock, and the reason: `TEA: 3 ordered, 2 available`. */
export interface OutOfStock {
  readonly id: OrderId
  readonly message: string
}

/**
 * Allocates stock to orders in the given sequence. An order gets all of its items or none; if none, they stay available
 * for the orders after it.
 */
export function allocate<Order extends OrderItems>(orders: readonly Order[], stock: readonly Stock[]) {
  const left = new Map(stock.map(({ id, available }) => [id, available]))
  const leftOf = (id: ProductId) => left.get(id) ?? 0
  const served: Order[] = []
  const short: OutOfStock[] = []
  for (const order of orders) {
    const lacking = order.items.find(({ productId, quantity }) => leftOf(productId) < quantity)
    if (lacking) {
      const { productId, quantity } = lacking
      const sku = stock.find((product) => product.id === productId)?.sku
      short.push({ id: order.id, message: `${sku}: ${quantity} ordered, ${leftOf(productId)} available` })
    } else {
      for (const { productId, quantity } of order.items) left.set(productId, leftOf(productId) - quantity)
      served.push(order)
    }
  }
  return { served, short }
}

/** Allocates stock without a lock; on a server, reserveStock may find less. */
export async function allocateStock<Order extends OrderItems>(db: Kysely<Schema>, orders: readonly Order[]) {
  return allocate(orders, await stockOf.all(db, { ids: sortedIds(unitsOf(orders)) }))
}

/**
 * Reserves the items of the orders, and locks the products until the end of the transaction.
 *
 * @returns the orders that get no stock because other orders reserved it first
 */
export async function reserveStock(
  db: Kysely<Schema>,
  orders: readonly OrderItems[],
  expiresAt: number,
): Promise<readonly OutOfStock[]> {
  await addReservations.run(db, { ids: packIds(orders), expiresAt })
  const { served, short } = writesAlone(db)
    ? { served: orders, short: [] }
    : allocate(orders, await lockedStockOf.all(db, { ids: sortedIds(unitsOf(orders)) }))
  if (short.length > 0) await dropReservations.run(db, { ids: packIds(short), expiresAt })
  const changes = [...unitsOf(served)].map(([product_id, units]) => ({ product_id, on_hand: 0, reserved: units }))
  await changeStock.run(db, { changes: packRows(CHANGE, changes).json })
  return short
}

/** Packs the changes that remove the stock of sold orders, and make the stock of released orders available again. */
export function changesOfStock({ sold, released }: Record<'sold' | 'released', readonly OrderItems[]>) {
  const left = unitsOf(sold)
  const held = unitsOf(released, new Map(left))
  const changes = [...held].map(([product_id, units]) => {
    return { product_id, on_hand: -(left.get(product_id) ?? 0), reserved: -units }
  })
  return { ids: sortedIds(held), changes: packRows(CHANGE, changes).json }
}

/** Makes the changes of orders that are settled. */
export async function settleStock(
  db: Kysely<Schema>,
  { ids, changes }: ReturnType<typeof changesOfStock>,
): Promise<void> {
  if (changes === '[]') return
  if (!writesAlone(db)) await lockedStockOf.all(db, { ids })
  await changeStock.run(db, { changes })
}

/** Puts the units of completed orders back into stock, as adjustments. @param ids of the orders, as a JSON array */
export async function returnStock(db: Kysely<Schema>, ids: string, now: number): Promise<void> {
  if (ids === '[]') return
  const returned = db
    .selectFrom('order_lines')
    .innerJoin('orders', 'orders.id', 'order_lines.order_id')
    .where(isAmong(db, 'order_lines.order_id', ids))
    .groupBy(['order_lines.order_id', 'orders.reference', 'order_lines.product_id'])
    .select((eb) => ['order_lines.product_id', eb.fn.sum<number>('order_lines.quantity').as('delta')])
    .select((eb) => [sql<string>`'refund of order ' || orders.reference`.as('reason'), eb.val(now).as('adjusted_at')])
  await db
    .insertInto('stock_adjustments')
    .columns(['product_id', 'delta', 'reason', 'adjusted_at'])
    .expression(returned.orderBy('order_lines.order_id').orderBy('order_lines.product_id'))
    .execute()
  const units = await db
    .selectFrom(returned.as('returned'))
    .groupBy('product_id')
    .select((eb) => ['product_id', eb.fn.sum<number>('delta').as('on_hand'), eb.lit(0).as('reserved')])
    .execute()
  const products = new Map(units.map(({ product_id, on_hand }) => [product_id, on_hand]))
  if (!writesAlone(db)) await lockedStockOf.all(db, { ids: sortedIds(products) })
  await changeStock.run(db, { changes: packRows(CHANGE, units).json })
}

/** Selects the units that the current attempt of each order has reserved. */
export function reservedItems(db: Kysely<Schema>) {
  return db
    .selectFrom('orders')
    .innerJoin('stock_reservations as reservation', (join) =>
      join.onRef('reservation.order_id', '=', 'orders.id').onRef('reservation.attempt', '=', 'orders.attempt'),
    )
    .select(['orders.id', 'reservation.product_id as productId', 'reservation.quantity'])
}

/** Adds up the units of each product. */
function unitsOf(orders: readonly OrderItems[], units = new Map<ProductId, number>()): Map<ProductId, number> {
  for (const { items } of orders) {
    for (const { productId, quantity } of items) units.set(productId, (units.get(productId) ?? 0) + quantity)
  }
  return units
}

/** Returns the ids sorted, since MySQL locks rows in the order in which it finds them, before it sorts. */
function sortedIds(units: ReadonlyMap<ProductId, number>): string {
  return JSON.stringify([...units.keys()].sort((a, b) => a - b))
}

const stockOf = new Prepared<{ ids: string }, Stock>(stockAmong)

/** Locks the products in id order, as every transaction that changes several products does. */
const lockedStockOf = new Prepared<{ ids: string }, Stock>((db, value) => forUpdate(db, stockAmong(db, value)))

function stockAmong(db: Kysely<Schema>, value: Parameter<{ ids: string }>) {
  return db
    .selectFrom('products')
    .where(isAmong(db, 'id', value('ids')))
    .orderBy('id')
    .select((eb) => ['id', 'sku', eb('on_hand', '-', eb.ref('reserved')).as('available')])
}

const addReservations = new Prepared<{ ids: string; expiresAt: number }>((db, value) =>
  db
    .insertInto('stock_reservations')
    .columns(['order_id', 'attempt', 'product_id', 'quantity', 'expires_at'])
    .expression((eb) =>
      eb
        .selectFrom('order_lines')
        .innerJoin('orders', 'orders.id', 'order_lines.order_id')
        .where(isAmong(db, 'order_lines.order_id', value('ids')))
        .groupBy(['order_lines.order_id', 'orders.attempt', 'order_lines.product_id'])
        .select(['order_lines.order_id', 'orders.attempt', 'order_lines.product_id'])
        .select((sub) => sub.fn.sum<number>('order_lines.quantity').as('quantity'))
        .select(sql<number>`${value('expiresAt')}`.as('expires_at')),
    ),
)

/** Deletes reservations that this transaction added. */
const dropReservations = new Prepared<{ ids: string; expiresAt: number }>((db, value) =>
  db
    .deleteFrom('stock_reservations')
    .where(isAmong(db, 'order_id', value('ids')))
    .where('expires_at', '=', value('expiresAt')),
)

/** Units to add to a product's figures. */
const CHANGE = { product_id: 'integer', on_hand: 'integer', reserved: 'integer' } as const

const changeStock = new Prepared<{ changes: string }>((db, value) =>
  db
    .updateTable('products')
    .from(rowSource<Record<keyof typeof CHANGE, number>, 'row'>(db, 'row', { columns: CHANGE, json: value('changes') }))
    .set((eb) => ({
      on_hand: eb('products.on_hand', '+', eb.ref('row.on_hand')),
      reserved: eb('products.reserved', '+', eb.ref('row.reserved')),
    }))
    .whereRef('products.id', '=', 'row.product_id'),
)
