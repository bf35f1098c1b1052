// Judges set-aside lines at the end of an import: duplicates, conflicts, and orders that are rejected for a bad line.
import type { Expression, Kysely, Selectable } from 'kysely'
import { packIds, packRows } from '../database/packed-rows.js'
import { pagesOf } from '../database/pages.js'
import { isAmong, rowSource } from '../database/row-source.js'
import type { Schema } from '../database/schema.js'
import { archivedConflicts } from './archived.js'
import { alignDates, disagreeingAsides, dividedAsides, hasSeveralLines, IN_COMMON, unmarkedAsides } from './asides.js'
import { siblingReason } from './chunk.js'
import {
  type Conflict,
  conflictOf,
  conflictReason,
  contestedOrders,
  differingOrders,
  type FoundConflict,
  type StoredLine,
} from './conflicts.js'
import { deleteAsides, deleteOrders, type ImportRun, removeUnusedNames } from './import-record.js'
import type { ItemNumbers } from './items.js'
import { REPEATED } from './repeated-orders.js'
import { updateOrders } from './update-orders.js'

export interface Verdicts {
  /** Lines that are not imported, by kind. */
  readonly duplicates: number
  readonly updated: number
  readonly conflicts: number
  readonly rejected: number
  /** Lines, orders and products that had been stored and were removed. */
  readonly linesRemoved: number
  readonly ordersRemoved: number
  readonly productsRemoved: number
  /** The first few conflicting orders. */
  readonly examples: readonly Conflict[]
}

const NO_VERDICTS: Verdicts = {
  duplicates: 0,
  updated: 0,
  conflicts: 0,
  rejected: 0,
  linesRemoved: 0,
  ordersRemoved: 0,
  productsRemoved: 0,
  examples: [],
}

export interface VerdictOptions {
  /** Apply the file's version of stored orders that are pending. */
  readonly update: boolean
  readonly timeZone: string
  /** Tells the lines of the file by the numbers of the stored lines. */
  readonly numbers: ItemNumbers
  /** Called with rejected lines, and the reasons. */
  readonly report: Report
  /** Called with the lines of each conflict. If undefined, only the examples are explained, which is faster. */
  readonly reportConflicts: Report | undefined
}

export type Report = (lines: readonly (StoredLine & { readonly reason: string })[]) => void

/** Conflicts that are returned as examples: as many as lists show. */
const EXAMPLES = 30

/** Lines or orders per statement. */
const PAGE = 5000

type InCommon = Readonly<Record<(typeof IN_COMMON)[number], string>>

/** Judges the lines that were set aside, in the caller's transaction. */
export async function reachVerdicts(db: Kysely<Schema>, run: ImportRun, options: VerdictOptions): Promise<Verdicts> {
  const { report, reportConflicts, numbers } = options
  // An order of this import is rejected if a set-aside line disagrees with it.
  if (run.orders > 0) await markOrders(db, disagreeingAsides(db, run))
  const hasSeveral = await hasSeveralLines(db, run)
  if (hasSeveral) await markOrders(db, dividedAsides(db, run))
  const isAny = (table: 'import_asides' | 'import_spoiled') =>
    db.selectFrom(table).select('reference').where('import_id', '=', run.id).limit(1).executeTakeFirst()
  if (!(await isAny('import_asides')) && !(await isAny('import_spoiled'))) return NO_VERDICTS
  const earlier = await earlierValues(db, run)
  const siblingOf = (bad: number) => siblingReason(numbers.lineOf(bad))
  const removed = await removeMarkedOrders(db, run, report, siblingOf)
  const rejected = await dropMarkedAsides(db, run, report, (line, bad) => {
    const before = earlier.get(line.reference)
    return line.line_number === bad && before ? disagreement(line, before) : siblingOf(bad)
  })
  if (hasSeveral) await alignDates(db, run)
  // Marks first and deletes by mark: MySQL locks every row that a delete reads, and workers lock the stored orders.
  const differing = unmarkedAsides(db, run)
    .innerJoin(differingOrders(db, run).as('differing'), 'differing.reference', 'aside.reference')
    .select((eb) => eb.fn.min('aside.line_number').as('line_number'))
  await markOrders(db, differing)
  const examples: Conflict[] = []
  const tell: Tell = (conflicts) => {
    for (const { conflict } of conflicts.slice(0, EXAMPLES - examples.length))
      examples.push({ ...conflict, line: numbers.lineOf(conflict.line) })
    reportConflicts?.(
      conflicts.flatMap(({ conflict, lines }) => {
        const reason = conflictReason(conflict)
        return lines.map((line) => ({ ...line, reason }))
      }),
    )
  }
  await markArchivedConflicts(db, run, tell)
  const updated = options.update ? await updateOrders(db, run, options.timeZone) : 0
  for await (const page of contestedOrders(db, run)) {
    tell(page.map((order) => ({ conflict: conflictOf(order), lines: order.lines })))
    if (!reportConflicts) break
  }
  const conflicts = await deleteMarkedAsides(db, run)
  return {
    // The remaining lines are already stored with the same content.
    duplicates: await deleteAsides(db, run.id),
    updated,
    conflicts,
    examples,
    rejected: removed.lines + rejected,
    linesRemoved: removed.lines,
    ordersRemoved: removed.orders,
    productsRemoved: await removeUnusedNames(db, run.id),
  }
}

/** What the first line of each marked order says. */
async function earlierValues(db: Kysely<Schema>, run: ImportRun): Promise<ReadonlyMap<string, InCommon>> {
  const marked = db.selectFrom('import_spoiled as marked').where('marked.import_id', '=', run.id)
  const firstAsides = await marked
    .innerJoin('import_asides as aside', (join) =>
      join.onRef('aside.import_id', '=', 'marked.import_id').onRef('aside.reference', '=', 'marked.reference'),
    )
    .select(['aside.reference', 'aside.customer_id', 'aside.currency'])
    .orderBy('aside.line_number', 'desc')
    .execute()
  const stored = await marked
    .crossJoin('orders')
    .where('orders.source', '=', run.source)
    .whereRef('orders.reference', '=', 'marked.reference')
    .where('orders.import_id', '=', run.id)
    .innerJoin('customers', 'customers.id', 'orders.customer_id')
    .select(['orders.reference', 'customers.customer_id', 'orders.currency'])
    .execute()
  return new Map([...firstAsides, ...stored].map((line) => [line.reference, line]))
}

function disagreement(line: InCommon, before: InCommon): string {
  const differing = IN_COMMON.filter((column) => line[column] !== before[column])
  return differing.map((column) => `${column} is "${line[column]}", but "${before[column]}" before`).join('; ')
}

/** Marks orders of which no line is imported, each with its bad line. */
async function markOrders(db: Kysely<Schema>, orders: Expression<Selectable<Schema['import_spoiled']>>): Promise<void> {
  await db.insertInto('import_spoiled').columns(['import_id', 'reference', 'line_number']).expression(orders).execute()
}

/** Removes orders whose lines were stored before the bad line was read. Reports these lines as rejected. */
async function removeMarkedOrders(
  db: Kysely<Schema>,
  { id, source }: ImportRun,
  report: Report,
  siblingOf: (bad: number) => string,
) {
  const total = { lines: 0, orders: 0 }
  for (;;) {
    const orders = await db
      .selectFrom('import_spoiled as marked')
      .crossJoin('orders')
      .where('orders.source', '=', source)
      .whereRef('orders.reference', '=', 'marked.reference')
      .where('marked.import_id', '=', id)
      .where('orders.import_id', '=', id)
      .select(['orders.id', 'marked.line_number'])
      .limit(PAGE)
      .execute()
    if (orders.length === 0) return total
    const badLines = new Map(orders.map((order) => [order.id, order.line_number]))
    const lines = await db
      .selectFrom('order_lines as line')
      .innerJoin('orders', 'orders.id', 'line.order_id')
      .innerJoin('customers', 'customers.id', 'orders.customer_id')
      .innerJoin('products', 'products.id', 'line.product_id')
      .where(isAmong(db, 'line.order_id', packIds(orders)))
      .orderBy('line.line_number')
      .select(['line.order_id', 'line.line_number', 'line.quantity', 'line.unit_price', 'line.total'])
      .select('orders.reference')
      .select(['orders.ordered_at', 'orders.currency', 'customers.customer_id', 'customers.name as customer_name'])
      .select(['products.sku', 'products.name as product_name'])
      .execute()
    const reasonOf = ({ order_id, line_number }: (typeof lines)[number]) => {
      const bad = badLines.get(order_id) ?? line_number
      // Other bad lines are not stored.
      return line_number === bad ? REPEATED : siblingOf(bad)
    }
    report(lines.map((line) => ({ ...line, reason: reasonOf(line) })))
    await deleteOrders(db, orders)
    total.lines += lines.length
    total.orders += orders.length
  }
}

/** Reports and deletes the set-aside lines of marked orders. Returns their number. */
async function dropMarkedAsides(
  db: Kysely<Schema>,
  run: ImportRun,
  report: Report,
  reasonOf: (line: StoredLine, badLine: number) => string,
): Promise<number> {
  const asides = db
    .selectFrom('import_asides as aside')
    .innerJoin('import_spoiled as marked', (join) =>
      join.onRef('marked.import_id', '=', 'aside.import_id').onRef('marked.reference', '=', 'aside.reference'),
    )
    .where('aside.import_id', '=', run.id)
    .selectAll('aside')
    .select('marked.line_number as bad_line')
    .orderBy('aside.line_number')
    .limit(PAGE)
  const read = (after: number) => asides.where('aside.line_number', '>', after).execute()
  let dropped = 0
  for await (const lines of pagesOf(read, (line) => line.line_number)) {
    report(lines.map((line) => ({ ...line, reason: reasonOf(line, line.bad_line) })))
    dropped += lines.length
  }
  await deleteMarkedAsides(db, run)
  return dropped
}

type Tell = (conflicts: readonly FoundConflict[]) => void

/** Marks and tells the archived orders that the file has with other content. */
async function markArchivedConflicts(db: Kysely<Schema>, run: ImportRun, tell: Tell): Promise<void> {
  for await (const page of archivedConflicts(db, run)) {
    const marks = page.map(({ conflict }) => ({ reference: conflict.order_id, line_number: conflict.line }))
    const rows = rowSource(db, 'row', packRows({ reference: 'text', line_number: 'integer' }, marks))
    const marked = db
      .selectFrom(rows)
      .select((eb) => [eb.val(run.id).as('import_id'), 'row.reference', 'row.line_number'])
    await markOrders(db, marked)
    tell(page)
  }
}

async function deleteMarkedAsides(db: Kysely<Schema>, { id }: ImportRun): Promise<number> {
  const { numDeletedRows } = await db
    .deleteFrom('import_asides')
    .where('import_id', '=', id)
    .where('reference', 'in', (eb) =>
      eb.selectFrom('import_spoiled').where('import_id', '=', id).select('import_spoiled.reference'),
    )
    .executeTakeFirst()
  return Number(numDeletedRows)
}
