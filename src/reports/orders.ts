// The orders themselves: a list of them, and one order whole.

import type { Database } from '../database/connection.js'
import { packRows } from '../database/packed-rows.js'
import { rowSource } from '../database/row-source.js'
import { atOneMoment } from '../database/transaction.js'
import type { Day } from '../domain/business-day.js'
import type { OrderId } from '../domain/ids.js'
import type { Currency } from '../domain/money.js'
import { type FailureReason, type OrderStatus, reservationState } from '../domain/order.js'
import { UserError, usageError } from '../errors.js'

export interface OrderFilter {
  readonly status?: OrderStatus | undefined
  /** The customer's id at the shop. */
  readonly customer?: string | undefined
  /** Ordered on this day or later. */
  readonly since?: Day | undefined
  readonly source?: string | undefined
}

export interface OrderSummary {
  readonly reference: string
  readonly source: string
  readonly customerId: string
  readonly customerName: string
  readonly orderedAt: string
  readonly status: OrderStatus
  readonly reason: FailureReason | null
  readonly currency: Currency
  /** Minor units. */
  readonly total: number
}

/** The newest order date first. `total` counts all that match, also those beyond the limit. */
export async function listOrders(
  db: Database,
  filter: OrderFilter,
  limit?: number,
): Promise<{ total: number; orders: OrderSummary[] }> {
  return atOneMoment(db, async (trx) => {
    let matching = trx.selectFrom('orders').innerJoin('customers', 'customers.id', 'orders.customer_id')
    if (filter.status) matching = matching.where('orders.status', '=', filter.status)
    if (filter.customer !== undefined) matching = matching.where('customers.customer_id', '=', filter.customer)
    if (filter.since) matching = matching.where('orders.business_day', '>=', filter.since)
    if (filter.source !== undefined) matching = matching.where('orders.source', '=', filter.source)
    const { total } = await matching.select((eb) => eb.fn.countAll<number>().as('total')).executeTakeFirstOrThrow()
    const newest = matching
      .select([
        'orders.reference',
        'orders.source',
        'customers.customer_id as customerId',
        'customers.name as customerName',
        'orders.ordered_at as orderedAt',
        'orders.status',
        'orders.reason',
        'orders.currency',
        'orders.total',
      ])
      .orderBy('orders.business_day', 'desc')
      .orderBy('orders.ordered_at', 'desc')
      .orderBy('orders.id', 'desc')
    return { total, orders: await (limit === undefined ? newest : newest.limit(limit)).execute() }
  })
}

export interface FoundOrder {
  readonly id: OrderId
  readonly reference: string
  readonly source: string
  readonly status: OrderStatus
}

/**
 * The orders that the shop calls so.
 *
 * @throws UserError naming those that do not exist, or that several sources have (exit 2)
 */
export async function findOrders(db: Database, references: readonly string[], source?: string): Promise<FoundOrder[]> {
  // Every order's source is that of its import, and the few sources make the unique index usable.
  const sources =
    source === undefined
      ? (await db.selectFrom('imports').select('source').distinct().execute()).map((row) => row.source)
      : [source]
  const asked = [...new Set(references)]
  const pairs = packRows(
    { source: 'text', reference: 'text' },
    sources.flatMap((name) => asked.map((reference) => ({ source: name, reference }))),
  )
  const found = await db
    .selectFrom(rowSource(db, 'asked', pairs))
    .innerJoin('orders', (join) =>
      join.onRef('orders.source', '=', 'asked.source').onRef('orders.reference', '=', 'asked.reference'),
    )
    .select(['orders.id', 'orders.reference', 'orders.source', 'orders.status'])
    .execute()
  const known = new Set(found.map((order) => order.reference))
  const missing = asked.filter((reference) => !known.has(reference))
  if (missing.length > 0) throw unknownOrders(missing, source)
  if (found.length > asked.length) throw ambiguousOrders(found)
  return found
}

function unknownOrders(missing: readonly string[], source: string | undefined): UserError {
  const place = source === undefined ? '' : ` in the source ${source}`
  return new UserError({
    code: 'unknown_order',
    message: `There is no order ${nameSome(missing)}${place}.`,
    fix: 'Run `orderctl orders list` to see the orders there are.',
  })
}

function ambiguousOrders(found: readonly FoundOrder[]): UserError {
  const reference = found.find(
    (order, index) => found.findIndex((one) => one.reference === order.reference) < index,
  )?.reference
  const sources = found.filter((order) => order.reference === reference).map((order) => order.source)
  sources.sort()
  return usageError({
    code: 'ambiguous_order',
    message: `Several sources have an order ${reference}: ${sources.join(', ')}.`,
    fix: `Say which one is meant: --source ${sources[0]}.`,
  })
}

/** `a, b, c and 17 more`. */
function nameSome(names: readonly string[]): string {
  const shown = names.slice(0, 10).join(', ')
  return names.length > 10 ? `${shown} and ${names.length - 10} more` : shown
}

/** One order with all that belongs to it. Amounts in minor units, prices scaled, times in epoch milliseconds. */
export type OrderDetail = NonNullable<Awaited<ReturnType<typeof readOrder>>>

/** @throws UserError where there is no such order, or where several sources have it */
export async function showOrder(db: Database, reference: string, source?: string): Promise<OrderDetail> {
  const [found] = await findOrders(db, [reference], source)
  const order = found && (await readOrder(db, found.id))
  if (!order) throw unknownOrders([reference], source)
  return order
}

function readOrder(db: Database, id: OrderId) {
  return atOneMoment(db, async (trx) => {
    const order = await trx
      .selectFrom('orders')
      .innerJoin('customers', 'customers.id', 'orders.customer_id')
      .innerJoin('imports', 'imports.id', 'orders.import_id')
      .leftJoin('due_orders', 'due_orders.order_id', 'orders.id')
      .selectAll('orders')
      .select(['due_orders.due_at', 'due_orders.lease_token'])
      .select(['customers.customer_id as customer', 'customers.name as customerName'])
      .select(['imports.file', 'imports.started_at as importedAt'])
      .where('orders.id', '=', id)
      .executeTakeFirst()
    if (!order) return undefined
    const lines = await trx
      .selectFrom('order_lines')
      .innerJoin('products', 'products.id', 'order_lines.product_id')
      .select(['line_number', 'sku', 'name', 'quantity', 'order_lines.unit_price', 'order_lines.total'])
      .where('order_id', '=', id)
      .orderBy('line_number')
      .execute()
    const reservations = await trx
      .selectFrom('stock_reservations')
      .innerJoin('products', 'products.id', 'stock_reservations.product_id')
      .select(['attempt', 'sku', 'quantity', 'expires_at'])
      .where('order_id', '=', id)
      .orderBy('attempt')
      .orderBy('sku')
      .execute()
    const payments = await trx
      .selectFrom('payments')
      .selectAll()
      .where('order_id', '=', id)
      .orderBy('attempt')
      .execute()
    return {
      ...order,
      lines,
      reservations: reservations.map((held) => ({ ...held, state: reservationState(order, held.attempt) })),
      payments,
    }
  })
}
