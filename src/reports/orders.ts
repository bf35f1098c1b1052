// Orders: a list of them, and one in full. Rows are named as in JSON.
import type { Database } from '../database/connection.js'
import { packRows } from '../database/packed-rows.js'
import { rowSource } from '../database/row-source.js'
import { atOneMoment } from '../database/transaction.js'
import type { Day } from '../domain/business-day.js'
import type { OrderId } from '../domain/ids.js'
import { type Currency, formatPrice, type Money } from '../domain/money.js'
import { type OrderStatus, reservationState } from '../domain/order.js'
import { UserError, usageError } from '../errors.js'

export interface OrderFilter {
  readonly status?: OrderStatus | undefined
  /** The customer's id at the shop. */
  readonly customer?: string | undefined
  /** Ordered on this day or later. */
  readonly since?: Day | undefined
  readonly source?: string | undefined
}

/** The newest order date first. `total` counts all that match, also those beyond the limit. */
export function listOrders(db: Database, filter: OrderFilter, limit: number) {
  return atOneMoment(db, async (trx) => {
    let matching = trx.selectFrom('orders').innerJoin('customers', 'customers.id', 'orders.customer_id')
    if (filter.status) matching = matching.where('orders.status', '=', filter.status)
    if (filter.customer !== undefined) matching = matching.where('customers.customer_id', '=', filter.customer)
    if (filter.since) matching = matching.where('orders.business_day', '>=', filter.since)
    if (filter.source !== undefined) matching = matching.where('orders.source', '=', filter.source)
    const { total } = await matching.select((eb) => eb.fn.countAll<number>().as('total')).executeTakeFirstOrThrow()
    const newest = matching
      .select(['orders.reference as order_id', 'orders.source', 'orders.ordered_at as order_date'])
      .select(['orders.status', 'orders.reason', 'customers.customer_id', 'customers.name as customer_name'])
      .select(['orders.total', 'orders.currency'])
      .orderBy('orders.business_day', 'desc')
      .orderBy('orders.ordered_at', 'desc')
      .orderBy('orders.id', 'desc')
      .limit(limit)
    const orders = (await newest.execute()).map((order) => ({ ...order, total: moneyOf(order.currency, order.total) }))
    return { total, orders }
  })
}

function moneyOf(currency: Currency, minor: number): Money {
  return { currency, minor }
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

/** One order with all that belongs to it. */
export type OrderDetail = NonNullable<Awaited<ReturnType<typeof readOrder>>>

/** @throws UserError if there is no such order, or if several sources have it */
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
      .select(['due_orders.due_at', 'due_orders.lease_token', 'imports.file', 'imports.started_at'])
      .select(['customers.customer_id as customer', 'customers.name'])
      .where('orders.id', '=', id)
      .executeTakeFirst()
    if (!order) return undefined
    const lines = await trx
      .selectFrom('order_lines')
      .innerJoin('products', 'products.id', 'order_lines.product_id')
      .select(['line_number as line', 'sku', 'name', 'quantity', 'order_lines.unit_price', 'order_lines.total'])
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
      .select([
        'attempt',
        'idempotency_key',
        'status',
        'currency',
        'amount',
        'gateway_reference',
        'message',
        'unanswered',
      ])
      .select(['created_at as asked_at', 'answered_at'])
      .where('order_id', '=', id)
      .orderBy('attempt')
      .execute()
    const { currency } = order
    return {
      order_id: order.reference,
      source: order.source,
      status: order.status,
      reason: order.reason,
      message: order.message,
      attempts: order.attempt,
      customer_id: order.customer,
      customer_name: order.name,
      currency,
      total: moneyOf(currency, order.total),
      order_date: order.ordered_at,
      business_day: order.business_day,
      /** Whether a worker has it. */
      claimed: order.lease_token !== null,
      /** When a worker may claim it; of a claimed order, when its lease ends. */
      due_at: instantOf(order.due_at),
      settled_at: instantOf(order.settled_at),
      cleared_at: instantOf(order.cleared_at),
      lines: lines.map((line) => ({
        ...line,
        unit_price: Number(formatPrice(line.unit_price, currency)),
        total: moneyOf(currency, line.total),
      })),
      reservations: reservations.map((held) => ({
        ...held,
        state: reservationState(order, held.attempt),
        expires_at: new Date(held.expires_at),
      })),
      payments: payments.map((payment) => ({
        ...payment,
        amount: moneyOf(payment.currency, payment.amount),
        asked_at: new Date(payment.asked_at),
        answered_at: instantOf(payment.answered_at),
      })),
      import: {
        id: order.import_id,
        file: order.file,
        line: lines[0]?.line ?? null,
        started_at: new Date(order.started_at),
      },
    }
  })
}

function instantOf(epochMs: number | null): Date | null {
  return epochMs === null ? null : new Date(epochMs)
}
