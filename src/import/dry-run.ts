// A dry run imports into a scratch database. Before each chunk, it copies the rows that the chunk touches from the real
// database, so its figures equal those of the import. It never writes to the real database.
import type { Kysely } from 'kysely'
import type { Config } from '../config/config.js'
import { openScratchDatabase } from '../database/connection.js'
import { packRows } from '../database/packed-rows.js'
import { rowSource } from '../database/row-source.js'
import type { Schema } from '../database/schema.js'
import { EmbeddedQueue } from '../queue/embedded.js'
import { copyArchived } from './archived.js'
import { type Chunk, packChunk } from './chunk-rows.js'
import { type ImportOptions, type ImportOutcome, importOrders } from './import-orders.js'
import { insertRun, updateRun } from './import-record.js'
import { Rejects } from './rejects.js'
import { storeChunk } from './store.js'

const UNFINISHED = ['reading', 'undoing'] as const

/** @param real undefined if no database exists yet: all orders are new */
export async function dryRun(
  real: Kysely<Schema> | undefined,
  config: Config,
  options: Omit<ImportOptions, 'openRejects' | 'beforeChunk' | 'resume' | 'discard' | 'dry'>,
): Promise<ImportOutcome> {
  const { source } = options
  const scratch = await openScratchDatabase()
  try {
    const earlier = await insertRun(scratch, { source, file: 'stored earlier' })
    await updateRun(scratch, earlier, { status: 'finished', ended_at: 0 })
    const stored = { importId: earlier.id, source, initialStock: 0, now: 0 }
    return await importOrders(
      { db: scratch, queue: new EmbeddedQueue(scratch), config },
      {
        ...options,
        resume: false,
        discard: false,
        dry: true,
        openRejects: () => new Rejects(),
        beforeChunk: async (chunk) => {
          if (!real) return
          await storeChunk(scratch, await copyStored(real, scratch, chunk, source), stored)
          await copyMarks(real, scratch, chunk, source)
          await copyArchived(real, scratch, chunk, { source, importId: earlier.id })
        },
      },
    )
  } finally {
    await scratch.destroy()
  }
}

/** Reads the rows of a chunk from the real database, except orders that the scratch database already has. */
async function copyStored(real: Kysely<Schema>, scratch: Kysely<Schema>, chunk: Chunk, source: string): Promise<Chunk> {
  const wanted = await scratch
    .selectFrom(rowSource(scratch, 'row', chunk.orders))
    .leftJoin('orders', (join) => join.on('orders.source', '=', source).onRef('orders.reference', '=', 'row.reference'))
    .where('orders.id', 'is', null)
    .select('row.reference')
    .execute()
  const stored = real
    .selectFrom(rowSource(real, 'row', packRows({ reference: 'text' }, wanted)))
    .crossJoin('orders')
    .where('orders.source', '=', source)
    .whereRef('orders.reference', '=', 'row.reference')
    .innerJoin('imports', 'imports.id', 'orders.import_id')
    // An interrupted import does not count: it is resumed or undone first.
    .where('imports.status', 'not in', UNFINISHED)
  const orders = await stored
    .innerJoin('customers', 'customers.id', 'orders.customer_id')
    .select(['orders.reference', 'customers.customer_id', 'orders.ordered_at', 'orders.business_day'])
    .select(['orders.currency', 'orders.total'])
    .execute()
  const lines = await stored
    .innerJoin('order_lines as line', 'line.order_id', 'orders.id')
    .innerJoin('products', 'products.id', 'line.product_id')
    .select(['orders.reference', 'line.line_number', 'products.sku', 'line.quantity', 'line.unit_price', 'line.total'])
    .execute()
  const products = await real
    .selectFrom(rowSource(real, 'row', chunk.products))
    .innerJoin('products', 'products.sku', 'row.sku')
    .leftJoin('imports', (join) =>
      join
        .onRef('imports.id', '=', 'products.import_id')
        .on('imports.source', '=', source)
        .on('imports.status', 'in', UNFINISHED),
    )
    .where('imports.id', 'is', null)
    .select('products.sku')
    .execute()
  // Names do not affect the figures.
  const skus = new Set([...products, ...lines].map(({ sku }) => sku))
  const ids = new Set(orders.map(({ customer_id }) => customer_id))
  const customers = [...ids].map((customer_id) => ({ customer_id, name: customer_id }))
  return packChunk({
    customers,
    newCustomers: customers,
    orders,
    lines,
    products: [...skus].map((sku) => ({ sku, name: sku })),
    rejectedOrders: [],
  })
}

/** Only pending orders can be updated, and any customer matches a forgotten one. */
async function copyMarks(real: Kysely<Schema>, scratch: Kysely<Schema>, chunk: Chunk, source: string): Promise<void> {
  const marked = await real
    .selectFrom(rowSource(real, 'row', chunk.orders))
    .crossJoin('orders')
    .where('orders.source', '=', source)
    .whereRef('orders.reference', '=', 'row.reference')
    .innerJoin('customers', 'customers.id', 'orders.customer_id')
    .where(({ eb, or }) => or([eb('orders.status', '!=', 'pending'), eb('customers.forgotten_at', 'is not', null)]))
    .select(['orders.reference', 'orders.status', 'orders.settled_at'])
    .select(['customers.customer_id', 'customers.forgotten_at'])
    .execute()
  if (marked.length === 0) return
  const orderColumns = { reference: 'text', status: 'text', settled_at: 'integer' } as const
  await scratch
    .updateTable('orders')
    .from(rowSource(scratch, 'row', packRows(orderColumns, marked)))
    .set((eb) => ({ status: eb.ref('row.status'), settled_at: eb.ref('row.settled_at') }))
    .whereRef('orders.reference', '=', 'row.reference')
    .where('orders.source', '=', source)
    .execute()
  const customerColumns = { customer_id: 'text', forgotten_at: 'integer' } as const
  await scratch
    .updateTable('customers')
    .from(rowSource(scratch, 'row', packRows(customerColumns, marked)))
    .set((eb) => ({ forgotten_at: eb.ref('row.forgotten_at') }))
    .whereRef('customers.customer_id', '=', 'row.customer_id')
    .where('customers.source', '=', source)
    .execute()
}
