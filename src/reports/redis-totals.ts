// The figures that stand on the boards in Redis, read from the database: absolute totals of just those asked for.
import type { Database } from '../database/connection.js'
import type { Expression } from '../database/kysely.js'
import { packRows } from '../database/packed-rows.js'
import { rowSource } from '../database/row-source.js'
import type { CustomerId, ProductId } from '../domain/ids.js'
import type { Currency } from '../domain/money.js'
import type { BoardKind } from './redis-store.js'

/** What one customer or product sold in one currency, over all days. */
export interface Total {
  /** The shop's name of it: customer_id or SKU. */
  readonly member: string
  readonly name: string
  readonly currency: Currency
  /** What it is ranked by: minor units spent, or units sold. */
  readonly score: number
  readonly orders: number
  /** Minor units. */
  readonly revenue: number
}

/** Customers or products: those with sales since, a stretch of the database's numbers, or by name. */
export type Chosen =
  | { readonly settledSince: number }
  | { readonly after: number; readonly upTo: number }
  | { readonly members: readonly string[] }

export function totalsOf(db: Database, kind: BoardKind, chosen: Chosen): Promise<Total[]> {
  return kind === 'customers'
    ? customerTotals(db, chosenCustomers(db, chosen)).execute()
    : productTotals(db, chosenProducts(db, chosen)).execute()
}

/** The highest number that a customer or product has in the database. */
export async function highestId(db: Database, kind: BoardKind): Promise<number> {
  const { id } = await db
    .selectFrom(kind)
    .select((eb) => eb.fn.max<number | null>('id').as('id'))
    .executeTakeFirstOrThrow()
  return id ?? 0
}

/** From the orders themselves, by their index on the customer: the sales figures by day have none. */
function customerTotals(db: Database, customers: Expression<CustomerId>) {
  const totals = db
    .selectFrom('orders')
    .select((eb) => [
      'customer_id',
      'currency',
      eb.fn.countAll<number>().as('orders'),
      eb.fn.sum<number>('total').as('revenue'),
    ])
    .where('status', '=', 'completed')
    .where('customer_id', 'in', customers)
    .groupBy(['customer_id', 'currency'])
  return db
    .selectFrom(totals.as('totals'))
    .innerJoin('customers', 'customers.id', 'totals.customer_id')
    .select(['customers.customer_id as member', 'customers.name', 'totals.currency'])
    .select(['totals.revenue as score', 'totals.orders', 'totals.revenue'])
}

/** Goes through all days: an index on the product would cost every drain a tenth of its speed. */
function productTotals(db: Database, products: Expression<ProductId>) {
  const totals = db
    .selectFrom('sales_by_product')
    .select((eb) => [
      'product_id',
      'currency',
      eb.fn.sum<number>('units').as('units'),
      eb.fn.sum<number>('orders').as('orders'),
      eb.fn.sum<number>('revenue').as('revenue'),
    ])
    .where('product_id', 'in', products)
    .groupBy(['product_id', 'currency'])
  return db
    .selectFrom(totals.as('totals'))
    .innerJoin('products', 'products.id', 'totals.product_id')
    .select(['products.sku as member', 'products.name', 'totals.currency'])
    .select(['totals.units as score', 'totals.orders', 'totals.revenue'])
}

function chosenCustomers(db: Database, chosen: Chosen): Expression<CustomerId> {
  if ('settledSince' in chosen) {
    return salesSince(db, chosen.settledSince).select('orders.customer_id as id').$asScalar()
  }
  if ('members' in chosen) {
    const named = db.selectFrom(namedIn(db, chosen.members))
    return named.innerJoin('customers', 'customers.customer_id', 'named.member').select('customers.id').$asScalar()
  }
  const [after, upTo] = [chosen.after as CustomerId, chosen.upTo as CustomerId]
  return db.selectFrom('customers').select('id').where('id', '>', after).where('id', '<=', upTo).$asScalar()
}

function chosenProducts(db: Database, chosen: Chosen): Expression<ProductId> {
  if ('settledSince' in chosen) {
    return salesSince(db, chosen.settledSince)
      .innerJoin('order_lines', 'order_lines.order_id', 'orders.id')
      .select('order_lines.product_id as id')
      .$asScalar()
  }
  if ('members' in chosen) {
    const named = db.selectFrom(namedIn(db, chosen.members))
    return named.innerJoin('products', 'products.sku', 'named.member').select('products.id').$asScalar()
  }
  const [after, upTo] = [chosen.after as ProductId, chosen.upTo as ProductId]
  return db.selectFrom('products').select('id').where('id', '>', after).where('id', '<=', upTo).$asScalar()
}

/** Completed orders, by the index on when they were settled. */
export function salesSince(db: Database, settledSince: number) {
  return db.selectFrom('orders').where('orders.settled_at', '>=', settledSince).where('orders.status', '=', 'completed')
}

function namedIn(db: Database, members: readonly string[]) {
  return rowSource(
    db,
    'named',
    packRows(
      { member: 'text' },
      members.map((member) => ({ member })),
    ),
  )
}
