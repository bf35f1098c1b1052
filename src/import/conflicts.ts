// Conflicts: orders of the file that are stored with other content. Reads both versions, a page of orders at a
// time, and compares them.
import { type Kysely, sql } from 'kysely'
import { packRows } from '../database/packed-rows.js'
import { pagesOf } from '../database/pages.js'
import { rowSource, withoutIndex } from '../database/row-source.js'
import type { Schema } from '../database/schema.js'
import { groupBy } from '../domain/batches.js'
import type { OrderId } from '../domain/ids.js'
import { formatAmount, formatPrice } from '../domain/money.js'
import type { OrderStatus, OrderVersion } from '../domain/order.js'
import type { ImportRun } from './import-record.js'

/** A line that was set aside for the end of the import. */
export type StoredLine = Omit<Schema['import_asides'], 'import_id'>

/** Both versions of an order. */
export interface Contested {
  readonly reference: string
  readonly id: OrderId
  readonly status: OrderStatus
  readonly stored: OrderVersion
  readonly file: OrderVersion
  /** The file's lines. */
  readonly lines: readonly StoredLine[]
}

/**
 * One field, or the lines of one SKU, in both versions. Null if a version has no such line. For an archived order, only
 * the archive's file is known.
 */
export interface Difference {
  readonly field: 'customer_id' | 'order_date' | 'currency' | 'total' | 'line' | 'archive'
  readonly sku: string | null
  readonly stored: string | null
  readonly file: string | null
}

/** A conflict as JSON shows it. */
export interface Conflict {
  readonly order_id: string
  /** The order's first line in the file. */
  readonly line: number
  readonly status: OrderStatus | 'archived'
  readonly differences: readonly Difference[]
}

/** A conflict with the file's lines of the order. */
export interface FoundConflict {
  readonly conflict: Conflict
  readonly lines: readonly StoredLine[]
}

/** Orders that are read together. */
const PAGE = 2000

/** Selects orders whose set-aside lines differ from the stored ones: other values, more lines or fewer. Leaves archived
 * orders out. */
export function differingOrders(db: Kysely<Schema>, { id, source }: ImportRun) {
  const asides = db
    .selectFrom('import_asides')
    .where('import_id', '=', id)
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('archived_orders as gone')
            .where('gone.source', '=', source)
            .whereRef('gone.reference', '=', 'import_asides.reference')
            .select('gone.archive_id'),
        ),
      ),
    )
  const came = asides
    .select(['reference', 'customer_id', 'currency', 'ordered_at', 'sku', 'quantity', 'unit_price', 'total'])
    .select(sql<number>`1`.as('count'))
  // The lines of an order agree on the customer by now.
  const known = asides.select((eb) => ['reference', eb.fn.min('customer_id').as('customer_id')]).groupBy('reference')
  const stored = db
    .selectFrom(known.as('known'))
    .crossJoin('orders')
    .where('orders.source', '=', source)
    .whereRef('orders.reference', '=', 'known.reference')
    .innerJoin('customers', 'customers.id', 'orders.customer_id')
    .innerJoin('order_lines as line', 'line.order_id', 'orders.id')
    .innerJoin('products', 'products.id', 'line.product_id')
    .select((eb) => {
      // Any customer matches a forgotten one.
      const isNamed = eb('customers.forgotten_at', 'is', null)
      const customer = eb
        .case()
        .when(isNamed)
        .then(eb.ref('customers.customer_id'))
        .else(eb.ref('known.customer_id'))
        .end()
      return ['known.reference', customer.as('customer_id'), 'orders.currency', 'orders.ordered_at']
    })
    .select(['products.sku', 'line.quantity', 'line.unit_price', 'line.total', sql<number>`-1`.as('count')])
  return db
    .selectFrom(came.unionAll(stored).as('both'))
    .groupBy(['reference', 'customer_id', 'currency', 'ordered_at', 'sku', 'quantity', 'unit_price', 'total'])
    .having((eb) => eb.fn.sum('count'), '!=', 0)
    .select('reference')
    .distinct()
}

/** Reads the orders that are marked as differing, in pages, by their first line in the file. */
export async function* contestedOrders(db: Kysely<Schema>, run: ImportRun): AsyncGenerator<Contested[], void> {
  // Scans the lines by their key. A scan for each page or order would take time quadratic in the conflicts.
  const firstLines = db
    .selectFrom('import_asides as aside')
    .innerJoin('import_spoiled as marked', (join) =>
      join.onRef('marked.import_id', '=', 'aside.import_id').onRef('marked.reference', '=', 'aside.reference'),
    )
    .where('aside.import_id', '=', run.id)
    .whereRef('aside.line_number', '=', 'marked.line_number')
    .select(['aside.reference', 'aside.line_number'])
    .orderBy('aside.line_number')
    .limit(PAGE)
  const read = (after: number) => firstLines.where('aside.line_number', '>', after).execute()
  for await (const page of pagesOf(read, (first) => first.line_number)) yield readBoth(db, run, page)
}

async function readBoth(
  db: Kysely<Schema>,
  { id, source }: ImportRun,
  orders: readonly Pick<StoredLine, 'reference'>[],
): Promise<Contested[]> {
  const asides = await readAsides(db, id, orders)
  const wanted = rowSource(db, 'wanted', packRows({ reference: 'text' }, orders))
  const stored = await db
    .selectFrom(wanted)
    .crossJoin('orders')
    .where('orders.source', '=', source)
    .whereRef('orders.reference', '=', 'wanted.reference')
    .innerJoin('customers', 'customers.id', 'orders.customer_id')
    .innerJoin('order_lines as line', 'line.order_id', 'orders.id')
    .innerJoin('products', 'products.id', 'line.product_id')
    .orderBy('line.line_number')
    .select(['orders.reference', 'orders.id', 'orders.status', 'orders.ordered_at', 'orders.currency'])
    .select([
      'customers.customer_id',
      'customers.forgotten_at',
      'products.sku',
      'line.line_number',
      'line.quantity',
      'line.unit_price',
    ])
    .select('line.total')
    .execute()
  const linesOf = groupBy(asides, ({ reference }) => reference)
  const storedOf = groupBy(stored, ({ reference }) => reference)
  return orders.flatMap(({ reference }) => {
    const [lines, before] = [linesOf.get(reference) ?? [], storedOf.get(reference) ?? []]
    const [first, firstStored] = [lines[0], before[0]]
    if (!first || !firstStored) return []
    // A file does not bring back the name of a forgotten customer.
    const customer_id = firstStored.forgotten_at === null ? first.customer_id : firstStored.customer_id
    const versions = { stored: versionOf(firstStored, before), file: versionOf({ ...first, customer_id }, lines) }
    return [{ reference, id: firstStored.id, status: firstStored.status, ...versions, lines }]
  })
}

/** Reads the set-aside lines of the orders, in the order of the file. */
export async function readAsides(
  db: Kysely<Schema>,
  id: ImportRun['id'],
  orders: readonly Pick<StoredLine, 'reference'>[],
): Promise<StoredLine[]> {
  const asides = await db
    .selectFrom(rowSource(db, 'wanted', packRows({ reference: 'text' }, orders)))
    .crossJoin('import_asides as aside')
    .where(withoutIndex('aside.import_id'), '=', id)
    .whereRef('aside.reference', '=', 'wanted.reference')
    .selectAll('aside')
    .execute()
  // Sorted here, and kept off the key: SQLite would otherwise scan all lines for each order.
  return asides.sort((a, b) => a.line_number - b.line_number)
}

type OrderColumns = Pick<StoredLine, 'customer_id' | 'ordered_at' | 'currency'>

function versionOf(
  { customer_id, ordered_at, currency }: OrderColumns,
  rows: readonly OrderVersion['lines'][number][],
): OrderVersion {
  const lines = rows.map(({ line_number, sku, quantity, unit_price, total }) => {
    return { line_number, sku, quantity, unit_price, total }
  })
  return { customer_id, ordered_at, currency, total: lines.reduce((sum, { total }) => sum + total, 0), lines }
}

export function conflictOf({ reference, status, stored, file, lines }: Contested): Conflict {
  const ofOrder = FIELDS.map(([field, read]) => ({ field, sku: null, stored: read(stored), file: read(file) }))
  const [before, after] = [itemsOf(stored), itemsOf(file)]
  const ofLines = [...new Set([...before.keys(), ...after.keys()])].map((sku) => {
    return { field: 'line' as const, sku, stored: before.get(sku) ?? null, file: after.get(sku) ?? null }
  })
  const differences = [...ofOrder, ...ofLines].filter((both) => both.stored !== both.file)
  return { order_id: reference, line: lines[0]?.line_number ?? 0, status, differences }
}

const FIELDS = [
  ['customer_id', (order: OrderVersion) => order.customer_id],
  ['order_date', (order: OrderVersion) => order.ordered_at.replace('T', ' ')],
  ['currency', (order: OrderVersion) => order.currency],
  ['total', ({ currency, total }: OrderVersion) => `${formatAmount({ currency, minor: total })} ${currency}`],
] as const

/**
 * Quantity and price of each SKU, as in `2 x 9.50`, or `2 for 19.00` if only the total is known; several lines as in
 * `1 x 9.00 + 2 x 9.50`.
 */
function itemsOf({ currency, lines }: OrderVersion): Map<string, string> {
  const bySku = groupBy(lines, ({ sku }) => sku)
  return new Map(
    Array.from(bySku, ([sku, items]) => {
      const texts = items.map(({ quantity, unit_price, total }) =>
        unit_price === null
          ? `${quantity} for ${formatAmount({ currency, minor: total })}`
          : `${quantity} x ${formatPrice(unit_price, currency)}`,
      )
      return [sku, texts.sort().join(' + ')]
    }),
  )
}

/** Describes the difference, as in `total: stored 10.00 USD, file 20.00 USD`. */
export function differenceText({ field, sku, stored, file }: Difference): string {
  if (field === 'archive') return `its content is in ${stored}`
  return `${sku ?? field}: stored ${stored ?? 'none'}, file ${file ?? 'none'}`
}

/** Says for a line why it is not imported. */
export function conflictReason({ order_id, status, differences }: Conflict): string {
  const kept = `conflict: order ${order_id} is already stored with other content (status ${status}), which was kept`
  return [kept, ...differences.map(differenceText)].join('; ')
}
