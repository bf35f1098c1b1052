// Lines whose orders an earlier import stored: the same again, or something else under the same id.
import { type Kysely, sql } from 'kysely'
import type { Schema } from '../database/schema.js'
import type { ImportId } from '../domain/ids.js'
import type { ImportRun } from './import-record.js'
import { type Rejects, storedLineText } from './rejects.js'

/** Lines that are read and reported at a time. */
export const PAGE = 5000

/**
 * Takes the set-aside lines of orders with the same content away, and marks the other orders as spoiled. Returns how many
 * lines went.
 *
 * The marks come first, since MySQL locks whatever a delete reads: it is to read of this import alone, and workers may have
 * the stored orders in hand.
 */
export async function dropDuplicates(db: Kysely<Schema>, { id, source }: ImportRun): Promise<number> {
  await db
    .insertInto('import_spoiled')
    .columns(['import_id', 'reference', 'line_number'])
    .expression((eb) =>
      eb
        .selectFrom('import_asides as aside')
        .innerJoin(differingOrders(db, id, source).as('differing'), 'differing.reference', 'aside.reference')
        .where('aside.import_id', '=', id)
        .groupBy(['aside.import_id', 'aside.reference'])
        .select((sub) => ['aside.import_id', 'aside.reference', sub.fn.min('aside.line_number').as('line_number')]),
    )
    .execute()
  const dropped = await db
    .deleteFrom('import_asides')
    .where('import_id', '=', id)
    .where((eb) =>
      eb.not(
        eb.exists(
          eb
            .selectFrom('import_spoiled as spoiled')
            .where('spoiled.import_id', '=', id)
            .whereRef('spoiled.reference', '=', 'import_asides.reference')
            .select('spoiled.reference'),
        ),
      ),
    )
    .executeTakeFirst()
  return Number(dropped.numDeletedRows)
}

/** Lines of orders that an earlier import stored with other content. The stored order stays as it is. */
export function reportConflicts(
  db: Kysely<Schema>,
  { id }: ImportRun,
  rejects: Rejects,
  header: readonly string[],
): Promise<number> {
  const conflicting = db.selectFrom('import_asides').selectAll().where('import_id', '=', id)
  return eachPage(
    (after) => conflicting.where('line_number', '>', after).orderBy('line_number').limit(PAGE).execute(),
    (lines) =>
      rejects.append(
        lines.map((line) => ({
          line: line.line_number,
          original: storedLineText(line, header),
          column: '',
          reason: `conflict: order ${line.reference} is stored already with other content; it was left as it is`,
        })),
        header,
      ),
  )
}

/** Orders whose set-aside lines are not, as a whole, the stored ones: other header, other lines, more or fewer of them. */
function differingOrders(db: Kysely<Schema>, id: ImportId, source: string) {
  const came = db
    .selectFrom('import_asides')
    .where('import_id', '=', id)
    .select(['reference', 'customer_id', 'currency', 'ordered_at', 'sku', 'quantity', 'unit_price'])
    .select(sql<number>`1`.as('count'))
  const known = db.selectFrom('import_asides').where('import_id', '=', id).select('reference').distinct()
  const stood = db
    .selectFrom(known.as('known'))
    .crossJoin('orders')
    .where('orders.source', '=', source)
    .whereRef('orders.reference', '=', 'known.reference')
    .innerJoin('customers', 'customers.id', 'orders.customer_id')
    .innerJoin('order_lines as line', 'line.order_id', 'orders.id')
    .innerJoin('products', 'products.id', 'line.product_id')
    .select(['known.reference', 'customers.customer_id', 'orders.currency', 'orders.ordered_at'])
    .select(['products.sku', 'line.quantity', 'line.unit_price', sql<number>`-1`.as('count')])
  return db
    .selectFrom(came.unionAll(stood).as('both'))
    .groupBy(['reference', 'customer_id', 'currency', 'ordered_at', 'sku', 'quantity', 'unit_price'])
    .having((eb) => eb.fn.sum('count'), '!=', 0)
    .select('reference')
    .distinct()
}

/** Calls `use` with all lines, a page at a time in the order of the file. Returns how many there are. */
export async function eachPage<Line extends { line_number: number }>(
  read: (after: number) => Promise<Line[]>,
  use: (lines: Line[]) => void,
): Promise<number> {
  let count = 0
  for (let after = 0; ; ) {
    const lines = await read(after)
    const last = lines.at(-1)
    if (!last) return count
    use(lines)
    count += lines.length
    after = last.line_number
  }
}
