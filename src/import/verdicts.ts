// The end of an import, when all lines are known: which set-aside lines are duplicates, which are conflicts, and which
// orders a bad line costs.
import type { Kysely } from 'kysely'
import { packIds } from '../database/packed-rows.js'
import { isAmong } from '../database/row-source.js'
import type { Schema } from '../database/schema.js'
import { type RejectedLine, siblingReason } from './chunk.js'
import { dropDuplicates, eachPage, PAGE, reportConflicts } from './duplicates.js'
import { deleteOrders, type ImportRun, removeUnusedNames } from './import-record.js'
import { type Rejects, storedLineText } from './rejects.js'

export interface Verdicts {
  /** Lines; all of them leave the counts of what was stored. */
  readonly duplicates: number
  readonly conflicts: number
  readonly rejected: number
  /** Lines and orders that had been stored and are gone again. */
  readonly linesRemoved: number
  readonly ordersRemoved: number
  readonly productsRemoved: number
}

const NOTHING: Verdicts = {
  duplicates: 0,
  conflicts: 0,
  rejected: 0,
  linesRemoved: 0,
  ordersRemoved: 0,
  productsRemoved: 0,
}

/**
 * Judges what could not be judged line by line, in the transaction of its caller; lines not imported go to `rejects`.
 *
 * @param header the file's columns
 */
export async function reachVerdicts(
  db: Kysely<Schema>,
  run: ImportRun,
  rejects: Rejects,
  header: readonly string[],
): Promise<Verdicts> {
  await spoilDisagreeing(db, run)
  await spoilDivided(db, run)
  if (await nothingToJudge(db, run)) return NOTHING

  const removed = await removeSpoiledOrders(db, run, rejects, header)
  const disagreeing = await rejectSpoiledAsides(db, run, rejects, header)
  const duplicates = await dropDuplicates(db, run)
  const conflicts = await reportConflicts(db, run, rejects, header)
  const productsRemoved = await removeUnusedNames(db, run.id)
  await db.deleteFrom('import_asides').where('import_id', '=', run.id).execute()
  await db.deleteFrom('import_spoiled').where('import_id', '=', run.id).execute()
  return {
    duplicates,
    conflicts,
    rejected: removed.lines + disagreeing,
    linesRemoved: removed.lines,
    ordersRemoved: removed.orders,
    productsRemoved,
  }
}

async function nothingToJudge(db: Kysely<Schema>, { id }: ImportRun): Promise<boolean> {
  const asides = await db.selectFrom('import_asides').select('reference').where('import_id', '=', id).limit(1).execute()
  const spoiled = await db
    .selectFrom('import_spoiled')
    .select('reference')
    .where('import_id', '=', id)
    .limit(1)
    .execute()
  return asides.length === 0 && spoiled.length === 0
}

/** A line that disagrees with an order of this very import costs that order. */
async function spoilDisagreeing(db: Kysely<Schema>, { id, source }: ImportRun): Promise<void> {
  await db
    .insertInto('import_spoiled')
    .columns(['import_id', 'reference', 'line_number'])
    .expression((eb) =>
      eb
        .selectFrom('import_asides as aside')
        .crossJoin('orders')
        .where('orders.source', '=', source)
        .whereRef('orders.reference', '=', 'aside.reference')
        .leftJoin('import_spoiled as spoiled', (join) =>
          join.onRef('spoiled.import_id', '=', 'aside.import_id').onRef('spoiled.reference', '=', 'aside.reference'),
        )
        .where('aside.import_id', '=', id)
        .where('orders.import_id', '=', id)
        .where('spoiled.reference', 'is', null)
        .groupBy(['aside.import_id', 'aside.reference'])
        .select((sub) => ['aside.import_id', 'aside.reference', sub.fn.min('aside.line_number').as('line_number')]),
    )
    .execute()
}

/** Lines that disagree among themselves cost their order also where an earlier import stored it. */
async function spoilDivided(db: Kysely<Schema>, { id }: ImportRun): Promise<void> {
  await db
    .insertInto('import_spoiled')
    .columns(['import_id', 'reference', 'line_number'])
    .expression((eb) =>
      eb
        .selectFrom('import_asides as aside')
        .leftJoin('import_spoiled as spoiled', (join) =>
          join.onRef('spoiled.import_id', '=', 'aside.import_id').onRef('spoiled.reference', '=', 'aside.reference'),
        )
        .where('aside.import_id', '=', id)
        .where('spoiled.reference', 'is', null)
        .groupBy(['aside.import_id', 'aside.reference'])
        .having((line) =>
          line.or([
            line(line.fn.min('aside.customer_id'), '!=', line.fn.max('aside.customer_id')),
            line(line.fn.min('aside.currency'), '!=', line.fn.max('aside.currency')),
            line(line.fn.min('aside.ordered_at'), '!=', line.fn.max('aside.ordered_at')),
          ]),
        )
        .select((line) => ['aside.import_id', 'aside.reference', line.fn.max('aside.line_number').as('line_number')]),
    )
    .execute()
}

/** Orders of which some lines were stored before the bad one came: their lines are rejected like it. */
async function removeSpoiledOrders(
  db: Kysely<Schema>,
  { id, source }: ImportRun,
  rejects: Rejects,
  header: readonly string[],
): Promise<{ lines: number; orders: number }> {
  const total = { lines: 0, orders: 0 }
  for (;;) {
    const orders = await db
      .selectFrom('import_spoiled as spoiled')
      .crossJoin('orders')
      .where('orders.source', '=', source)
      .whereRef('orders.reference', '=', 'spoiled.reference')
      .where('spoiled.import_id', '=', id)
      .where('orders.import_id', '=', id)
      .select(['orders.id', 'spoiled.line_number'])
      .limit(PAGE)
      .execute()
    if (orders.length === 0) return total
    const badLine = new Map(orders.map((order) => [order.id, order.line_number]))
    const lines = await db
      .selectFrom('order_lines as line')
      .innerJoin('orders', 'orders.id', 'line.order_id')
      .innerJoin('customers', 'customers.id', 'orders.customer_id')
      .innerJoin('products', 'products.id', 'line.product_id')
      .where(isAmong(db, 'line.order_id', packIds(orders)))
      .orderBy('line.line_number')
      .select(['line.order_id', 'line.line_number', 'line.quantity', 'line.unit_price', 'orders.reference'])
      .select(['orders.ordered_at', 'orders.currency', 'customers.customer_id', 'customers.name as customer_name'])
      .select(['products.sku', 'products.name as product_name'])
      .execute()
    rejects.append(
      lines.map((line) => ({
        line: line.line_number,
        original: storedLineText(line, header),
        column: '',
        reason: siblingReason(badLine.get(line.order_id) ?? line.line_number),
      })),
      header,
    )
    await deleteOrders(db, orders)
    total.lines += lines.length
    total.orders += orders.length
  }
}

async function rejectSpoiledAsides(
  db: Kysely<Schema>,
  { id }: ImportRun,
  rejects: Rejects,
  header: readonly string[],
): Promise<number> {
  const spoiled = db
    .selectFrom('import_asides as aside')
    .innerJoin('import_spoiled as spoiled', (join) =>
      join.onRef('spoiled.import_id', '=', 'aside.import_id').onRef('spoiled.reference', '=', 'aside.reference'),
    )
    .where('aside.import_id', '=', id)
    .selectAll('aside')
    .select('spoiled.line_number as bad_line')
  const rejected = await eachPage(
    (after) => spoiled.where('aside.line_number', '>', after).orderBy('aside.line_number').limit(PAGE).execute(),
    (lines) =>
      rejects.append(
        lines.map(
          (line): RejectedLine => ({
            line: line.line_number,
            original: storedLineText(line, header),
            column: '',
            reason:
              line.line_number === line.bad_line
                ? 'customer_id, currency or order_date differ from those of the order’s lines before'
                : siblingReason(line.bad_line),
          }),
        ),
        header,
      ),
  )
  await db
    .deleteFrom('import_asides')
    .where('import_id', '=', id)
    .where('reference', 'in', (eb) =>
      eb.selectFrom('import_spoiled').where('import_id', '=', id).select('import_spoiled.reference'),
    )
    .execute()
  return rejected
}
