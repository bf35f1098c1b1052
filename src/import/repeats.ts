// Lines whose orders an earlier import stored: the same again, or something else under the same id.
import { type Kysely, sql } from '../database/kysely.js'
import type { Schema } from '../database/schema.js'
import type { ImportId } from '../domain/ids.js'
import { type Rejects, storedLineText } from './rejects.js'
import type { ImportRun } from './runs.js'

/** Lines that are read and reported at a time. */
export const PAGE = 5000

/** What is left of the set-aside lines once those of orders with the same content are gone. Returns how many went. */
export async function dropDuplicates(db: Kysely<Schema>, { id, source }: ImportRun): Promise<number> {
  const dropped = await db
    .deleteFrom('import_asides')
    .where('import_id', '=', id)
    .where('reference', 'not in', (eb) =>
      eb.selectFrom(differingOrders(db, id, source).as('differing')).select('differing.reference'),
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
  const asides = db
    .selectFrom('import_asides as aside')
    .crossJoin('orders')
    .where('orders.source', '=', source)
    .whereRef('orders.reference', '=', 'aside.reference')
    .where('aside.import_id', '=', id)
  const otherHeader = asides
    .innerJoin('customers', 'customers.id', 'orders.customer_id')
    .where((eb) =>
      eb.or([
        eb('customers.customer_id', '!=', eb.ref('aside.customer_id')),
        eb('orders.currency', '!=', eb.ref('aside.currency')),
        eb('orders.ordered_at', '!=', eb.ref('aside.ordered_at')),
      ]),
    )
    .select('aside.reference')
  const came = asides.select([
    'aside.reference',
    'aside.sku',
    'aside.quantity',
    'aside.unit_price',
    sql<number>`1`.as('count'),
  ])
  const stood = db
    .selectFrom(asides.select(['orders.id', 'orders.reference']).distinct().as('known'))
    .innerJoin('order_lines as line', 'line.order_id', 'known.id')
    .innerJoin('products', 'products.id', 'line.product_id')
    .select(['known.reference', 'products.sku', 'line.quantity', 'line.unit_price', sql<number>`-1`.as('count')])
  const otherLines = db
    .selectFrom(came.unionAll(stood).as('both'))
    .groupBy(['both.reference', 'both.sku', 'both.quantity', 'both.unit_price'])
    .having((eb) => eb.fn.sum('both.count'), '!=', 0)
    .select('both.reference')
  return otherHeader.union(otherLines)
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
