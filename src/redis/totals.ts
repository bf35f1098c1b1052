// What each customer has spent and each product has sold over all days, from the database: the scores of the boards.
import { type SqlBool, sql } from 'kysely'
import type { Database } from '../database/connection.js'
import { packIds } from '../database/packed-rows.js'
import { pagesOf } from '../database/pages.js'
import { isAmong } from '../database/row-source.js'
import { inBatches } from '../domain/batches.js'
import type { Currency } from '../domain/money.js'

export const BOARD_KINDS = ['customers', 'products'] as const
export type BoardKind = (typeof BOARD_KINDS)[number]

/** What one customer or product sold in one currency. */
export interface Total {
  /** The shop's own id: customer_id or SKU. */
  readonly member: string
  readonly currency: Currency
  /** Minor units spent, or units sold. */
  readonly score: number
}

/** Customers or products that are read, and written in one command, at a time: Redis serves no other client meanwhile. */
const PAGE = 1000

/**
 * Totals of all customers or products, or of those with sales since a time. No transaction spans the pages, so they may be of
 * different moments.
 */
export async function* totalsOf(db: Database, kind: BoardKind, settledSince?: number): AsyncGenerator<Total[], void> {
  const all = db.selectFrom(kind).select('id').orderBy('id').limit(PAGE)
  const read = (after: number): Promise<{ id: number }[]> => all.where(sql<SqlBool>`id > ${after}`).execute()
  const pages =
    settledSince === undefined
      ? pagesOf(read, ({ id }) => id)
      : inBatches(await findSoldSince(db, kind, settledSince), PAGE)
  for await (const page of pages) {
    const { table, where, key, score, name } = BOARDS[kind]
    const { rows: totals } = await sql<Total>`select named.${sql.ref(name)} as member, totals.currency, score from (
      select ${sql.ref(key)} as id, currency, sum(${sql.ref(score)}) as score from ${sql.table(table)}
      where ${where} and ${isAmong(db, key, packIds(page))} group by ${sql.ref(key)}, currency) as totals
      join ${sql.table(kind)} as named on named.id = totals.id`.execute(db)
    yield totals
  }
}

const BOARDS = {
  /** From the orders, by their index on the customer: the sales by day have none. */
  customers: {
    table: 'orders',
    where: sql`status = 'completed'`,
    key: 'customer_id',
    score: 'total',
    name: 'customer_id',
  },
  /** From the sales of all days: an index on the product would cost every drain a tenth of its speed. */
  products: { table: 'sales_by_product', where: sql`true`, key: 'product_id', score: 'units', name: 'sku' },
}

/** Completed orders, by the index on when they were settled. */
export function salesSince(db: Database, settledSince: number) {
  return db.selectFrom('orders').where('orders.settled_at', '>=', settledSince).where('orders.status', '=', 'completed')
}

function findSoldSince(db: Database, kind: BoardKind, settledSince: number): Promise<{ readonly id: number }[]> {
  const sales = salesSince(db, settledSince)
  const sold =
    kind === 'customers'
      ? sales.select('orders.customer_id as id')
      : sales.innerJoin('order_lines', 'order_lines.order_id', 'orders.id').select('order_lines.product_id as id')
  return sold.distinct().execute()
}
