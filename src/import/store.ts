// Stores the customers, products, orders and lines of one chunk, in the caller's transaction.
import type { InsertResult, Kysely } from 'kysely'
import { shareNamedLock } from '../database/engine.js'
import { type Columns, packIds, packRows, unpackRows } from '../database/packed-rows.js'
import { isAmong, rowSource, withoutIndex } from '../database/row-source.js'
import type { Schema } from '../database/schema.js'
import type { ImportId, OrderId } from '../domain/ids.js'
import { countPending } from '../workflow/order-counts.js'
import { findArchived } from './archived.js'
import { type Chunk, type LineRow, packLines, packOrders, packPlaces } from './chunk-rows.js'
import type { StoredLine } from './conflicts.js'
import { lastOrderId } from './import-record.js'
import { findRepeated } from './repeated-orders.js'

export interface StoreOptions {
  readonly importId: ImportId
  readonly source: string
  /** Stock of products that the import creates. */
  readonly initialStock: number
  readonly now: number
}

export interface Stored {
  /** Number of new orders. */
  readonly orders: number
  /** Number of new lines, of these orders and of orders from earlier chunks. */
  readonly lines: number
  readonly productsCreated: number
}

/**
 * Adds the chunk's orders, which are not due yet, and their lines. Adds lines to orders of earlier chunks. Sets aside,
 * for the end of the import, lines that belong to an archived order or to one of another import, or that disagree with
 * their order.
 */
export async function storeChunk(db: Kysely<Schema>, chunk: Chunk, options: StoreOptions): Promise<Stored> {
  // While another import deletes its unused names, no chunk may start to use them.
  await shareNamedLock(db, 'turn_names')
  await addCustomers(db, chunk.newCustomers, chunk.newCustomerCount, options)
  const productsCreated = await addProducts(db, chunk, options)
  const lastBefore = await lastOrderId(db)
  const archived = await findArchived(db, chunk, options.source)
  const wanted = withoutOrders(chunk, archived)
  let orders = await addOrders(db, wanted, options)
  const known = orders === chunk.orderCount ? [] : await findKnownOrders(db, chunk, options, lastBefore)
  if (orders + known.length + archived.size < chunk.orderCount) {
    // Another command has removed customers that an earlier chunk brought.
    await addCustomers(db, chunk.customers, undefined, options)
    orders += await addOrders(db, wanted, options)
  }
  const isForeign = known.filter((order) => order.foreign === 1).map(({ reference }) => reference)
  const foreign = new Set([...isForeign, ...archived])
  const continued = known.filter((order) => order.foreign === 0)
  const lines = await addLines(db, await setAside(db, chunk, foreign, options), options)
  if (continued.length > 0) await addUpOrders(db, continued)
  if (chunk.rejectedOrderCount > 0) await markRejectedOrders(db, chunk.rejectedOrders, options)
  const repeated = await findRepeated(db, chunk, continued, options)
  if (repeated.length > 0) await markRejectedOrders(db, packPlaces(repeated), options)
  await countPending(db, options.source, orders)
  return { orders, lines, productsCreated }
}

/**
 * Adds the source's new customers, and renames the known ones. No other import writes customers of this source.
 *
 * @param count their number, if it is known
 */
async function addCustomers(
  db: Kysely<Schema>,
  named: Chunk['customers'],
  count: number | undefined,
  { importId, source }: StoreOptions,
): Promise<void> {
  if (count === 0) return
  const rows = db.selectFrom(rowSource(db, 'row', named))
  const added = rows
    .leftJoin('customers', (join) =>
      join.onRef('customers.customer_id', '=', 'row.customer_id').on('customers.source', '=', source),
    )
    .where('customers.id', 'is', null)
    .select((eb) => [eb.val(source).as('source'), 'row.customer_id', 'row.name', eb.val(importId).as('import_id')])
  const customers = db.insertInto('customers').columns(['source', 'customer_id', 'name', 'import_id'])
  if (countOf(await customers.expression(added).executeTakeFirstOrThrow()) === count) return
  const renamed = await rows
    .crossJoin('customers')
    .whereRef('customers.customer_id', '=', 'row.customer_id')
    .where('customers.source', '=', source)
    .whereRef('customers.name', '!=', 'row.name')
    // A line without a name has the id in its place.
    .whereRef('row.name', '!=', 'row.customer_id')
    .select(['customers.id', 'row.name'])
    .execute()
  if (renamed.length === 0) return
  await db
    .updateTable('customers')
    .from(rowSource(db, 'row', packRows({ id: 'integer', name: 'text' }, renamed)))
    .set((eb) => ({ name: eb.ref('row.name') }))
    .whereRef('customers.id', '=', 'row.id')
    .execute()
}

/** Adds the new products, each with an initial stock adjustment. Returns their number. */
async function addProducts(db: Kysely<Schema>, chunk: Chunk, options: StoreOptions): Promise<number> {
  const { importId, initialStock, now } = options
  const rows = db.selectFrom(rowSource(db, 'row', chunk.products))
  const added = rows
    .leftJoin('products', 'products.sku', 'row.sku')
    .where('products.id', 'is', null)
    .select((eb) => ['row.sku', 'row.name', eb.val(importId).as('import_id'), eb.val(initialStock).as('on_hand')])
  const products = db.insertInto('products').columns(['sku', 'name', 'import_id', 'on_hand']).expression(added)
  const created = countOf(await products.executeTakeFirstOrThrow())
  if (created === 0) return 0
  const adjusted = rows
    .innerJoin('products', 'products.sku', 'row.sku')
    .leftJoin('stock_adjustments', 'stock_adjustments.product_id', 'products.id')
    .where('stock_adjustments.id', 'is', null)
    .select((eb) => ['products.id', 'products.on_hand', eb.val(`created by import ${importId}`).as('reason')])
    .select((eb) => eb.val(now).as('adjusted_at'))
  await db
    .insertInto('stock_adjustments')
    .columns(['product_id', 'delta', 'reason', 'adjusted_at'])
    .expression(adjusted)
    .execute()
  return created
}

const countOf = ({ numInsertedOrUpdatedRows }: InsertResult): number => Number(numInsertedOrUpdatedRows ?? 0)

/** Adds the orders that are not stored yet. Returns their number. */
async function addOrders(
  db: Kysely<Schema>,
  wanted: Chunk['orders'],
  { importId, source }: StoreOptions,
): Promise<number> {
  const added = db
    .selectFrom(rowSource(db, 'row', wanted))
    .innerJoin('customers', (join) =>
      join.onRef('customers.customer_id', '=', 'row.customer_id').on('customers.source', '=', source),
    )
    .leftJoin('orders', (join) => join.on('orders.source', '=', source).onRef('orders.reference', '=', 'row.reference'))
    .where('orders.id', 'is', null)
    .select((eb) => [eb.val(importId).as('import_id'), eb.val(source).as('source'), 'row.reference', 'customers.id'])
    .select(['row.ordered_at', 'row.business_day', 'row.currency', 'row.total'])
  const orders = db
    .insertInto('orders')
    .columns(['import_id', 'source', 'reference', 'customer_id', 'ordered_at', 'business_day', 'currency', 'total'])
  return countOf(await orders.expression(added).executeTakeFirstOrThrow())
}

function withoutOrders({ orders }: Chunk, archived: ReadonlySet<string>): Chunk['orders'] {
  if (archived.size === 0) return orders
  return packOrders(unpackRows(orders).filter(({ reference }) => !archived.has(reference)))
}

async function addLines(db: Kysely<Schema>, lines: Chunk['lines'], { source }: StoreOptions): Promise<number> {
  const added = db
    .selectFrom(rowSource(db, 'row', lines))
    .crossJoin('orders')
    .where('orders.source', '=', source)
    .whereRef('orders.reference', '=', 'row.reference')
    .innerJoin('products', 'products.sku', 'row.sku')
    .select(['orders.id', 'row.line_number', 'products.id as product_id'])
    .select(['row.quantity', 'row.unit_price', 'row.total'])
  const stored = db
    .insertInto('order_lines')
    .columns(['order_id', 'line_number', 'product_id', 'quantity', 'unit_price', 'total'])
  return countOf(await stored.expression(added).executeTakeFirstOrThrow())
}

/**
 * Finds the chunk's orders that were stored before it: ids up to `lastBefore`. `foreign` is 1 if the chunk's lines
 * cannot be added, because the order belongs to another import or differs in customer or currency.
 */
async function findKnownOrders(
  db: Kysely<Schema>,
  chunk: Chunk,
  { importId, source }: StoreOptions,
  lastBefore: OrderId,
): Promise<{ readonly id: OrderId; readonly reference: string; readonly foreign: number }[]> {
  return db
    .selectFrom(rowSource(db, 'row', chunk.orders))
    .crossJoin('orders')
    .where('orders.source', '=', source)
    .whereRef('orders.reference', '=', 'row.reference')
    .where(withoutIndex('orders.id'), '<=', lastBefore)
    .innerJoin('customers', 'customers.id', 'orders.customer_id')
    .select((eb) => {
      const isForeign = eb.or([
        eb('orders.import_id', '!=', importId),
        eb('customers.customer_id', '!=', eb.ref('row.customer_id')),
        eb('orders.currency', '!=', eb.ref('row.currency')),
      ])
      return ['orders.id', 'row.reference', eb.case().when(isForeign).then(1).else(0).end().as('foreign')]
    })
    .execute()
}

/**
 * Recomputes the totals of orders whose lines are in several chunks. Finds them by id: while the table is being filled,
 * the planner's statistics are too poor for a search by reference.
 */
async function addUpOrders(db: Kysely<Schema>, continued: readonly { readonly id: OrderId }[]): Promise<void> {
  await db
    .updateTable('orders')
    .set((eb) => ({
      total: eb
        .selectFrom('order_lines')
        .whereRef('order_lines.order_id', '=', 'orders.id')
        .select((sub) => sub.fn.coalesce(sub.fn.sum<number>('order_lines.total'), sub.lit(0)).as('total')),
    }))
    .where(isAmong(db, 'id', packIds(continued)))
    .execute()
}

const ASIDE_COLUMNS = {
  line_number: 'integer',
  reference: 'text',
  customer_id: 'text',
  customer_name: 'text',
  ordered_at: 'text',
  currency: 'text',
  sku: 'text',
  product_name: 'text',
  quantity: 'integer',
  unit_price: 'integer',
  total: 'integer',
} as const satisfies Columns<StoredLine>

/** Sets aside the lines of foreign orders, to be judged at the end. Returns the remaining lines. */
async function setAside(
  db: Kysely<Schema>,
  chunk: Chunk,
  foreign: ReadonlySet<string>,
  { importId }: StoreOptions,
): Promise<Chunk['lines']> {
  if (foreign.size === 0) return chunk.lines
  const orders = new Map(unpackRows(chunk.orders).map((order) => [order.reference, order]))
  const customers = new Map(unpackRows(chunk.customers).map(({ customer_id, name }) => [customer_id, name]))
  const products = new Map(unpackRows(chunk.products).map(({ sku, name }) => [sku, name]))
  const asides: StoredLine[] = []
  const others: LineRow[] = []
  for (const line of unpackRows(chunk.lines)) {
    const order = foreign.has(line.reference) ? orders.get(line.reference) : undefined
    if (!order) {
      others.push(line)
      continue
    }
    const { customer_id, ordered_at, currency } = order
    const names = { customer_name: customers.get(customer_id) ?? '', product_name: products.get(line.sku) ?? '' }
    // Written out: a spread of both rows would take most of the time for a file that was imported before.
    const { reference, line_number, sku, quantity, unit_price, total } = line
    asides.push({
      reference,
      line_number,
      customer_id,
      ordered_at,
      currency,
      sku,
      quantity,
      unit_price,
      total,
      ...names,
    })
  }
  const rows = db
    .selectFrom(rowSource(db, 'row', packRows(ASIDE_COLUMNS, asides)))
    .selectAll()
    .select((eb) => eb.val(importId).as('import_id'))
  const columns = [...(Object.keys(ASIDE_COLUMNS) as (keyof StoredLine)[]), 'import_id' as const]
  await db.insertInto('import_asides').columns(columns).expression(rows).execute()
  return packLines(others)
}

async function markRejectedOrders(
  db: Kysely<Schema>,
  rejected: Chunk['rejectedOrders'],
  { importId }: StoreOptions,
): Promise<void> {
  const marked = db
    .selectFrom(rowSource(db, 'row', rejected))
    .leftJoin('import_spoiled', (join) =>
      join.on('import_spoiled.import_id', '=', importId).onRef('import_spoiled.reference', '=', 'row.reference'),
    )
    .where('import_spoiled.reference', 'is', null)
    .select((eb) => [eb.val(importId).as('import_id'), 'row.reference', 'row.line_number'])
  await db.insertInto('import_spoiled').columns(['import_id', 'reference', 'line_number']).expression(marked).execute()
}
