// Lists orders, and searches them. Rows have the names of the JSON output.
import { type SqlBool, sql } from 'kysely'
import type { Database } from '../database/connection.js'
import { countRows } from '../database/count-rows.js'
import { inSnapshot } from '../database/transaction.js'
import type { Day } from '../domain/business-day.js'
import type { OrderStatus } from '../domain/order.js'
import { isImporting, ordersOfCustomers } from '../workflow/customer-orders.js'
import { totalCounts } from '../workflow/order-counts.js'

export interface OrderFilter {
  readonly status?: OrderStatus | undefined
  /** The customer_id of the order file. */
  readonly customer?: string | undefined
  /** Only orders with a line of this product. */
  readonly sku?: string | undefined
  /** First and last day, by order date. */
  readonly from?: Day | undefined
  readonly to?: Day | undefined
  readonly source?: string | undefined
  /** What a person searches for. See ordersWith. */
  readonly text?: string | undefined
}

/** Newest order date first. `total` counts all matching orders, including those beyond the limit. */
export function listOrders(db: Database, wanted: OrderFilter, limit: number) {
  return inSnapshot(db, async (trx) => {
    const filter = { ...wanted, isImporting: wanted.customer !== undefined && (await isImporting(trx)) }
    const matching = matchingOrders(trx, filter)
    const total = await countMatching(trx, matching, filter)
    if (total === 0) return { total, orders: [] }
    const first = total > limit && !isSearch(filter) ? await lastDayWithin(matching, limit) : filter.from
    const newest = await matchingOrders(trx, { ...filter, from: first })
      .innerJoin('customers', 'customers.id', 'orders.customer_id')
      .select(['orders.reference as order_id', 'orders.source', 'orders.ordered_at as order_date'])
      .select(['orders.status', 'orders.reason', 'customers.customer_id', 'customers.name as customer_name'])
      .select(['orders.total', 'orders.currency'])
      .orderBy('orders.business_day', 'desc')
      .orderBy('orders.ordered_at', 'desc')
      .orderBy('orders.id', 'desc')
      .limit(limit)
      .execute()
    const orders = newest.map((order) => ({ ...order, total: { currency: order.currency, minor: order.total } }))
    return { total, orders }
  })
}

/** With whether orders may not be listed by customer yet. */
type Search = OrderFilter & { readonly isImporting: boolean }

type Matching = ReturnType<typeof matchingOrders>

/** Whether another index than that of the days finds the orders. */
function isSearch({ customer, sku, text }: OrderFilter): boolean {
  return [customer, sku, text].some((value) => value !== undefined)
}

/** Reads the index over business days from its end up to the limit. Only the orders of whole days have to be sorted. */
async function lastDayWithin(matching: Matching, limit: number): Promise<Day | undefined> {
  const days = matching.select('orders.business_day').orderBy('orders.business_day', 'desc')
  return (
    await days
      .offset(limit - 1)
      .limit(1)
      .executeTakeFirst()
  )?.business_day
}

/** Sums up the counts by source and status, if the filter has nothing else. */
async function countMatching(db: Database, matching: Matching, filter: OrderFilter): Promise<number> {
  const { source, status, from, to } = filter
  if (from || to || isSearch(filter)) return countRows(matching)
  const { total } = await totalCounts(db, source)
    .$if(status !== undefined, (query) => query.where('status', '=', status ?? 'pending'))
    .select((eb) => eb.fn.sum<number | null>('orders').as('total'))
    .executeTakeFirstOrThrow()
  return total ?? 0
}

function matchingOrders(db: Database, { status, customer, sku, from, to, source, text, isImporting }: Search) {
  let matching = db.selectFrom('orders')
  if (status) matching = matching.where('orders.status', '=', status)
  if (customer !== undefined) {
    const named = db.selectFrom('customers').where('customer_id', '=', customer).select('id')
    matching = matching.where('orders.id', 'in', ordersOfCustomers(db, named, isImporting))
  }
  if (from) matching = matching.where('orders.business_day', '>=', from)
  if (to) matching = matching.where('orders.business_day', '<=', to)
  if (source !== undefined) matching = matching.where('orders.source', '=', source)
  if (sku !== undefined) {
    const withSku = ordersOf(db).where('products.sku', '=', sku)
    matching = matching.where('orders.id', 'in', withSku)
  }
  if (text === undefined) return matching
  const found = ordersWith(db, text)
  return matching.innerJoin(found.as('found'), 'found.id', 'orders.id')
}

/**
 * Selects the ids of the orders whose reference starts with the text, or whose customer id, customer name or a SKU
 * contains it. Ignores the case of ASCII letters in these, and finds references as typed, in capitals and in lowercase.
 */
function ordersWith(db: Database, text: string) {
  const prefixes = [...new Set([text, text.toUpperCase(), text.toLowerCase()])]
  const ofCustomers = db
    .selectFrom('orders')
    .innerJoin('customers', 'customers.id', 'orders.customer_id')
    .select('orders.id')
    .where((eb) => eb.or([contains('customers.name', text), contains('customers.customer_id', text)]))
  return db
    .selectFrom('orders')
    .select('orders.id')
    .where((eb) =>
      eb.or(
        // Ranges of the unique index on (reference, source).
        prefixes.map((prefix) =>
          eb.and([eb('orders.reference', '>=', prefix), eb('orders.reference', '<=', `${prefix}\u{10FFFF}`)]),
        ),
      ),
    )
    .union(ofCustomers)
    .union(ordersOf(db).where(contains('products.sku', text)))
}

/** Selects the id of the order of each line. */
function ordersOf(db: Database) {
  return db
    .selectFrom('order_lines')
    .innerJoin('products', 'products.id', 'order_lines.product_id')
    .select('order_lines.order_id as id')
}

/** Databases lower ASCII letters only, so also compares the text as typed. */
export function contains(column: string, text: string) {
  const [lower, typed] = [text.toLowerCase(), text].map((part) => `%${part.replace(/[!%_]/g, '!$&')}%`)
  return sql<SqlBool>`(lower(${sql.ref(column)}) like ${lower} escape '!' or ${sql.ref(column)} like ${typed} escape '!')`
}
