// Reads the scores of the leaderboards: the net spending of each customer and the units sold of each product.
import { type RawBuilder, type SqlBool, sql } from 'kysely'
import type { Database } from '../database/connection.js'
import { countRows } from '../database/count-rows.js'
import { packIds } from '../database/packed-rows.js'
import { pagesOf } from '../database/pages.js'
import { isAmong } from '../database/row-source.js'
import { inBatches } from '../domain/batches.js'
import type { Currency } from '../domain/money.js'
import { DEFAULT_SOURCE } from '../domain/order.js'
import { countSettled } from '../reports/throughput.js'

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
 * Reads the totals of all customers or products, or of those with sales or refunds since a time. No transaction spans
 * the pages, so they may be of different moments.
 */
export async function* totalsOf(db: Database, kind: BoardKind, settledSince?: number): AsyncGenerator<Total[], void> {
  const all = db.selectFrom(kind).select('id').orderBy('id').limit(PAGE)
  const read = (after: number): Promise<{ id: number }[]> => all.where(sql<SqlBool>`id > ${after}`).execute()
  const pages =
    settledSince === undefined
      ? pagesOf(read, ({ id }) => id)
      : inBatches(await findSoldSince(db, kind, settledSince), PAGE)
  for await (const page of pages) {
    const { figures, name } = BOARDS[kind]
    const among = (column: string) => isAmong(db, column, packIds(page))
    const { rows: totals } = await sql<Total>`select ${name} as member, totals.currency, score from (
      select id, currency, sum(score) as score from (${figures(among)}) as figures group by id, currency) as totals
      join ${sql.table(kind)} as named on named.id = totals.id`.execute(db)
    yield totals
  }
}

type Among = (column: string) => RawBuilder<SqlBool>

/** The figures that add up to the scores, and the name of a member. */
const BOARDS = {
  /** Reads orders and refunds, stored and archived, by their customer. The sales by day have no such index. */
  customers: {
    figures: (among: Among) => sql`
      select listed.customer_id as id, currency, total as score
      from customer_orders as listed cross join orders
      where orders.id = listed.order_id and status = 'completed' and ${among('listed.customer_id')} union all
      select customer_id, currency, -amount from refunds where status = 'refunded' and ${among('customer_id')} union all
      select customer_id, currency, revenue from archived_sales_by_customer where ${among('customer_id')} union all
      select customer_id, currency, -amount from archived_refunds where ${among('customer_id')}`,
    name: sql`case when named.source = ${sql.lit(DEFAULT_SOURCE)} then named.customer_id
      else named.source || ':' || named.customer_id end`,
  },
  /** Reads the sales of all days. An index on the product would slow workers down by a tenth. */
  products: {
    figures: (among: Among) => sql`
      select product_id as id, currency, units as score from ${sql.table('sales_by_product')}
      where ${among('product_id')}`,
    name: sql`named.sku`,
  },
}

/** Selects completed orders by the index on their settlement time. */
export function salesSince(db: Database, settledSince: number) {
  return db.selectFrom('orders').where('orders.settled_at', '>=', settledSince).where('orders.status', '=', 'completed')
}

/** Selects refunds by the index on their answers. */
export function refundsSince(db: Database, since: number) {
  return db.selectFrom('refunds').where('answered_at', '>=', since).where('status', '=', 'refunded')
}

/** Counts orders settled and amounts refunded at or after `from` and before `until` (epoch milliseconds). */
export async function countChanges(db: Database, from: number, until: number): Promise<number> {
  const refunds = refundsSince(db, from).where('answered_at', '<', until)
  return (await countRows(refunds)) + (await countSettled(db, from, until))
}

/** When the last order was settled or the last amount refunded, at or after `from`; 0 if none was. */
export async function readLastChange(db: Database, from: number): Promise<number> {
  const settled = await db
    .selectFrom('orders')
    .select((eb) => eb.fn.max<number | null>('settled_at').as('at'))
    .where('settled_at', '>=', from)
    .executeTakeFirstOrThrow()
  const refunds = refundsSince(db, from).select((eb) => eb.fn.max<number | null>('answered_at').as('at'))
  return Math.max(settled.at ?? 0, (await refunds.executeTakeFirstOrThrow()).at ?? 0)
}

async function findSoldSince(db: Database, kind: BoardKind, since: number): Promise<{ readonly id: number }[]> {
  const sales = salesSince(db, since)
  if (kind === 'products') {
    const lines = sales.innerJoin('order_lines', 'order_lines.order_id', 'orders.id')
    return lines.select('order_lines.product_id as id').distinct().execute()
  }
  const refunded = refundsSince(db, since).select('refunds.customer_id as id')
  return sales.select('orders.customer_id as id').union(refunded).execute()
}
