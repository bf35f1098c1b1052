// Finds orders that a file has twice, with the same lines: exports of which one was appended to the other. Lines of an
// order may be the same if no line of another order is between them.
import type { Kysely } from 'kysely'
import { unpackRows } from '../database/packed-rows.js'
import { rowSource } from '../database/row-source.js'
import type { Schema } from '../database/schema.js'
import type { ImportId, OrderId } from '../domain/ids.js'
import type { OrderVersion } from '../domain/order.js'
import type { Chunk, OrderPlace } from './chunk-rows.js'

export const REPEATED =
  'the file has this line of the order before lines of other orders, too; remove one of both, or add up their quantities if both were sold'

interface KnownOrder {
  readonly id: OrderId
  readonly reference: string
}

/**
 * Finds the orders of the chunk that repeat a line, each with its first such line.
 *
 * @param known orders that earlier chunks of the import brought
 * @param foreign orders of which the chunk's lines are set aside
 */
export async function findRepeated(
  db: Kysely<Schema>,
  chunk: Chunk,
  known: readonly KnownOrder[],
  {
    foreign,
    ...options
  }: { readonly importId: ImportId; readonly source: string; readonly foreign: ReadonlySet<string> },
): Promise<OrderPlace[]> {
  const inChunk = chunk.repeatedOrderCount > 0 ? unpackRows(chunk.repeatedOrders) : []
  const found = (await isSuspicious(db, chunk, known)) ? await repeatedInChunks(db, chunk, options) : []
  const places = new Map<string, OrderPlace>()
  for (const place of [...inChunk, ...found].sort((a, b) => b.line_number - a.line_number)) {
    if (!foreign.has(place.reference)) places.set(place.reference, place)
  }
  return [...places.values()]
}

/** In most files, no order but the last one continues in the next chunk, and that one had no lines before its run. */
async function isSuspicious(
  db: Kysely<Schema>,
  { continued }: Chunk,
  [first, second]: readonly KnownOrder[],
): Promise<boolean> {
  if (!first) return false
  if (second || first.reference !== continued?.reference || continued.returns) return true
  const before = db
    .selectFrom('order_lines')
    .where('order_id', '=', first.id)
    .where('line_number', '<', continued.from)
    .select('line_number')
    .limit(1)
  return (await before.executeTakeFirst()) !== undefined
}

/** Lines that an earlier chunk brought, too, in another run. */
function repeatedInChunks(
  db: Kysely<Schema>,
  { lines, continued }: Chunk,
  { importId, source }: { readonly importId: ImportId; readonly source: string },
): Promise<OrderPlace[]> {
  const { reference, from, to } = continued ?? { reference: '', from: 0, to: 0 }
  return db
    .selectFrom(rowSource(db, 'row', lines))
    .crossJoin('orders')
    .where('orders.source', '=', source)
    .whereRef('orders.reference', '=', 'row.reference')
    .where('orders.import_id', '=', importId)
    .innerJoin('products', 'products.sku', 'row.sku')
    .innerJoin('order_lines as line', (join) =>
      join.onRef('line.order_id', '=', 'orders.id').onRef('line.product_id', '=', 'products.id'),
    )
    .whereRef('line.quantity', '=', 'row.quantity')
    .whereRef('line.total', '=', 'row.total')
    .where(({ eb, or }) =>
      or([eb('row.reference', '!=', reference), eb('row.line_number', '>', to), eb('line.line_number', '<', from)]),
    )
    .select((eb) => ['orders.reference', eb.fn.min('row.line_number').as('line_number')])
    .groupBy('orders.reference')
    .execute()
}

/** Whether an order has the same line twice, with other lines of the file between them. @param lines in their order */
export function isRepeated(lines: OrderVersion['lines']): boolean {
  const last = new Map<string, number>()
  return lines.some(({ line_number, sku, quantity, total }, at) => {
    const key = JSON.stringify([sku, quantity, total])
    const before = last.get(key)
    // Line numbers grow with the index as long as no other line is in between.
    last.set(key, before ?? line_number - at)
    return before !== undefined && before !== line_number - at
  })
}
