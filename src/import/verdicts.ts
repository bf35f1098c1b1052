// The end of an import, when all lines are known: which set-aside lines are duplicates, which are conflicts, and which
// orders a bad line costs.
import { type Kysely, sql } from 'kysely'
import { idsIn } from '../database/row-source.js'
import type { Schema } from '../database/schema.js'
import type { ImportId } from '../domain/ids.js'
import { type RejectedLine, siblingReason } from './chunk.js'
import { type Rejects, storedLineText } from './rejects.js'
import type { ImportRun } from './runs.js'

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

/** Customers and products that the import created and that no order of any import names. Returns how many products. */
export async function removeUnusedNames(db: Kysely<Schema>, id: ImportId): Promise<number> {
  await db
    .deleteFrom('customers')
    .where('import_id', '=', id)
    .where((eb) =>
      eb.not(
        eb.exists(eb.selectFrom('orders').whereRef('orders.customer_id', '=', 'customers.id').select('orders.id')),
      ),
    )
    .execute()
  const unused = await db
    .selectFrom('products')
    .select('id')
    .where('import_id', '=', id)
    .where('id', 'not in', (eb) => eb.selectFrom('order_lines').select('order_lines.product_id').distinct())
    .execute()
  const ids = unused.map((product) => product.id)
  await db.deleteFrom('stock_adjustments').where('product_id', 'in', idsIn(ids)).execute()
  const removed = await db.deleteFrom('products').where('id', 'in', idsIn(ids)).executeTakeFirst()
  return Number(removed.numDeletedRows)
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
        .innerJoin('orders', (join) =>
          join.on('orders.source', '=', source).onRef('orders.reference', '=', 'aside.reference'),
        )
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
  const firstLines = db
    .selectFrom('import_asides')
    .where('import_id', '=', id)
    .groupBy('reference')
    .select((eb) => ['reference', eb.fn.min('line_number').as('line_number')])
  await db
    .insertInto('import_spoiled')
    .columns(['import_id', 'reference', 'line_number'])
    .expression((eb) =>
      eb
        .selectFrom('import_asides as aside')
        .innerJoin(firstLines.as('begin'), 'begin.reference', 'aside.reference')
        .innerJoin('import_asides as first', (join) =>
          join.on('first.import_id', '=', id).onRef('first.line_number', '=', 'begin.line_number'),
        )
        .leftJoin('import_spoiled as spoiled', (join) =>
          join.on('spoiled.import_id', '=', id).onRef('spoiled.reference', '=', 'aside.reference'),
        )
        .where('aside.import_id', '=', id)
        .where('spoiled.reference', 'is', null)
        .where((line) =>
          line.or([
            line('aside.customer_id', '!=', line.ref('first.customer_id')),
            line('aside.currency', '!=', line.ref('first.currency')),
            line('aside.ordered_at', '!=', line.ref('first.ordered_at')),
          ]),
        )
        .groupBy(['aside.import_id', 'aside.reference'])
        .select((line) => ['aside.import_id', 'aside.reference', line.fn.min('aside.line_number').as('line_number')]),
    )
    .execute()
}

const PAGE = 5000

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
      .innerJoin('orders', (join) =>
        join.on('orders.source', '=', source).onRef('orders.reference', '=', 'spoiled.reference'),
      )
      .where('spoiled.import_id', '=', id)
      .where('orders.import_id', '=', id)
      .select(['orders.id', 'spoiled.line_number'])
      .limit(PAGE)
      .execute()
    if (orders.length === 0) return total
    const ids = idsIn(orders.map((order) => order.id))
    const badLine = new Map(orders.map((order) => [order.id, order.line_number]))
    const lines = await db
      .selectFrom('order_lines as line')
      .innerJoin('orders', 'orders.id', 'line.order_id')
      .innerJoin('customers', 'customers.id', 'orders.customer_id')
      .innerJoin('products', 'products.id', 'line.product_id')
      .where('line.order_id', 'in', ids)
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
    await db.deleteFrom('order_lines').where('order_id', 'in', ids).execute()
    await db.deleteFrom('orders').where('id', 'in', ids).execute()
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

/** What is left of the set-aside lines once those of orders with the same content are gone. Returns how many went. */
async function dropDuplicates(db: Kysely<Schema>, { id, source }: ImportRun): Promise<number> {
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
function reportConflicts(
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
    .innerJoin('orders', (join) =>
      join.on('orders.source', '=', source).onRef('orders.reference', '=', 'aside.reference'),
    )
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

async function eachPage<Line extends { line_number: number }>(
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
