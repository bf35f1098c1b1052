// Totals of customers and products over all days, read from the database: what the boards show.

import type { Expression } from 'kysely'
import type { Database } from '../database/connection.js'
import type { CustomerId, ProductId } from '../domain/ids.js'
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

/** Those in a range of the database's ids, or with sales since. */
type Chosen = { readonly after: number; readonly upTo: number } | { readonly settledSince: number }

/** Customers or products that are read together. */
const PAGE = 1000

export function totalsOf(db: Database, kind: BoardKind, chosen: Chosen): Promise<Total[]> {
  return (kind === 'customers' ? customerTotals(db, chosen) : productTotals(db, chosen)).execute()
}

/** Every total, a page at a time. No transaction spans them, so pages may be of different moments. */
export async function* allTotals(db: Database, kind: BoardKind): AsyncGenerator<Total[]> {
  const ids = db.selectFrom(kind).select((eb) => eb.fn.max<number | null>('id').as('highest'))
  const { highest } = await ids.executeTakeFirstOrThrow()
  for (let after = 0; after < (highest ?? 0); after += PAGE)
    yield await totalsOf(db, kind, { after, upTo: after + PAGE })
}

/** Completed orders, by the index on when they were settled. */
export function salesSince(db: Database, settledSince: number) {
  return db.selectFrom('orders').where('orders.settled_at', '>=', settledSince).where('orders.status', '=', 'completed')
}

/** From the orders, by their index on the customer: the sales by day have none. */
function customerTotals(db: Database, chosen: Chosen) {
  const totals = db
    .selectFrom('orders')
    .select((eb) => ['customer_id', 'currency', eb.fn.sum<number>('total').as('score')])
    .where('status', '=', 'completed')
    .where('customer_id', 'in', chosenCustomers(db, chosen))
    .groupBy(['customer_id', 'currency'])
  return db
    .selectFrom(totals.as('totals'))
    .innerJoin('customers', 'customers.id', 'totals.customer_id')
    .select(['customers.customer_id as member', 'totals.currency', 'totals.score'])
}

/** Reads the sales of all days: an index on the product would cost every drain a tenth of its speed. */
function productTotals(db: Database, chosen: Chosen) {
  const totals = db
    .selectFrom('sales_by_product')
    .select((eb) => ['product_id', 'currency', eb.fn.sum<number>('units').as('score')])
    .where('product_id', 'in', chosenProducts(db, chosen))
    .groupBy(['product_id', 'currency'])
  return db
    .selectFrom(totals.as('totals'))
    .innerJoin('products', 'products.id', 'totals.product_id')
    .select(['products.sku as member', 'totals.currency', 'totals.score'])
}

function chosenCustomers(db: Database, chosen: Chosen): Expression<CustomerId> {
  if ('settledSince' in chosen)
    return salesSince(db, chosen.settledSince).select('orders.customer_id as id').$asScalar()
  const [after, upTo] = [chosen.after as CustomerId, chosen.upTo as CustomerId]
  return db.selectFrom('customers').select('id').where('id', '>', after).where('id', '<=', upTo).$asScalar()
}

function chosenProducts(db: Database, chosen: Chosen): Expression<ProductId> {
  if ('settledSince' in chosen) {
    const lines = salesSince(db, chosen.settledSince).innerJoin('order_lines', 'order_lines.order_id', 'orders.id')
    return lines.select('order_lines.product_id as id').$asScalar()
  }
  const [after, upTo] = [chosen.after as ProductId, chosen.upTo as ProductId]
  return db.selectFrom('products').select('id').where('id', '>', after).where('id', '<=', upTo).$asScalar()
}
