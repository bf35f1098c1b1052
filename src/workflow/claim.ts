// The first transaction of a batch: take orders in hand, reserve their stock, and write down what will be charged before
// the gateway hears of it.
import { randomUUID } from 'node:crypto'
import { type Expression, type Kysely, sql } from 'kysely'
import { Prepared } from '../database/prepared.js'
import { idsIn, packedIdsIn, packRows, rowSource } from '../database/row-source.js'
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
    const items = await itemsOf.all(trx, { ids: idsJson(due) })
    const fresh = due.filter((order) => order.status === 'pending')
    const shortIds = await reserve(trx, fresh, items, { now, expiresAt: now + options.reservationTtlMs })
    const held = due.filter((order) => !shortIds.has(order.id))
    await takeLease.run(trx, { ids: idsJson(held), token, until: now + options.leaseMs })
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
    .select(['customer_id as customerId', 'business_day as day'])
}

const nextDue = new Prepared<{ now: number; limit: number }, DueOrder>((db, value) =>
  dueOrders(db, value('now')).orderBy('due_at').orderBy('id').limit(value('limit')),
)

const dueAmong = new Prepared<{ now: number; ids: string }, DueOrder>((db, value) =>
  dueOrders(db, value('now'))
    .where('id', 'in', packedIdsIn<OrderId>(value('ids')))
    .orderBy('id'),
)

/** What the orders want of each product; a SKU that an order names twice is added up. */
const itemsOf = new Prepared<{ ids: string }, ClaimedItem>((db, value) =>
  db
    .selectFrom('order_lines')
    .where('order_id', 'in', packedIdsIn<OrderId>(value('ids')))
    .groupBy(['order_id', 'product_id'])
    .orderBy('order_id')
    .select(['order_id as orderId', 'product_id as productId'])
    .select((eb) => [eb.fn.sum<number>('quantity').as('quantity'), eb.fn.sum<number>('total').as('revenue')]),
)

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
  const products = await stockOf.all(db, { ids: JSON.stringify(productIds) })
  const available = new Map(products.map((product) => [product.id, product.on_hand - product.reserved]))
  const { reserved, short } = allocate(demands, available)
  const rows = reserved.map((demand) => ({
    order_id: demand.orderId,
    attempt: attempts.get(demand.orderId) ?? 1,
    product_id: demand.productId,
    quantity: demand.quantity,
  }))
  await addReservations.run(db, { rows: packRows(RESERVATION_COLUMNS, rows).json, expiresAt })
  await addReserved.run(db, { units: packRows(UNIT_COLUMNS, addUpUnits(reserved)).json })
  const skus = new Map(products.map((product) => [product.id, product.sku]))
  await failShort(db, short, skus, now)
  return new Set(short.map((shortage) => shortage.orderId))
}

/** In id order, as every transaction that locks several products does. */
const stockOf = new Prepared<{ ids: string }, { id: ProductId; sku: string; on_hand: number; reserved: number }>(
  (db, value) =>
    db
      .selectFrom('products')
      .where('id', 'in', packedIdsIn<ProductId>(value('ids')))
      .orderBy('id')
      .select(['id', 'sku', 'on_hand', 'reserved']),
)

interface ReservationRow {
  readonly order_id: OrderId
  readonly attempt: number
  readonly product_id: ProductId
  readonly quantity: number
}

const RESERVATION_COLUMNS = ['order_id', 'attempt', 'product_id', 'quantity'] as const

const addReservations = new Prepared<{ rows: string; expiresAt: number }>((db, value) =>
  db
    .insertInto('stock_reservations')
    .columns(['order_id', 'attempt', 'product_id', 'quantity', 'state', 'expires_at'])
    .expression((eb) =>
      eb
        .selectFrom(rowSource<ReservationRow, 'row'>('row', { columns: RESERVATION_COLUMNS, json: value('rows') }))
        .select(['row.order_id', 'row.attempt', 'row.product_id', 'row.quantity'])
        .select([eb.val('live').as('state'), sql<number>`${value('expiresAt')}`.as('expires_at')]),
    ),
)

/** Units of one product. */
export interface ProductUnits {
  readonly product_id: ProductId
  readonly quantity: number
}

export const UNIT_COLUMNS = ['product_id', 'quantity'] as const

const addReserved = new Prepared<{ units: string }>((db, value) =>
  db
    .updateTable('products')
    .from(rowSource<ProductUnits, 'row'>('row', { columns: UNIT_COLUMNS, json: value('units') }))
    .set((eb) => ({ reserved: eb('products.reserved', '+', eb.ref('row.quantity')) }))
    .whereRef('products.id', '=', 'row.product_id'),
)

export function addUpUnits(demands: readonly Demand[]): ProductUnits[] {
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

interface IntentRow {
  readonly order_id: OrderId
  readonly attempt: number
  readonly idempotency_key: IdempotencyKey
  readonly amount: number
  readonly currency: Currency
}

const INTENT_COLUMNS = ['order_id', 'attempt', 'idempotency_key', 'amount', 'currency'] as const

async function writeIntents(db: Kysely<Schema>, fresh: readonly DueOrder[], now: number): Promise<void> {
  const rows = fresh.map(
    (order): IntentRow => ({
      order_id: order.id,
      attempt: order.attempt,
      idempotency_key: idempotencyKey(order.source, order.reference, order.attempt),
      amount: order.total,
      currency: order.currency,
    }),
  )
  await addIntents.run(db, { rows: packRows(INTENT_COLUMNS, rows).json, now })
}

const addIntents = new Prepared<{ rows: string; now: number }>((db, value) =>
  db
    .insertInto('payments')
    .columns(['order_id', 'attempt', 'idempotency_key', 'amount', 'currency', 'status', 'created_at'])
    .expression((eb) =>
      eb
        .selectFrom(rowSource<IntentRow, 'row'>('row', { columns: INTENT_COLUMNS, json: value('rows') }))
        .select(['row.order_id', 'row.attempt', 'row.idempotency_key', 'row.amount', 'row.currency'])
        .select([eb.val('pending').as('status'), sql<number>`${value('now')}`.as('created_at')]),
    ),
)

export function idsJson(orders: readonly { readonly id: OrderId }[]): string {
  return JSON.stringify(orders.map((order) => order.id))
}
