// The first transaction of a batch: take orders in hand, reserve their stock, and write down what will be charged before
// the gateway hears of it.

import { randomBytes } from 'node:crypto'
import { type Kysely, type SelectQueryBuilder, sql } from 'kysely'
import { databaseTime, forUpdate, writesAlone } from '../database/engine.js'
import { packIds, packRows } from '../database/packed-rows.js'
import { type Parameter, Prepared } from '../database/prepared.js'
import { besideIds, isAmong, rowSource } from '../database/row-source.js'
import type { Schema } from '../database/schema.js'
import { inTransaction } from '../database/transaction.js'
import { type IdempotencyKey, idempotencyKey, type LeaseToken, type OrderId } from '../domain/ids.js'
import type { Currency } from '../domain/money.js'
import { OPEN_STATUSES, type OrderStatus } from '../domain/order.js'
import { dropStrays, leaveQueue } from '../queue/due-orders.js'
import { setAside, siftClaims } from '../queue/suspects.js'
import type { Item } from './allocate.js'
import { type OutOfStock, reserveStock, shareStock } from './stock.js'

export interface ClaimOptions {
  readonly leaseMs: number
  readonly reservationTtlMs: number
  /** Whether the batch has a thread to itself: then it may claim orders at which workers may have died. */
  readonly alone?: boolean
}

/** An order in hand, with an open payment intent. */
export interface ClaimedOrder {
  readonly id: OrderId
  readonly attempt: number
  readonly key: IdempotencyKey
  readonly currency: Currency
  readonly total: number
  /** What it wants of each product; a SKU that it names twice is added up. */
  readonly items: readonly Item[]
}

export interface Claim {
  /** Proves the claim: only its holder may settle these orders. */
  readonly token: LeaseToken
  /** Orders claimed, those without stock included. */
  readonly count: number
  /** Orders that failed at once: there was no stock for them. */
  readonly failed: number
  readonly orders: readonly ClaimedOrder[]
  /** Due orders that were left, since they have to be claimed alone. */
  readonly suspects: readonly OrderId[]
  /** Orders that were set aside for a person. */
  readonly setAside: number
}

/**
 * Claims orders that are due: new ones, and those whose worker went silent before it settled them. What another worker
 * holds, or has settled, is passed over, so a delivery that comes twice or late changes nothing.
 */
export async function claim(db: Kysely<Schema>, ids: readonly OrderId[], options: ClaimOptions): Promise<Claim> {
  const token = newToken()
  const now = await databaseTime(db)
  // Looked up before the transaction, which keeps every other writer waiting while it lasts.
  const { fit, suspects, worn } = siftClaims(await findDue(db, ids, now), options.alone ?? false)
  if (fit.length + worn.length === 0) return { token, count: 0, failed: 0, orders: [], suspects, setAside: 0 }
  return inTransaction(db, async (trx) => {
    const aside = await stillDue(trx, worn, { now })
    await setAside(trx, aside)
    const mine = await stillDue(trx, fit, { now })
    // Nothing puts a settled order there; but if one were, every drain would come upon it for ever.
    await dropStrays(trx, mine.filter(isSettled))
    const open = mine.filter((order) => !isSettled(order))
    const { served, short } = await shareStock(
      trx,
      open.filter((order) => order.status === 'pending'),
    )
    await failOutOfStock(trx, short, now)
    const orders = [...open.filter((order) => order.status !== 'pending'), ...served]
    await takeLease(trx, orders, token, options.leaseMs)
    const late = await holdStock(trx, served, now, options)
    await failOutOfStock(trx, late, now)
    const missed = new Set(late.map(({ id }) => id))
    const failed = short.length + late.length
    const held = orders.filter(({ id }) => !missed.has(id))
    return { token, count: open.length, failed, orders: held, suspects, setAside: aside.length }
  })
}

function isSettled({ status }: { readonly status: OrderStatus }): boolean {
  return !OPEN_STATUSES.some((open) => open === status)
}

/** Pending orders pass through `reserved` here: their stock is held and their intent is written in this transaction. */
async function takeLease(
  trx: Kysely<Schema>,
  orders: readonly ClaimedOrder[],
  token: LeaseToken,
  leaseMs: number,
): Promise<void> {
  // MySQL reads small tables whole, so even a statement about no order would wait for those of others.
  if (orders.length === 0) return
  const ids = packIds(orders)
  await lease.run(trx, { ids, token, until: (await databaseTime(trx)) + leaseMs })
  await markProcessing.run(trx, { ids })
}

/** Writes the intents and reserves. Returns the orders that go without, since others were quicker. */
async function holdStock(
  trx: Kysely<Schema>,
  orders: readonly ClaimedOrder[],
  now: number,
  { reservationTtlMs }: ClaimOptions,
): Promise<readonly OutOfStock[]> {
  if (orders.length === 0) return []
  await addIntents.run(trx, { ids: packIds(orders), now })
  // Last, since others wait for the same few products.
  const late = await reserveStock(trx, orders, now + reservationTtlMs)
  await dropIntents(trx, late, now)
  return late
}

/** Short, since every order in hand carries it: 72 random bits. */
function newToken(): LeaseToken {
  return randomBytes(9).toString('base64url') as string as LeaseToken
}

/** Puts the end of the lease off, for charges that take long. Orders that were lost meanwhile stay lost. */
export async function renewLease(db: Kysely<Schema>, claimed: Claim, leaseMs: number): Promise<void> {
  await db
    .updateTable('due_orders')
    .set({ due_at: (await databaseTime(db)) + leaseMs })
    .where(isAmong(db, 'order_id', packIds(claimed.orders)))
    .where('lease_token', '=', claimed.token)
    .execute()
}

/** An order as it was looked up. */
interface DueOrder extends ClaimedOrder {
  readonly status: OrderStatus
  /** Claims that came to nothing. */
  readonly claims: number
}

/** In id order, as stock is given. */
async function findDue(db: Kysely<Schema>, ids: readonly OrderId[], now: number): Promise<DueOrder[]> {
  const orders = await dueAmong.all(db, { now, ids: JSON.stringify(ids) })
  const itemsOf = new Map<OrderId, Item[]>(orders.map((order) => [order.id, []]))
  for (const { orderId, ...item } of await itemsAmong.all(db, { ids: packIds(orders) }))
    itemsOf.get(orderId)?.push(item)
  return orders.map(({ id, status, claims, attempt, source, reference, currency, total }) => ({
    id,
    status,
    claims,
    attempt,
    key: idempotencyKey(source, reference, attempt),
    currency,
    total,
    items: itemsOf.get(id) ?? [],
  }))
}

interface DueRow extends Omit<DueOrder, 'key' | 'items'> {
  readonly source: string
  readonly reference: string
}

const dueAmong = new Prepared<{ now: number; ids: string }, DueRow>((db, value) =>
  dueOrders(db, value)
    .innerJoin('orders', 'orders.id', 'due_orders.order_id')
    .orderBy('orders.id')
    .select(['orders.id', 'orders.status', 'orders.attempt', 'orders.source', 'orders.reference'])
    .select(['orders.currency', 'orders.total', 'due_orders.claims']),
)

function dueOrders(db: Kysely<Schema>, value: Parameter<{ now: number; ids: string }>) {
  return db
    .selectFrom('due_orders')
    .where(isAmong(db, 'due_orders.order_id', value('ids')))
    .where(besideIds('due_orders.due_at'), '<', value('now'))
}

const itemsAmong = new Prepared<{ ids: string }, Item & { readonly orderId: OrderId }>((db, value) =>
  db
    .selectFrom('order_lines')
    .where(isAmong(db, 'order_id', value('ids')))
    .groupBy(['order_id', 'product_id'])
    .select(['order_id as orderId', 'product_id as productId'])
    .select((eb) => eb.fn.sum<number>('quantity').as('quantity')),
)

/**
 * Those that nobody has touched since they were looked up at `now`, and that nobody else has in hand just now. For whoever
 * claims, postpones or retries an order sets its due_at at or after that moment, and what else was read of it never changes.
 */
const stillDue = among<{ now: number }>(dueOrders, 'skip')

/** Those that the lease is on. */
export const heldUnder = among<{ token: LeaseToken }>(
  (db, value) =>
    db
      .selectFrom('due_orders')
      .where(isAmong(db, 'order_id', value('ids')))
      .where('lease_token', '=', value('token')),
  'wait',
)

/**
 * Makes a query over the orders with given ids a function that picks those that it finds, and locks them.
 *
 * @param others what to do about orders that somebody else has locked
 */
function among<Values extends object>(
  query: (
    db: Kysely<Schema>,
    value: Parameter<Values & { ids: string }>,
  ) => SelectQueryBuilder<Schema, 'due_orders', object>,
  others: 'wait' | 'skip',
) {
  const count = new Prepared<Values & { ids: string }, { count: number }>((db, value) =>
    query(db, value).select((eb) => eb.fn.countAll<number>().as('count')),
  )
  const select = new Prepared<Values & { ids: string }, { id: OrderId }>((db, value) =>
    forUpdate(db, query(db, value).select('order_id as id').orderBy('order_id'), others),
  )
  return async <Order extends { readonly id: OrderId }>(
    db: Kysely<Schema>,
    orders: readonly Order[],
    values: Values,
  ): Promise<readonly Order[]> => {
    if (orders.length === 0) return orders
    const all = { ...values, ids: packIds(orders) }
    if (writesAlone(db)) {
      // Nearly always it is all of them, and a count is had for a third of the price.
      const [row] = await count.all(db, all)
      if (row?.count === orders.length) return orders
    }
    const found = new Set((await select.all(db, all)).map((order) => order.id))
    return orders.filter((order) => found.has(order.id))
  }
}

async function dropIntents(db: Kysely<Schema>, orders: readonly OutOfStock[], now: number): Promise<void> {
  if (orders.length === 0) return
  await db
    .deleteFrom('payments')
    .where(isAmong(db, 'order_id', packIds(orders)))
    .where('created_at', '=', now)
    .where('status', '=', 'pending')
    .execute()
}

async function failOutOfStock(db: Kysely<Schema>, orders: readonly OutOfStock[], now: number): Promise<void> {
  if (orders.length === 0) return
  await db
    .updateTable('orders')
    .from(rowSource(db, 'row', packRows({ id: 'integer', message: 'long text' }, orders)))
    .set((eb) => ({
      status: 'failed',
      reason: 'out_of_stock',
      message: eb.ref('row.message'),
      settled_at: now,
    }))
    .whereRef('orders.id', '=', 'row.id')
    .execute()
  await leaveQueue(db, orders)
}

const lease = new Prepared<{ ids: string; token: LeaseToken; until: number }>((db, value) =>
  db
    .updateTable('due_orders')
    .set((eb) => ({ lease_token: value('token'), due_at: value('until'), claims: eb('claims', '+', sql.lit(1)) }))
    .where(isAmong(db, 'order_id', value('ids'))),
)

const markProcessing = new Prepared<{ ids: string }>((db, value) =>
  db
    .updateTable('orders')
    .set({ status: 'payment_processing', reason: null, message: null })
    .where(isAmong(db, 'id', value('ids'))),
)

/** Each with the key that idempotencyKey() gives. */
const addIntents = new Prepared<{ ids: string; now: number }>((db, value) =>
  db
    .insertInto('payments')
    .columns(['order_id', 'attempt', 'idempotency_key', 'amount', 'currency', 'status', 'created_at'])
    .expression((eb) =>
      eb
        .selectFrom('orders')
        .where(isAmong(db, 'id', value('ids')))
        .select(['id', 'attempt', sql<IdempotencyKey>`source || ':' || reference || ':' || attempt`.as('key')])
        .select(['total', 'currency', eb.val('pending').as('status'), sql<number>`${value('now')}`.as('created_at')]),
    ),
)
