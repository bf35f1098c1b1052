// What a batch does to stock: reserve it for orders, let it leave the shop, or give it back.

import { type Kysely, sql } from 'kysely'
import { forUpdate, writesAlone } from '../database/engine.js'
import { packIds, packRows } from '../database/packed-rows.js'
import { type Parameter, Prepared } from '../database/prepared.js'
import { isAmong, rowSource } from '../database/row-source.js'
import type { Schema } from '../database/schema.js'
import type { OrderId, ProductId } from '../domain/ids.js'
import { allocate, type Wanting } from './allocate.js'

/** An order that goes without, and why: `TEA: 3 wanted, 2 available`. */
export interface OutOfStock {
  readonly id: OrderId
  readonly message: string
}

/**
 * Which of the orders get what they want, in the order given, as far as stock lasts just now. Nothing is locked by that:
 * where several transactions write at a time, reserveStock may find less.
 */
export async function shareStock<Order extends Wanting>(
  db: Kysely<Schema>,
  orders: readonly Order[],
): Promise<{ served: readonly Order[]; short: readonly OutOfStock[] }> {
  return share(orders, await stockOf.all(db, { ids: idsInOrder(unitsOf(orders)) }))
}

/**
 * Reserves what the orders want, and locks the products until the end of the transaction.
 *
 * @returns the orders that go without, since others were quicker
 */
export async function reserveStock(
  db: Kysely<Schema>,
  orders: readonly Wanting[],
  expiresAt: number,
): Promise<readonly OutOfStock[]> {
  await addReservations.run(db, { ids: packIds(orders), expiresAt })
  const { served, short } = writesAlone(db)
    ? { served: orders, short: [] }
    : share(orders, await lockedStockOf.all(db, { ids: idsInOrder(unitsOf(orders)) }))
  if (short.length > 0) await dropReservations.run(db, { ids: packIds(short), expiresAt })
  await addReserved.run(db, { units: packUnits(served) })
  return short
}

interface Stock {
  readonly id: ProductId
  readonly sku: string
  readonly available: number
}

function share<Order extends Wanting>(orders: readonly Order[], stock: readonly Stock[]) {
  const skus = new Map(stock.map(({ id, sku }) => [id, sku]))
  const { served, short } = allocate(orders, new Map(stock.map(({ id, available }) => [id, available])))
  const messages = short.map(({ id, productId, wanted, available }) => ({
    id,
    message: `${skus.get(productId)}: ${wanted} wanted, ${available} available`,
  }))
  return { served, short: messages }
}

const stockOf = new Prepared<{ ids: string }, Stock>(stockAmong)

/** Locked in id order, as by every transaction that changes several products. */
const lockedStockOf = new Prepared<{ ids: string }, Stock>((db, value) => forUpdate(db, stockAmong(db, value)))

function stockAmong(db: Kysely<Schema>, value: Parameter<{ ids: string }>) {
  return db
    .selectFrom('products')
    .where(isAmong(db, 'id', value('ids')))
    .orderBy('id')
    .select(['id', 'sku'])
    .select((eb) => eb('on_hand', '-', eb.ref('reserved')).as('available'))
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

/** Those that were added a moment ago. */
const dropReservations = new Prepared<{ ids: string; expiresAt: number }>((db, value) =>
  db
    .deleteFrom('stock_reservations')
    .where(isAmong(db, 'order_id', value('ids')))
    .where('expires_at', '=', value('expiresAt')),
)

const addReserved = new Prepared<{ units: string }>((db, value) =>
  db
    .updateTable('products')
    .from(rowSource<ProductUnits, 'units'>(db, 'units', { columns: UNIT_COLUMNS, json: value('units') }))
    .set((eb) => ({ reserved: eb('products.reserved', '+', eb.ref('units.quantity')) }))
    .whereRef('products.id', '=', 'units.product_id'),
)

/** The stock of sold orders leaves the shop, that of released ones is for others again. */
export async function settleStock(
  db: Kysely<Schema>,
  { sold, released }: { readonly sold: readonly Wanting[]; readonly released: readonly Wanting[] },
): Promise<void> {
  const held = unitsOf([...sold, ...released])
  if (held.size === 0) return
  const taken = unitsOf(sold)
  const units = [...held].map(([product_id, quantity]) => ({ product_id, quantity, taken: taken.get(product_id) ?? 0 }))
  if (!writesAlone(db)) await lockedStockOf.all(db, { ids: idsInOrder(held) })
  await takeUnits.run(db, { units: packRows(SETTLED_COLUMNS, units).json })
}

const takeUnits = new Prepared<{ units: string }>((db, value) =>
  db
    .updateTable('products')
    .from(rowSource<SettledUnits, 'units'>(db, 'units', { columns: SETTLED_COLUMNS, json: value('units') }))
    .set((eb) => ({
      on_hand: eb('products.on_hand', '-', eb.ref('units.taken')),
      reserved: eb('products.reserved', '-', eb.ref('units.quantity')),
    }))
    .whereRef('products.id', '=', 'units.product_id'),
)

/** Units of one product that orders held. */
interface SettledUnits extends ProductUnits {
  /** Of these: sold. */
  readonly taken: number
}

const SETTLED_COLUMNS = { product_id: 'integer', quantity: 'integer', taken: 'integer' } as const

/** Units of one product. */
interface ProductUnits {
  readonly product_id: ProductId
  readonly quantity: number
}

const UNIT_COLUMNS = { product_id: 'integer', quantity: 'integer' } as const

/** MySQL locks rows in the order in which it comes upon them, and sorts afterwards. */
function idsInOrder(units: ReadonlyMap<ProductId, number>): string {
  return JSON.stringify([...units.keys()].sort((a, b) => a - b))
}

function packUnits(orders: readonly Wanting[]): string {
  const rows = [...unitsOf(orders)].map(([product_id, quantity]) => ({ product_id, quantity }))
  return packRows(UNIT_COLUMNS, rows).json
}

function unitsOf(orders: readonly Wanting[]): Map<ProductId, number> {
  const units = new Map<ProductId, number>()
  for (const { items } of orders) {
    for (const { productId, quantity } of items) units.set(productId, (units.get(productId) ?? 0) + quantity)
  }
  return units
}
