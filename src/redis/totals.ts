// Reads the scores of the leaderboards: the total spending of each customer and the units sold of each product.
import { type SqlBool, sql } from 'kysely'
import type { Database } from '../database/connection.js'
import { packIds } from '../database/packed-rows.js'
import { pagesOf } from '../database/pages.js'
import { isAmong } from '../database/row-source.js'
import { inBatches } from '../domain/batches.js'
import type { Currency } from '../domain/money.js'
import { DEFAULT_SOURCE } from '../domain/order.js'

export const BOARD_KINDS = ['customers', 'products'] as const
export type BoardKind = (typeof BOARD_KINDS)[number]

/** The total of one customer or product in one currency. */
export interface Total {
  /** The SKU, or the customer's id, with its source before it (`shop-b:17`) unless that is the default one. */
  readonly member: string
  readonly currency: Currency
  /** Spending in minor units, or units sold. */
  readonly score: number
}

/** Customers or products per read and per Redis command. Redis serves no other client during a command. */
const PAGE = 1000

/**
 * Reads the totals of all customers or products, or of those with sales since a time. No transaction spans the pages,
 * so they may be of different moments.
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
    const { rows: totals } = await sql<Total>`select ${name} as member, totals.currency, score from (
      select ${sql.ref(key)} as id, currency, sum(${sql.ref(score)}) as score from ${sql.table(table)}
      where ${where} and ${isAmong(db, key, packIds(page))} group by ${sql.ref(key)}, currency) as totals
      join ${sql.table(kind)} as named on named.id = totals.id`.execute(db)
    yield totals
  }
}

const BOARDS = {
  /** Reads orders by their index on the customer. The sales by day have no such index. */
  customers: {
    table: 'orders',
    where: sql`status = 'completed'`,
    key: 'customer_id',
    score: 'total',
    name: sql`case when named.source = ${sql.lit(DEFAULT_SOURCE)} then named.customer_id
      else named.source || ':' || named.customer_id end`,
  },
  /** Reads the sales of all days. An index on the product would slow workers down by a tenth. */
  products: { table: 'sales_by_product', where: sql`true`, key: 'product_id', score: 'units', name: sql`named.sku` },
}

/** Selects completed orders by the index on their settlement time. */
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
