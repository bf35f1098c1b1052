// Stores one chunk: customers, products, orders and lines, in the transaction of its caller.
import { shareTurn } from '../database/engine.js'
import type { Kysely } from '../database/kysely.js'
import { type Columns, packRows, unpackRows } from '../database/packed-rows.js'
import { rowSource } from '../database/row-source.js'
import type { ImportAsidesTable, Schema } from '../database/schema.js'
import type { ImportId, OrderId } from '../domain/ids.js'
import { type Chunk, type LineRow, packLines } from './chunk-rows.js'
import { lastOrderId } from './runs.js'

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
  const orders = await addOrders(db, chunk, options)
  const allNew = orders === chunk.orderCount
  const lines = await addLines(db, allNew ? chunk.lines : await setAside(db, chunk, options), options.source)
  if (!allNew) await addUpOrders(db, chunk, options, lastBefore)
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

async function addOrders(db: Kysely<Schema>, chunk: Chunk, { importId, source }: StoreOptions): Promise<number> {
  const rows = rowSource(db, 'row', chunk.orders)
  const added = await db
    .insertInto('orders')
    .columns(['import_id', 'source', 'reference', 'customer_id', 'ordered_at', 'business_day', 'currency', 'total'])
    .expression((eb) =>
      eb
        .selectFrom(rows)
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

/** For orders whose lines stand in several chunks: their total is that of all lines stored so far. */
/** @param last only orders up to this one, which were there before the chunk, have a total to be mended */
async function addUpOrders(
  db: Kysely<Schema>,
  chunk: Chunk,
  { importId, source }: StoreOptions,
  last: OrderId,
): Promise<void> {
  const rows = rowSource(db, 'row', chunk.orders)
  await db
    .updateTable('orders')
    .set((eb) => ({
      total: eb
        .selectFrom('order_lines')
        .whereRef('order_lines.order_id', '=', 'orders.id')
        .select((sub) => sub.fn.coalesce(sub.fn.sum<number>('order_lines.total'), sub.lit(0)).as('total')),
    }))
    .where('import_id', '=', importId)
    .where('id', '<=', last)
    .where('source', '=', source)
    .where('reference', 'in', (eb) => eb.selectFrom(rows).select('row.reference'))
    .execute()
}

/**
 * Keeps the lines out that cannot simply be stored, for the end to judge: their order is from an earlier import, or it
 * began, in an earlier chunk, with another customer, currency or date.
 *
 * @returns the lines that remain
 */
async function setAside(db: Kysely<Schema>, chunk: Chunk, options: StoreOptions): Promise<Chunk['lines']> {
  const foreign = await findForeignOrders(db, chunk, options)
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

async function findForeignOrders(
  db: Kysely<Schema>,
  chunk: Chunk,
  { importId, source }: StoreOptions,
): Promise<ReadonlySet<string>> {
  const rows = rowSource(db, 'row', chunk.orders)
  const foreign = await db
    .selectFrom(rows)
    .crossJoin('orders')
    .where('orders.source', '=', source)
    .whereRef('orders.reference', '=', 'row.reference')
    .innerJoin('customers', 'customers.id', 'orders.customer_id')
    .where((eb) =>
      eb.or([
        eb('orders.import_id', '!=', importId),
        eb('customers.customer_id', '!=', eb.ref('row.customer_id')),
        eb('orders.currency', '!=', eb.ref('row.currency')),
        eb('orders.ordered_at', '!=', eb.ref('row.ordered_at')),
      ]),
    )
    .select('row.reference')
    .execute()
  return new Set(foreign.map(({ reference }) => reference))
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
