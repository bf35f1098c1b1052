// Stores one chunk: customers, products, orders and lines, in the transaction of its caller.

import type { Kysely } from 'kysely'
import { shareTurn } from '../database/engine.js'
import { type Columns, packIds, packRows, unpackRows } from '../database/packed-rows.js'
import { besideIds, isAmong, rowSource } from '../database/row-source.js'
import type { ImportAsidesTable, Schema } from '../database/schema.js'
import type { ImportId, OrderId } from '../domain/ids.js'
import { type Chunk, type LineRow, packLines } from './chunk-rows.js'
import { lastOrderId } from './import-record.js'

export interface StoreOptions {
  readonly importId: ImportId
  readonly source: string
  /** Stock of a product that the import creates. */
  readonly initialStock: number
  readonly now: number
}

export interface Stored {
  /** New orders. */
  readonly orders: number
  /** Lines of these, and of orders that this import began before. */
  readonly lines: number
  readonly productsCreated: number
}

/**
 * Adds the chunk's orders, held back from workers (not in `due_orders`), and its lines to orders that this import began before.
 * Lines of orders from earlier imports, and lines that disagree with their order, are set aside for the end.
 */
export async function storeChunk(db: Kysely<Schema>, chunk: Chunk, options: StoreOptions): Promise<Stored> {
  // While another import removes the names that it alone brought, nobody may begin to use them.
  await shareTurn(db, 'turn_names')
  await addCustomers(db, chunk, options)
  const productsCreated = await addProducts(db, chunk, options)
  const lastBefore = await lastOrderId(db)
  const orders = await addOrders(db, chunk.orders, options)
  const known = orders === chunk.orderCount ? [] : await findKnownOrders(db, chunk, options, lastBefore)
  const lines = await addLines(db, await setAside(db, chunk, known, options), options.source)
  await addUpOrders(db, known)
  if (chunk.spoiledCount > 0) await markSpoiled(db, chunk, options)
  return { orders, lines, productsCreated }
}

async function addCustomers(db: Kysely<Schema>, chunk: Chunk, { importId }: StoreOptions): Promise<void> {
  await db
    .insertInto('customers')
    .columns(['customer_id', 'name', 'import_id'])
    .expression((eb) =>
      eb
        .selectFrom(rowSource(db, 'row', chunk.customers))
        .leftJoin('customers', 'customers.customer_id', 'row.customer_id')
        .where('customers.id', 'is', null)
        .select(['row.customer_id', 'row.name', eb.val(importId).as('import_id')]),
    )
    .execute()
}

async function addProducts(db: Kysely<Schema>, chunk: Chunk, options: StoreOptions): Promise<number> {
  const rows = rowSource(db, 'row', chunk.products)
  const added = await db
    .insertInto('products')
    .columns(['sku', 'name', 'import_id', 'on_hand'])
    .expression((eb) =>
      eb
        .selectFrom(rows)
        .leftJoin('products', 'products.sku', 'row.sku')
        .where('products.id', 'is', null)
        .select([
          'row.sku',
          'row.name',
          eb.val(options.importId).as('import_id'),
          eb.val(options.initialStock).as('on_hand'),
        ]),
    )
    .executeTakeFirst()
  const created = Number(added.numInsertedOrUpdatedRows ?? 0n)
  if (created > 0) {
    await db
      .insertInto('stock_adjustments')
      .columns(['product_id', 'delta', 'reason', 'adjusted_at'])
      .expression((eb) =>
        eb
          .selectFrom(rows)
          .innerJoin('products', 'products.sku', 'row.sku')
          .leftJoin('stock_adjustments', 'stock_adjustments.product_id', 'products.id')
          .where('stock_adjustments.id', 'is', null)
          .select([
            'products.id',
            'products.on_hand',
            eb.val(`created by import ${options.importId}`).as('reason'),
            eb.val(options.now).as('adjusted_at'),
          ]),
      )
      .execute()
  }
  return created
}

/** Those of the orders that are not stored yet. Returns how many. */
async function addOrders(
  db: Kysely<Schema>,
  orders: Chunk['orders'],
  { importId, source }: StoreOptions,
): Promise<number> {
  const added = await db
    .insertInto('orders')
    .columns(['import_id', 'source', 'reference', 'customer_id', 'ordered_at', 'business_day', 'currency', 'total'])
    .expression((eb) =>
      eb
        .selectFrom(rowSource(db, 'row', orders))
        .innerJoin('customers', 'customers.customer_id', 'row.customer_id')
        .leftJoin('orders', (join) =>
          join.on('orders.source', '=', source).onRef('orders.reference', '=', 'row.reference'),
        )
        .where('orders.id', 'is', null)
        .select([
          eb.val(importId).as('import_id'),
          eb.val(source).as('source'),
          'row.reference',
          'customers.id',
          'row.ordered_at',
          'row.business_day',
          'row.currency',
          'row.total',
        ]),
    )
    .executeTakeFirst()
  return Number(added.numInsertedOrUpdatedRows ?? 0n)
}

async function addLines(db: Kysely<Schema>, lines: Chunk['lines'], source: string): Promise<number> {
  const rows = rowSource(db, 'row', lines)
  const added = await db
    .insertInto('order_lines')
    .columns(['order_id', 'line_number', 'product_id', 'quantity', 'unit_price', 'total'])
    .expression((eb) =>
      eb
        .selectFrom(rows)
        .crossJoin('orders')
        .where('orders.source', '=', source)
        .whereRef('orders.reference', '=', 'row.reference')
        .innerJoin('products', 'products.sku', 'row.sku')
        .select(['orders.id', 'row.line_number', 'products.id as product_id'])
        .select(['row.quantity', 'row.unit_price', 'row.total']),
    )
    .executeTakeFirst()
  return Number(added.numInsertedOrUpdatedRows ?? 0n)
}

interface KnownOrder {
  readonly id: OrderId
  readonly reference: string
  /** 1 where lines of the chunk cannot simply be added to it: it is another import's, or has another header. */
  readonly foreign: number
}

/** The orders of the chunk that were stored before it: up to the last one that there was. */
async function findKnownOrders(
  db: Kysely<Schema>,
  chunk: Chunk,
  { importId, source }: StoreOptions,
  lastBefore: OrderId,
): Promise<KnownOrder[]> {
  return db
    .selectFrom(rowSource(db, 'row', chunk.orders))
    .crossJoin('orders')
    .where('orders.source', '=', source)
    .whereRef('orders.reference', '=', 'row.reference')
    .where(besideIds('orders.id'), '<=', lastBefore)
    .innerJoin('customers', 'customers.id', 'orders.customer_id')
    .select((eb) => [
      'orders.id',
      'row.reference',
      eb
        .case()
        .when(
          eb.or([
            eb('orders.import_id', '!=', importId),
            eb('customers.customer_id', '!=', eb.ref('row.customer_id')),
            eb('orders.currency', '!=', eb.ref('row.currency')),
            eb('orders.ordered_at', '!=', eb.ref('row.ordered_at')),
          ]),
        )
        .then(eb.lit(1))
        .else(eb.lit(0))
        .end()
        .as('foreign'),
    ])
    .execute()
}

/**
 * Of orders whose lines stand in several chunks, the total is that of all lines stored so far. They are named by their ids:
 * what a planner knows of a table that is just being filled does not tell it to look them up by their references.
 */
async function addUpOrders(db: Kysely<Schema>, known: readonly KnownOrder[]): Promise<void> {
  const begun = known.filter((order) => order.foreign === 0)
  if (begun.length === 0) return
  await db
    .updateTable('orders')
    .set((eb) => ({
      total: eb
        .selectFrom('order_lines')
        .whereRef('order_lines.order_id', '=', 'orders.id')
        .select((sub) => sub.fn.coalesce(sub.fn.sum<number>('order_lines.total'), sub.lit(0)).as('total')),
    }))
    .where(isAmong(db, 'id', packIds(begun)))
    .execute()
}

/**
 * Keeps the lines out that cannot simply be stored, for the end to judge: their order is from an earlier import, or it
 * began, in an earlier chunk, with another customer, currency or date.
 *
 * @returns the lines that remain
 */
async function setAside(
  db: Kysely<Schema>,
  chunk: Chunk,
  known: readonly KnownOrder[],
  options: StoreOptions,
): Promise<Chunk['lines']> {
  const foreign = new Set(known.filter((order) => order.foreign === 1).map(({ reference }) => reference))
  if (foreign.size === 0) return chunk.lines
  const orders = new Map(unpackRows(chunk.orders).map((order) => [order.reference, order]))
  const customers = new Map(unpackRows(chunk.customers).map(({ customer_id, name }) => [customer_id, name]))
  const products = new Map(unpackRows(chunk.products).map(({ sku, name }) => [sku, name]))
  const asides: AsideRow[] = []
  const remaining: LineRow[] = []
  for (const line of unpackRows(chunk.lines)) {
    const order = foreign.has(line.reference) ? orders.get(line.reference) : undefined
    if (!order) {
      remaining.push(line)
      continue
    }
    asides.push({
      line_number: line.line_number,
      reference: line.reference,
      customer_id: order.customer_id,
      customer_name: customers.get(order.customer_id) ?? order.customer_id,
      ordered_at: order.ordered_at,
      currency: order.currency,
      sku: line.sku,
      product_name: products.get(line.sku) ?? line.sku,
      quantity: line.quantity,
      unit_price: line.unit_price,
    })
  }
  await addAsides(db, asides, options.importId)
  return packLines(remaining)
}

type AsideRow = Omit<ImportAsidesTable, 'import_id'>

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
} as const satisfies Columns<AsideRow>

const ASIDE_NAMES = Object.keys(ASIDE_COLUMNS) as (keyof AsideRow)[]

async function addAsides(db: Kysely<Schema>, asides: readonly AsideRow[], importId: ImportId): Promise<void> {
  await db
    .insertInto('import_asides')
    .columns([...ASIDE_NAMES, 'import_id'])
    .expression((eb) =>
      eb
        .selectFrom(rowSource(db, 'row', packRows(ASIDE_COLUMNS, asides)))
        .select(ASIDE_NAMES.map((column) => `row.${column}` as const))
        .select(eb.val(importId).as('import_id')),
    )
    .execute()
}

async function markSpoiled(db: Kysely<Schema>, chunk: Chunk, { importId }: StoreOptions): Promise<void> {
  const rows = rowSource(db, 'row', chunk.spoiled)
  await db
    .insertInto('import_spoiled')
    .columns(['import_id', 'reference', 'line_number'])
    .expression((eb) =>
      eb
        .selectFrom(rows)
        .leftJoin('import_spoiled', (join) =>
          join.on('import_spoiled.import_id', '=', importId).onRef('import_spoiled.reference', '=', 'row.reference'),
        )
        .where('import_spoiled.reference', 'is', null)
        .select([eb.val(importId).as('import_id'), 'row.reference', 'row.line_number']),
    )
    .execute()
}
