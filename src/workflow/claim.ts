// The first transaction of a batch: take orders in hand, reserve their stock, and write down what will be charged before
// the gateway hears of it.
import { randomUUID } from 'node:crypto'
import type { Kysely } from 'kysely'
import { idsIn, packRows, rowSource } from '../database/row-source.js'
import type { Schema } from '../database/schema.js'
import type { Day } from '../domain/business-day.js'
import {
  type CustomerId,
  type IdempotencyKey,
  idempotencyKey,
  type LeaseToken,
  type OrderId,
  type ProductId,
} from '../domain/ids.js'
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
  readonly customerId: CustomerId
  readonly day: Day
}

/** One product of an order in hand. */
export interface ClaimedItem extends Demand {
  /** Minor units of the order's currency. */
  readonly revenue: number
}

export interface Claim {
  /** Proves the claim: only its holder may settle these orders. */
  readonly token: LeaseToken
  /** Orders claimed, those without stock included. */
  readonly count: number
  /** Orders that failed at once: there was no stock for them. */
  readonly failed: number
  readonly orders: readonly ClaimedOrder[]
  readonly items: readonly ClaimedItem[]
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
    if (due.length === 0) return { token, count: 0, failed: 0, orders: [], items: [] }
    const items = await readItems(trx, due)
    const fresh = due.filter((order) => order.status === 'pending')
    const shortIds = await reserve(trx, fresh, items, { now, expiresAt: now + options.reservationTtlMs })
    const held = due.filter((order) => !shortIds.has(order.id))
    await takeLease(trx, held, token, now + options.leaseMs)
    await writeIntents(
      trx,
      fresh.filter((order) => !shortIds.has(order.id)),
      now,
    )
    return {
      token,
      count: due.length,
      failed: shortIds.size,
      orders: held.map((order) => ({ ...order, key: idempotencyKey(order.source, order.reference, order.attempt) })),
      items: items.filter((item) => !shortIds.has(item.orderId)),
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
  const due = db
    .selectFrom('orders')
    .where('due_at', 'is not', null)
    .where('due_at', '<=', now)
    .where('status', 'in', ['pending', 'payment_processing'])
    .select(['id', 'status', 'attempt', 'source', 'reference', 'currency', 'total'])
    .select(['customer_id as customerId', 'business_day as day'])
  return delivery.kind === 'orders'
    ? due.where('id', 'in', idsIn(delivery.ids)).orderBy('id').execute()
    : due.orderBy('due_at').orderBy('id').limit(delivery.limit).execute()
}

/** What the orders want of each product; a SKU that an order names twice is added up. */
async function readItems(db: Kysely<Schema>, due: readonly DueOrder[]): Promise<ClaimedItem[]> {
  return db
    .selectFrom('order_lines')
    .where('order_id', 'in', idsIn(due.map((order) => order.id)))
    .groupBy(['order_id', 'product_id'])
    .orderBy('order_id')
    .select(['order_id as orderId', 'product_id as productId'])
    .select((eb) => [eb.fn.sum<number>('quantity').as('quantity'), eb.fn.sum<number>('total').as('revenue')])
    .execute()
}

/** Reserves what new orders want; where there is no stock, they fail. Returns those that failed. */
async function reserve(
  db: Kysely<Schema>,
  fresh: readonly DueOrder[],
  items: readonly ClaimedItem[],
  { now, expiresAt }: { readonly now: number; readonly expiresAt: number },
): Promise<ReadonlySet<OrderId>> {
  const attempts = new Map(fresh.map((order) => [order.id, order.attempt]))
  const demands = items.filter((item) => attempts.has(item.orderId))
  const productIds = [...new Set(demands.map((demand) => demand.productId))]
  // In id order, as every transaction that locks several products does.
  const products = await db
    .selectFrom('products')
    .where('id', 'in', idsIn(productIds))
    .orderBy('id')
    .select(['id', 'sku', 'on_hand', 'reserved'])
    .execute()
  const available = new Map(products.map((product) => [product.id, product.on_hand - product.reserved]))
  const { reserved, short } = allocate(demands, available)
  const rows = reserved.map((demand) => ({
    order_id: demand.orderId,
    attempt: attempts.get(demand.orderId) ?? 1,
    product_id: demand.productId,
    quantity: demand.quantity,
  }))
  await db
    .insertInto('stock_reservations')
    .columns(['order_id', 'attempt', 'product_id', 'quantity', 'state', 'expires_at'])
    .expression((eb) =>
      eb
        .selectFrom(rowSource('row', packRows(['order_id', 'attempt', 'product_id', 'quantity'], rows)))
        .select(['row.order_id', 'row.attempt', 'row.product_id', 'row.quantity'])
        .select([eb.val('live').as('state'), eb.val(expiresAt).as('expires_at')]),
    )
    .execute()
  await db
    .updateTable('products')
    .from(rowSource('row', packRows(['product_id', 'quantity'], addUpUnits(reserved))))
    .set((eb) => ({ reserved: eb('products.reserved', '+', eb.ref('row.quantity')) }))
    .whereRef('products.id', '=', 'row.product_id')
    .execute()
  const skus = new Map(products.map((product) => [product.id, product.sku]))
  await failShort(db, short, skus, now)
  return new Set(short.map((shortage) => shortage.orderId))
}

/** Units of each product. */
export function addUpUnits(demands: readonly Demand[]): { product_id: ProductId; quantity: number }[] {
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
async function takeLease(
  db: Kysely<Schema>,
  held: readonly DueOrder[],
  token: LeaseToken,
  until: number,
): Promise<void> {
  await db
    .updateTable('orders')
    .set({ status: 'payment_processing', lease_token: token, due_at: until, reason: null, message: null })
    .where('id', 'in', idsIn(held.map((order) => order.id)))
    .execute()
}

async function writeIntents(db: Kysely<Schema>, fresh: readonly DueOrder[], now: number): Promise<void> {
  const rows = fresh.map((order) => ({
    order_id: order.id,
    attempt: order.attempt,
    idempotency_key: idempotencyKey(order.source, order.reference, order.attempt),
    amount: order.total,
    currency: order.currency,
  }))
  await db
    .insertInto('payments')
    .columns(['order_id', 'attempt', 'idempotency_key', 'amount', 'currency', 'status', 'created_at'])
    .expression((eb) =>
      eb
        .selectFrom(rowSource('row', packRows(['order_id', 'attempt', 'idempotency_key', 'amount', 'currency'], rows)))
        .select(['row.order_id', 'row.attempt', 'row.idempotency_key', 'row.amount', 'row.currency'])
        .select([eb.val('pending').as('status'), eb.val(now).as('created_at')]),
    )
    .execute()
}
