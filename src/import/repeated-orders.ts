// Finds orders that a file has twice, with the same lines: exports of which one was appended to the other. Lines of an
// order may be the same if no line of another order is between them.
import type { Kysely } from 'kysely'
import { packRows, unpackRows } from '../database/packed-rows.js'
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
 * Finds the orders of which the chunk repeats a line of an earlier run, each with its first such line.
 *
 * @param chunk whose lines are stored
 * @param known orders that earlier chunks of the import brought
 */
export async function findRepeated(
  db: Kysely<Schema>,
  chunk: Chunk,
  known: readonly KnownOrder[],
  { importId, source }: { readonly importId: ImportId; readonly source: string },
): Promise<OrderPlace[]> {
  if (chunk.laterRuns.length === 0 && !(await isSuspicious(db, chunk, known))) return []
  const columns = { reference: 'text', line_number: 'integer', begun: 'integer' } as const
  return db
    .selectFrom(rowSource(db, 'row', packRows(columns, linesToCompare(chunk, known))))
    .crossJoin('orders')
    .where('orders.source', '=', source)
    .whereRef('orders.reference', '=', 'row.reference')
    .where('orders.import_id', '=', importId)
    .innerJoin('order_lines as line', (join) =>
      join.onRef('line.order_id', '=', 'orders.id').onRef('line.line_number', '=', 'row.line_number'),
    )
    .innerJoin('order_lines as earlier', (join) =>
      join.onRef('earlier.order_id', '=', 'orders.id').onRef('earlier.line_number', '<', 'row.begun'),
    )
    .whereRef('earlier.product_id', '=', 'line.product_id')
    .whereRef('earlier.quantity', '=', 'line.quantity')
    .whereRef('earlier.total', '=', 'line.total')
    .select((eb) => ['orders.reference', eb.fn.min('row.line_number').as('line_number')])
    .groupBy('orders.reference')
    .execute()
}

/** In most files, no order but the last one continues in the next chunk, and that one had no lines before its run. */
async function isSuspicious(
  db: Kysely<Schema>,
  { continued }: Chunk,
  [first, second]: readonly KnownOrder[],
): Promise<boolean> {
  if (!first) return false
  if (second || first.reference !== continued?.reference) return true
  const before = db
    .selectFrom('order_lines')
    .where('order_id', '=', first.id)
    .where('line_number', '<', continued.from)
    .select('line_number')
    .limit(1)
  return (await before.executeTakeFirst()) !== undefined
}

/** The lines that may repeat one of an earlier run, each with the number of the first line of its run. */
function linesToCompare({ lines, laterRuns, continued }: Chunk, known: readonly KnownOrder[]) {
  const before = new Set(known.map(({ reference }) => reference))
  const first = new Set(laterRuns)
  const begun = new Map(continued && [[continued.reference, continued.from]])
  return unpackRows(lines).flatMap(({ reference, line_number }) => {
    const isFirst = first.has(line_number) || (before.has(reference) && !begun.has(reference))
    if (isFirst) begun.set(reference, line_number)
    const from = begun.get(reference)
    return from === undefined ? [] : [{ reference, line_number, begun: from }]
  })
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
