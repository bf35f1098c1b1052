// A dry run is the import itself, into a scratch database. Before each chunk it copies from the real database what the chunk
// touches, so its figures are those of the import. The real database is only read.

import type { Kysely } from 'kysely'
import type { Config } from '../config/config.js'
import { openScratchDatabase } from '../database/connection.js'
import { packRows } from '../database/packed-rows.js'
import { rowSource } from '../database/row-source.js'
import type { Schema } from '../database/schema.js'
import { EmbeddedQueue } from '../queue/embedded.js'
import { type Chunk, type LineRow, type OrderRow, type ProductRow, packChunk } from './chunk-rows.js'
import { type ImportOptions, type ImportOutcome, importOrders } from './import-orders.js'
import { insertRun, updateRun } from './import-record.js'
import { Rejects } from './rejects.js'
import { type StoreOptions, storeChunk } from './store.js'

/**
 * @param real undefined if there is no database yet: everything is new
 */
export async function dryRun(
  real: Kysely<Schema> | undefined,
  config: Config,
  options: Omit<ImportOptions, 'openRejects' | 'beforeChunk' | 'resume'>,
): Promise<ImportOutcome> {
  const scratch = await openScratchDatabase()
  try {
    const mirror = await openMirror(real, scratch, options.source)
    return await importOrders(
      { db: scratch, queue: new EmbeddedQueue(scratch), config },
      {
        ...options,
        resume: false,
        openRejects: () => new Rejects(),
        beforeChunk: ({ chunk }) => mirror(chunk),
      },
    )
  } finally {
    await scratch.destroy()
  }
}

/** Copies the real database's part of a chunk into the scratch one, as if an earlier import had stored it there. */
type Mirror = (chunk: Chunk) => Promise<void>

async function openMirror(real: Kysely<Schema> | undefined, scratch: Kysely<Schema>, source: string): Promise<Mirror> {
  if (!real) return async () => {}
  const earlier = await insertRun(scratch, { source, file: 'stored earlier' })
  await updateRun(scratch, earlier, { status: 'finished', ended_at: 0 })
  const options: StoreOptions = { importId: earlier.id, source, initialStock: 0, now: 0 }
  return async (chunk) => {
    const wanted = await unmirrored(scratch, chunk, source)
    await storeChunk(scratch, await copyStored(real, chunk, wanted, source), options)
  }
}

/** The chunk's orders that the scratch database does not hold. */
async function unmirrored(scratch: Kysely<Schema>, chunk: Chunk, source: string): Promise<{ reference: string }[]> {
  return scratch
    .selectFrom(rowSource(scratch, 'row', chunk.orders))
    .leftJoin('orders', (join) => join.on('orders.source', '=', source).onRef('orders.reference', '=', 'row.reference'))
    .where('orders.id', 'is', null)
    .select('row.reference')
    .execute()
}

async function copyStored(
  real: Kysely<Schema>,
  chunk: Chunk,
  wanted: { reference: string }[],
  source: string,
): Promise<Chunk> {
  const stored = real
    .selectFrom(rowSource(real, 'row', packRows({ reference: 'text' }, wanted)))
    .crossJoin('orders')
    .where('orders.source', '=', source)
    .whereRef('orders.reference', '=', 'row.reference')
  const orders: OrderRow[] = await stored
    .innerJoin('customers', 'customers.id', 'orders.customer_id')
    .select(['orders.reference', 'customers.customer_id', 'orders.ordered_at', 'orders.business_day'])
    .select(['orders.currency', 'orders.total'])
    .execute()
  const lines: LineRow[] = await stored
    .innerJoin('order_lines as line', 'line.order_id', 'orders.id')
    .innerJoin('products', 'products.id', 'line.product_id')
    .select(['orders.reference', 'line.line_number', 'products.sku', 'line.quantity', 'line.unit_price', 'line.total'])
    .execute()
  const products: ProductRow[] = await real
    .selectFrom(rowSource(real, 'row', chunk.products))
    .innerJoin('products', 'products.sku', 'row.sku')
    .select(['products.sku', 'products.name'])
    .execute()
  const skus = new Map([...products, ...lines.map(({ sku }) => ({ sku, name: sku }))].map((row) => [row.sku, row]))
  const customers = new Set(orders.map((order) => order.customer_id))
  return packChunk({
    customers: [...customers].map((customer_id) => ({ customer_id, name: customer_id })),
    orders,
    lines,
    products: [...skus.values()],
    spoiled: [],
  })
}
