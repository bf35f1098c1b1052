// What each customer has spent and each product has sold over all days, from the database: the scores of the boards.
import { type SqlBool, sql } from 'kysely'
import type { Database } from '../database/connection.js'
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

/** Customers or products that are read together, and written in one command: Redis serves nobody else meanwhile. */
const PAGE = 1000

/**
 * Totals of all customers or products, or of those with sales since a time. No transaction spans the pages, so they may be of
 * different moments.
 */
export async function* totalsOf(db: Database, kind: BoardKind, settledSince?: number): AsyncGenerator<Total[], void> {
  if (settledSince !== undefined) {
    const ids = await idsSoldSince(db, kind, settledSince)
    for (const some of inBatches(ids, PAGE)) yield await TOTALS[kind](db, some).execute()
    return
  }
  const all = db.selectFrom(kind).select('id').orderBy('id').limit(PAGE)
  const read = (after: number): Promise<{ id: number }[]> => all.where(sql<SqlBool>`id > ${after}`).execute()
  for await (const page of pagesOf(read, ({ id }) => id)) {
    const ids = page.map(({ id }) => id)
    yield await TOTALS[kind](db, ids).execute()
  }
}

/** Completed orders, by the index on when they were settled. */
export function salesSince(db: Database, settledSince: number) {
  return db.selectFrom('orders').where('orders.settled_at', '>=', settledSince).where('orders.status', '=', 'completed')
}

async function idsSoldSince(db: Database, kind: BoardKind, settledSince: number): Promise<number[]> {
  const sales = salesSince(db, settledSince)
  const sold =
    kind === 'customers'
      ? sales.select('orders.customer_id as id')
      : sales.innerJoin('order_lines', 'order_lines.order_id', 'orders.id').select('order_lines.product_id as id')
  const rows: { readonly id: number }[] = await sold.distinct().execute()
  return rows.map(({ id }) => id)
}

const TOTALS = {
  /** From the orders, by their index on the customer: the sales by day have none. */
  customers(db: Database, ids: readonly number[]) {
    const totals = db
      .selectFrom('orders')
      .select((eb) => ['customer_id', 'currency', eb.fn.sum<number>('total').as('score')])
      .where('status', '=', 'completed')
      .where(isAmong(db, 'customer_id', ids))
      .groupBy(['customer_id', 'currency'])
    return db
      .selectFrom(totals.as('totals'))
      .innerJoin('customers', 'customers.id', 'totals.customer_id')
      .select(['customers.customer_id as member', 'totals.currency', 'totals.score'])
  },
  /** From the sales of all days: an index on the product would cost every drain a tenth of its speed. */
  products(db: Database, ids: readonly number[]) {
    const totals = db
      .selectFrom('sales_by_product')
      .select((eb) => ['product_id', 'currency', eb.fn.sum<number>('units').as('score')])
      .where(isAmong(db, 'product_id', ids))
      .groupBy(['product_id', 'currency'])
    return db
      .selectFrom(totals.as('totals'))
      .innerJoin('products', 'products.id', 'totals.product_id')
      .select(['products.sku as member', 'totals.currency', 'totals.score'])
  },
}
