// Claims the orders of a batch in its first transaction: takes the lease, reserves their stock, and stores payment
// intents before the gateway is asked.
import { type Expression, type Kysely, sql } from 'kysely'
import { ofCurrentAttempt } from '../database/current-attempt.js'
import { databaseTime } from '../database/engine.js'
import { packIds, packRows } from '../database/packed-rows.js'
import { Prepared } from '../database/prepared.js'
import { isAmong, rowSource } from '../database/row-source.js'
import type { Schema } from '../database/schema.js'
import { settlementTime } from '../database/settlement-time.js'
import { readShop } from '../database/shop.js'
import { inTransaction } from '../database/transaction.js'
import { type IdempotencyKey, idempotencyKey, type OrderId, type ShopId } from '../domain/ids.js'
import type { Currency } from '../domain/money.js'
import { OPEN_STATUSES, type OrderStatus } from '../domain/order.js'
import { recordEvents } from '../notify/events.js'
import { dropUnclaimable, removeFromQueue } from '../queue/due-orders.js'
import { setAside, splitByLostClaims } from '../queue/suspects.js'
import { dueOrders, newToken, stillDue, takeLease } from './lease.js'
import { takeMarks } from './never-asked.js'
import { CountChanges } from './order-counts.js'
import { allocateStock, type Item, type OutOfStock, reserveStock } from './stock.js'

export interface ClaimOptions {
  readonly leaseMs: number
  readonly reservationTtlMs: number
  /** Whether the batch has a thread to itself, and so may claim suspects. */
  readonly alone?: boolean
}

/** An order in progress, with an open payment intent. */
export interface ClaimedOrder {
  readonly id: OrderId
  readonly attempt: number
  readonly key: IdempotencyKey
  readonly source: string
  readonly currency: Currency
  readonly total: number
  /** Units of each product; lines with the same SKU are added up. */
  readonly items: readonly Item[]
}

/**
 * Claims due orders: new ones, and those whose lease has ended. Skips orders that another worker holds or has settled,
 * so a delivery that comes twice or late changes nothing.
 *
 * @returns the `orders` now in progress under the `token`, and when their lease was taken (`since`, by
 * `performance.now()`); the `count` of claimed orders, how many of them `failed`, being out of stock; the `suspects`,
 * due orders to claim alone; how many were `setAside`; and the orders that an earlier worker may have `askedBefore`
 */
export async function claim(db: Kysely<Schema>, ids: readonly OrderId[], options: ClaimOptions) {
  const token = newToken()
  const now = await databaseTime(db)
  // Read before the transaction, which blocks all other writers of a file.
  const { claimable, suspects, poison } = splitByLostClaims(await findDue(db, ids, now), options.alone ?? false)
  const none = { since: 0, orders: [], count: 0, failed: 0, setAside: 0, askedBefore: new Set<OrderId>() }
  if (claimable.length + poison.length === 0) return { token, suspects, ...none }
  return inTransaction(db, async (trx) => {
    const aside = await stillDue(trx, poison)
    await setAside(trx, aside)
    await recordEvents(trx, aside, 'needs_review')
    const mine = await stillDue(trx, claimable)
    const isOpen = ({ status }: DueOrder) => OPEN_STATUSES.some((open) => open === status)
    // No code path puts a settled order into the queue. If one got there, every drain would find it again.
    const settled = mine.filter((order) => !isOpen(order))
    await dropUnclaimable(trx, settled)
    const open = mine.filter(isOpen)
    const pending = open.filter(({ status }) => status === 'pending')
    // Read before products are locked, although only orders out of stock use it.
    const settledAt = await settlementTime(trx)
    const { served, short } = await allocateStock(trx, pending)
    await failOutOfStock(trx, short, settledAt)
    const again = open.filter(({ status }) => status !== 'pending')
    const orders = [...again, ...served]
    // Not before: the transaction may have waited for another writer.
    const since = performance.now()
    // MySQL scans small tables in full, so even a statement that matches no order would wait for the locks of others.
    if (orders.length > 0) {
      await takeLease(trx, { token, orders, leaseMs: options.leaseMs })
      await markProcessing.run(trx, { ids: packIds(orders) })
    }
    const askedBefore = await takeMarks(trx, again)
    const late = await reserve(trx, served, now, options)
    await failOutOfStock(trx, late, settledAt)
    const missed = new Set([...short, ...late].map(({ id }) => id))
    const claimed = orders.filter(({ id }) => !missed.has(id))
    const changes = new CountChanges()
    for (const status of ['pending', 'reserved'] as const) {
      const started = claimed.filter((order) => order.status === status)
      changes.move(started, { status }, { status: 'payment_processing' })
    }
    const unserved = pending.filter(({ id }) => missed.has(id))
    changes.move(unserved, { status: 'pending' }, { status: 'failed', reason: 'out_of_stock', settledAt })
    await changes.store(trx)
    return {
      token,
      since,
      count: open.length,
      failed: short.length + late.length,
      orders: claimed,
      suspects,
      setAside: aside.length,
      askedBefore,
    }
  })
}

/** Stores payment intents and reserves stock. Returns the orders that get no stock because others reserved it first. */
async function reserve(
  trx: Kysely<Schema>,
  orders: readonly DueOrder[],
  now: number,
  { reservationTtlMs }: ClaimOptions,
): Promise<readonly OutOfStock[]> {
  const [first] = orders
  if (!first) return []
  await addIntents.run(trx, { ids: packIds(orders), shop: first.shop, now })
  // Reserves last, since other transactions wait for the same few products.
  const late = await reserveStock(trx, orders, now + reservationTtlMs)
  if (late.length > 0) {
    await trx
      .deleteFrom('payments')
      .where(isAmong(trx, 'order_id', packIds(late)))
      .where('created_at', '=', now)
      .where('status', '=', 'pending')
      .execute()
  }
  return late
}

async function failOutOfStock(trx: Kysely<Schema>, orders: readonly OutOfStock[], settledAt: number): Promise<void> {
  if (orders.length === 0) return
  await trx
    .updateTable('orders')
    .from(rowSource(trx, 'row', packRows({ id: 'integer', message: 'long text' }, orders)))
    .set((eb) => ({ status: 'failed', reason: 'out_of_stock', message: eb.ref('row.message'), settled_at: settledAt }))
    .whereRef('orders.id', '=', 'row.id')
    .execute()
  await removeFromQueue(trx, orders)
  await recordEvents(trx, orders, 'failed')
}

interface DueOrder extends ClaimedOrder {
  readonly status: OrderStatus
  readonly dueAt: number
  /** Lost claims. */
  readonly claims: number
  /** The identity of the database, the same for all orders of a batch. */
  readonly shop: ShopId
}

/**
 * Finds due orders in id order, which is the order of allocation. Builds new objects field by field: objects of the
 * driver, and their copies, are slow to read, and made a batch take a fifth longer.
 */
async function findDue(db: Kysely<Schema>, ids: readonly OrderId[], now: number): Promise<DueOrder[]> {
  const orders = await dueAmong.all(db, { now, ids: JSON.stringify(ids) })
  if (orders.length === 0) return []
  const inProgress = orders.filter(({ status }) => status !== 'pending')
  // The identity is read for each batch, since a running worker must follow `migrate --new-shop`.
  const [items, keyOf, shop] = await Promise.all([
    itemsAmong.all(db, { ids: packIds(orders) }),
    storedKeys(db, inProgress),
    readShop(db),
  ])
  const itemsOf = new Map<OrderId, Item[]>(orders.map(({ id }) => [id, []]))
  for (const { orderId, productId, quantity } of items) itemsOf.get(orderId)?.push({ productId, quantity })
  return orders.map(({ id, status, dueAt, claims, attempt, source, reference, currency, total }) => {
    const key = keyOf.get(id) ?? idempotencyKey(shop, source, reference, attempt)
    return { id, status, dueAt, claims, attempt, shop, key, source, currency, total, items: itemsOf.get(id) ?? [] }
  })
}

/** Reads the keys of open intents. The shop may have had another identity when they were stored. */
async function storedKeys(db: Kysely<Schema>, inProgress: readonly { readonly id: OrderId }[]) {
  const intents = inProgress.length > 0 ? await intentsAmong.all(db, { ids: packIds(inProgress) }) : []
  return new Map(intents.map(({ id, key }) => [id, key]))
}

type DueRow = Omit<DueOrder, 'shop' | 'key' | 'items'> & { readonly reference: string }

const dueAmong = new Prepared<{ now: number; ids: string }, DueRow>((db, value) =>
  dueOrders(db, value)
    .innerJoin('orders', 'orders.id', 'due_orders.order_id')
    .orderBy('orders.id')
    .select(['orders.id', 'orders.status', 'orders.attempt', 'orders.source', 'orders.reference'])
    .select(['orders.currency', 'orders.total', 'due_orders.claims', 'due_orders.due_at as dueAt']),
)

const intentsAmong = new Prepared<{ ids: string }, { readonly id: OrderId; readonly key: IdempotencyKey }>(
  (db, value) =>
    db
      .selectFrom('orders')
      .innerJoin('payments', ofCurrentAttempt)
      .where(isAmong(db, 'orders.id', value('ids')))
      .select(['orders.id', 'payments.idempotency_key as key']),
)

const itemsAmong = new Prepared<{ ids: string }, Item & { readonly orderId: OrderId }>((db, value) =>
  db
    .selectFrom('order_lines')
    .where(isAmong(db, 'order_id', value('ids')))
    .groupBy(['order_id', 'product_id'])
    .select(['order_id as orderId', 'product_id as productId'])
    .select((eb) => eb.fn.sum<number>('quantity').as('quantity')),
)

const markProcessing = new Prepared<{ ids: string }>((db, value) =>
  db
    .updateTable('orders')
    .set({ status: 'payment_processing', reason: null, message: null })
    .where(isAmong(db, 'id', value('ids'))),
)

function keyOf(shop: Expression<ShopId>) {
  return sql<IdempotencyKey>`${shop} || ':' || source || ':' || reference || ':' || attempt`
}

/** Stores payment intents. The keys equal those of idempotencyKey(). */
const addIntents = new Prepared<{ ids: string; shop: ShopId; now: number }>((db, value) =>
  db
    .insertInto('payments')
    .columns(['order_id', 'attempt', 'idempotency_key', 'amount', 'currency', 'status', 'created_at'])
    .expression((eb) =>
      eb
        .selectFrom('orders')
        .where(isAmong(db, 'id', value('ids')))
        .select(['id', 'attempt', keyOf(value('shop')).as('key')])
        .select(['total', 'currency', eb.val('pending').as('status'), sql<number>`${value('now')}`.as('created_at')]),
    ),
)
