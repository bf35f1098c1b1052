// The first transaction of a batch: take orders in hand, reserve their stock, and write down what will be charged before
// the gateway hears of it.
import { randomUUID } from 'node:crypto'
import { type Expression, type Kysely, sql } from '../database/kysely.js'
import { packRows } from '../database/packed-rows.js'
import { Prepared } from '../database/prepared.js'
import { idsIn, packedIdsIn, rowSource } from '../database/row-source.js'
import type { Schema } from '../database/schema.js'
import { type IdempotencyKey, idempotencyKey, type LeaseToken, type OrderId, type ProductId } from '../domain/ids.js'
import type { Currency } from '../domain/money.js'
import type { OrderStatus } from '../domain/order.js'
import type { Delivery } from '../queue/queue.js'
import { allocate, type Demand, type Shortage } from './allocate.js'

export interface ClaimOptions {
  readonly leaseMs: number
  readonly reservationTtlMs: number
}

/** An order in hand, with an open payment intent. */
export interface ClaimedOrder {
  readonly id: OrderId
  readonly attempt: number
  readonly key: IdempotencyKey
  readonly currency: Currency
  readonly total: number
}

export interface Claim {
  /** Proves the claim: only its holder may settle these orders. */
  readonly token: LeaseToken
  /** Orders claimed, those without stock included. */
  readonly count: number
  /** Orders that failed at once: there was no stock for them. */
  readonly failed: number
  readonly orders: readonly ClaimedOrder[]
}

interface DueOrder extends Omit<ClaimedOrder, 'key'> {
  readonly status: OrderStatus
  readonly source: string
  readonly reference: string
}

/**
 * Claims orders that are due: new ones, and those whose worker went silent before it settled them. What another worker
 * holds, or has settled, is passed over, so a delivery that comes twice or late changes nothing.
 */
export async function claim(db: Kysely<Schema>, delivery: Delivery, options: ClaimOptions): Promise<Claim> {
  const token = randomUUID() as string as LeaseToken
  return db.transaction().execute(async (trx) => {
    const now = Date.now()
    const due = await findDue(trx, delivery, now)
    if (due.length === 0) return { token, count: 0, failed: 0, orders: [] }
    const fresh = due.filter((order) => order.status === 'pending')
    const short = await reserve(trx, fresh, { now, expiresAt: now + options.reservationTtlMs })
    const held = due.filter((order) => !short.has(order.id))
    await addIntents.run(trx, { ids: idsJson(fresh.filter((order) => !short.has(order.id))), now })
    await takeLease.run(trx, { ids: idsJson(held), token, until: now + options.leaseMs })
    return {
      token,
      count: due.length,
      failed: short.size,
      orders: held.map((order) => ({ ...order, key: idempotencyKey(order.source, order.reference, order.attempt) })),
    }
  })
}

/** Puts the end of the lease off, for charges that take long. Orders that were lost meanwhile stay lost. */
export async function renewLease(db: Kysely<Schema>, claimed: Claim, leaseMs: number): Promise<void> {
  await db
    .updateTable('orders')
    .set({ due_at: Date.now() + leaseMs })
    .where('id', 'in', idsIn(claimed.orders.map((order) => order.id)))
    .where('lease_token', '=', claimed.token)
    .execute()
}

function findDue(db: Kysely<Schema>, delivery: Delivery, now: number): Promise<DueOrder[]> {
  return delivery.kind === 'orders'
    ? dueAmong.all(db, { now, ids: JSON.stringify(delivery.ids) })
    : nextDue.all(db, { now, limit: delivery.limit })
}

function dueOrders(db: Kysely<Schema>, now: Expression<number>) {
  return db
    .selectFrom('orders')
    .where('due_at', 'is not', null)
    .where('due_at', '<=', now)
    .where('status', 'in', ['pending', 'payment_processing'])
    .select(['id', 'status', 'attempt', 'source', 'reference', 'currency', 'total'])
}

const nextDue = new Prepared<{ now: number; limit: number }, DueOrder>((db, value) =>
  dueOrders(db, value('now')).orderBy('due_at').orderBy('id').limit(value('limit')),
)

const dueAmong = new Prepared<{ now: number; ids: string }, DueOrder>((db, value) =>
  dueOrders(db, value('now'))
    .where('id', 'in', packedIdsIn<OrderId>(value('ids')))
    .orderBy('id'),
)

/** Reserves what new orders want; where there is no stock, they fail. Returns those that failed. */
async function reserve(
  db: Kysely<Schema>,
  fresh: readonly DueOrder[],
  { now, expiresAt }: { readonly now: number; readonly expiresAt: number },
): Promise<ReadonlySet<OrderId>> {
  const demands = await demandsOf.all(db, { ids: idsJson(fresh) })
  const productIds = [...new Set(demands.map((demand) => demand.productId))]
  const products = await stockOf.all(db, { ids: JSON.stringify(productIds) })
  const available = new Map(products.map((product) => [product.id, product.on_hand - product.reserved]))
  const { reserved, short } = allocate(demands, available)
  await addReservations.run(db, {
    ids: JSON.stringify([...new Set(reserved.map((demand) => demand.orderId))]),
    expiresAt,
  })
  await addReserved.run(db, { units: packRows(UNIT_COLUMNS, addUpUnits(reserved)).json })
  const skus = new Map(products.map((product) => [product.id, product.sku]))
  await failShort(db, short, skus, now)
  return new Set(short.map((shortage) => shortage.orderId))
}

/** What the orders want of each product; a SKU that an order names twice is added up. */
const demandsOf = new Prepared<{ ids: string }, Demand>((db, value) =>
  db
    .selectFrom('order_lines')
    .where('order_id', 'in', packedIdsIn<OrderId>(value('ids')))
    .groupBy(['order_id', 'product_id'])
    .orderBy('order_id')
    .select(['order_id as orderId', 'product_id as productId'])
    .select((eb) => eb.fn.sum<number>('quantity').as('quantity')),
)

/** In id order, as every transaction that locks several products does. */
const stockOf = new Prepared<{ ids: string }, { id: ProductId; sku: string; on_hand: number; reserved: number }>(
  (db, value) =>
    db
      .selectFrom('products')
      .where('id', 'in', packedIdsIn<ProductId>(value('ids')))
      .orderBy('id')
      .select(['id', 'sku', 'on_hand', 'reserved']),
)

const addReservations = new Prepared<{ ids: string; expiresAt: number }>((db, value) =>
  db
    .insertInto('stock_reservations')
    .columns(['order_id', 'attempt', 'product_id', 'quantity', 'state', 'expires_at'])
    .expression((eb) =>
      eb
        .selectFrom('order_lines')
        .innerJoin('orders', 'orders.id', 'order_lines.order_id')
        .where('order_lines.order_id', 'in', packedIdsIn<OrderId>(value('ids')))
        .groupBy(['order_lines.order_id', 'orders.attempt', 'order_lines.product_id'])
        .select(['order_lines.order_id', 'orders.attempt', 'order_lines.product_id'])
        .select((sub) => sub.fn.sum<number>('order_lines.quantity').as('quantity'))
        .select([eb.val('live').as('state'), sql<number>`${value('expiresAt')}`.as('expires_at')]),
    ),
)

/** Units of one product. */
interface ProductUnits {
  readonly product_id: ProductId
  readonly quantity: number
}

const UNIT_COLUMNS = ['product_id', 'quantity'] as const

const addReserved = new Prepared<{ units: string }>((db, value) =>
  db
    .updateTable('products')
    .from(rowSource<ProductUnits, 'row'>('row', { columns: UNIT_COLUMNS, json: value('units') }))
    .set((eb) => ({ reserved: eb('products.reserved', '+', eb.ref('row.quantity')) }))
    .whereRef('products.id', '=', 'row.product_id'),
)

function addUpUnits(demands: readonly Demand[]): ProductUnits[] {
  const units = new Map<ProductId, number>()
  for (const { productId, quantity } of demands) units.set(productId, (units.get(productId) ?? 0) + quantity)
  return [...units].map(([product_id, quantity]) => ({ product_id, quantity }))
}

async function failShort(
  db: Kysely<Schema>,
  short: readonly Shortage[],
  skus: ReadonlyMap<ProductId, string>,
  now: number,
): Promise<void> {
  if (short.length === 0) return
  const rows = short.map(({ orderId, productId, wanted, available }) => ({
    order_id: orderId,
    why: `${skus.get(productId)}: ${wanted} wanted, ${available} available`,
  }))
  await db
    .updateTable('orders')
    .from(rowSource('row', packRows(['order_id', 'why'], rows)))
    .set((eb) => ({
      status: 'failed',
      reason: 'out_of_stock',
      message: eb.ref('row.why'),
      settled_at: now,
      due_at: null,
    }))
    .whereRef('orders.id', '=', 'row.order_id')
    .execute()
}

/** Pending orders pass through `reserved` here: their stock is held and their intent follows in this transaction. */
const takeLease = new Prepared<{ ids: string; token: LeaseToken; until: number }>((db, value) =>
  db
    .updateTable('orders')
    .set({
      status: 'payment_processing',
      lease_token: value('token'),
      due_at: value('until'),
      reason: null,
      message: null,
    })
    .where('id', 'in', packedIdsIn<OrderId>(value('ids'))),
)

/** Each with the key that idempotencyKey() gives. */
const addIntents = new Prepared<{ ids: string; now: number }>((db, value) =>
  db
    .insertInto('payments')
    .columns(['order_id', 'attempt', 'idempotency_key', 'amount', 'currency', 'status', 'created_at'])
    .expression((eb) =>
      eb
        .selectFrom('orders')
        .where('id', 'in', packedIdsIn<OrderId>(value('ids')))
        .select(['id', 'attempt', sql<IdempotencyKey>`source || ':' || reference || ':' || attempt`.as('key')])
        .select(['total', 'currency', eb.val('pending').as('status'), sql<number>`${value('now')}`.as('created_at')]),
    ),
)

export function idsJson(orders: readonly { readonly id: OrderId }[]): string {
  return JSON.stringify(orders.map((order) => order.id))
}
