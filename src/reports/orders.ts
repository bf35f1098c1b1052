// Finds orders by their references, and reads one in full. Names are those of the JSON output.
import type { Database } from '../database/connection.js'
import { databaseTime } from '../database/engine.js'
import { packIds, packRows } from '../database/packed-rows.js'
import { isAmong, rowSource } from '../database/row-source.js'
import { inSnapshot } from '../database/transaction.js'
import { groupBy } from '../domain/batches.js'
import { type Currency, formatPrice, groupThousands } from '../domain/money.js'
import { type OrderVersion, reservationState } from '../domain/order.js'
import { UserError, usageError } from '../errors.js'
import { dueTime } from '../queue/due-orders.js'
import { actionsOn } from './actions.js'
import { throwIfArchived } from './archives.js'
import { nextStep } from './next-step.js'
import { refundsOf } from './refunds.js'

/** Returns the few sources. */
async function sourcesOf(db: Database): Promise<string[]> {
  const imports = await db.selectFrom('imports').select('source').distinct().execute()
  return imports.map(({ source }) => source)
}

/**
 * Finds orders by their references.
 *
 * @throws UserError that names the missing orders, an archived order and its file, or an order that several sources
 *   have (exit 2)
 */
export async function findOrders(db: Database, references: readonly string[], source?: string) {
  const sources = source === undefined ? await sourcesOf(db) : [source]
  const wanted = [...new Set(references)]
  const pairs = sources.flatMap((one) => wanted.map((reference) => ({ source: one, reference })))
  const found = await db
    .selectFrom(rowSource(db, 'wanted', packRows({ source: 'text', reference: 'text' }, pairs)))
    .innerJoin('orders', (join) =>
      join.onRef('orders.source', '=', 'wanted.source').onRef('orders.reference', '=', 'wanted.reference'),
    )
    .select(['orders.id', 'orders.reference', 'orders.source', 'orders.status'])
    .execute()
  const byReference = groupBy(found, (order) => order.reference)
  const missing = wanted.filter((reference) => !byReference.has(reference))
  if (missing.length > 0) {
    await throwIfArchived(db, missing, sources)
    const more = missing.length > 10 ? ` and ${groupThousands(missing.length - 10)} more` : ''
    const place = source === undefined ? '' : ` in the source ${source}`
    throw new UserError({
      code: 'unknown_order',
      message: `No such order: ${missing.slice(0, 10).join(', ')}${more}${place}.`,
      fix: 'List orders with `orderctl orders list`.',
    })
  }
  for (const [reference, orders] of byReference) {
    const sources = orders.map((order) => order.source).sort()
    if (sources.length === 1) continue
    throw usageError({
      code: 'ambiguous_order',
      message: `Order ${reference} exists in several sources: ${sources.join(', ')}.`,
      fix: `Specify one: --source ${sources[0]}.`,
    })
  }
  return found
}

/** One order with its lines, reservations, payments, refunds and import, and what happens next. */
export type OrderDetail = Awaited<ReturnType<typeof showOrder>>

/** @throws UserError if the order does not exist, or exists in several sources */
export async function showOrder(db: Database, reference: string, source?: string) {
  const ids = packIds(await findOrders(db, [reference], source))
  return inSnapshot(db, async (trx) => {
    const { lease_token, import_id, file, started_at, import_status, ...order } = await trx
      .selectFrom('orders')
      .innerJoin('customers', 'customers.id', 'orders.customer_id')
      .innerJoin('imports', 'imports.id', 'orders.import_id')
      .leftJoin('due_orders', 'due_orders.order_id', 'orders.id')
      .select(['orders.reference as order_id', 'orders.source', 'orders.status', 'orders.reason', 'orders.message'])
      .select(['orders.attempt as attempts', 'customers.customer_id', 'customers.name as customer_name'])
      .select(['orders.currency', 'orders.total', 'orders.ordered_at as order_date', 'orders.business_day'])
      .select(['due_orders.lease_token', 'due_orders.due_at', 'orders.settled_at', 'orders.cleared_at'])
      .select(['imports.id as import_id', 'imports.file', 'imports.started_at', 'imports.status as import_status'])
      .where(isAmong(trx, 'orders.id', ids))
      .executeTakeFirstOrThrow()
    const lines = await trx
      .selectFrom('order_lines')
      .innerJoin('products', 'products.id', 'order_lines.product_id')
      .select(['line_number as line', 'sku', 'name', 'quantity', 'order_lines.unit_price', 'order_lines.total'])
      .where(isAmong(trx, 'order_id', ids))
      .orderBy('line_number')
      .execute()
    const reservations = await trx
      .selectFrom('stock_reservations')
      .innerJoin('products', 'products.id', 'stock_reservations.product_id')
      .select(['attempt', 'sku', 'quantity', 'expires_at'])
      .where(isAmong(trx, 'order_id', ids))
      .orderBy('attempt')
      .orderBy('sku')
      .execute()
    const payments = await trx
      .selectFrom('payments')
      .select(['attempt', 'idempotency_key', 'status', 'currency', 'amount', 'gateway_reference', 'message'])
      .select(['unanswered', 'created_at as asked_at', 'answered_at'])
      .where(isAmong(trx, 'order_id', ids))
      .orderBy('attempt')
      .execute()
    const refunds = await refundsOf(trx, ids)
    const changes = await trx
      .selectFrom('order_changes')
      .innerJoin('imports', 'imports.id', 'order_changes.import_id')
      .select(['order_changes.changed_at', 'order_changes.changed_by', 'imports.id', 'imports.file'])
      .select('order_changes.previous')
      .where(isAmong(trx, 'order_changes.order_id', ids))
      .orderBy('order_changes.changed_at')
      .orderBy('imports.id')
      .execute()
    const { currency } = order
    const claimed = lease_token !== null
    const isImported = import_status === 'finished'
    return {
      ...order,
      total: { currency, minor: order.total },
      claimed,
      /** When a worker may claim the order; for a claimed order, the end of its lease. */
      due_at: order.due_at === null ? null : new Date(dueTime(order.due_at)),
      settled_at: instantOf(order.settled_at),
      cleared_at: instantOf(order.cleared_at),
      lines: lines.map((line) => {
        const unit_price = priceNumber(line.unit_price, currency)
        return { ...line, unit_price, total: { currency, minor: line.total } }
      }),
      reservations: reservations.map((held) => {
        const state = reservationState({ status: order.status, attempt: order.attempts }, held.attempt)
        return { ...held, state, expires_at: new Date(held.expires_at) }
      }),
      payments: payments.map((payment) => {
        const instants = { asked_at: new Date(payment.asked_at), answered_at: instantOf(payment.answered_at) }
        return { ...payment, ...instants, amount: { currency: payment.currency, minor: payment.amount } }
      }),
      refunds,
      changes: changes.map(({ id, changed_at, changed_by, file, previous }) => {
        const change = { changed_at: new Date(changed_at), changed_by, import_id: String(id), file }
        return { ...change, before: readVersion(previous) }
      }),
      import: {
        id: String(import_id),
        file,
        // The lines of a changed order are from the file of the change.
        line: changes.length > 0 ? null : (lines[0]?.line ?? null),
        started_at: new Date(started_at),
      },
      /** What people changed about it. */
      actions: await actionsOn(trx, ids),
      /** What happens next, or what a person can do. */
      next: nextStep({ ...order, claimed, file, isImported, refund: refunds.at(-1)?.status }, await databaseTime(trx)),
    }
  })
}

/** Reads an order as it was before a change. */
function readVersion(json: string) {
  const { customer_id, ordered_at, currency, total, lines } = JSON.parse(json) as OrderVersion
  return {
    customer_id,
    order_date: ordered_at,
    currency,
    total: { currency, minor: total },
    lines: lines.map(({ line_number, sku, quantity, unit_price, total }) => ({
      line: line_number,
      sku,
      quantity,
      unit_price: priceNumber(unit_price, currency),
      total: { currency, minor: total },
    })),
  }
}

/** Null for a line of which only the total is known. */
function priceNumber(scaled: number | null, currency: Currency): number | null {
  return scaled === null ? null : Number(formatPrice(scaled, currency))
}

function instantOf(epochMs: number | null): Date | null {
  return epochMs === null ? null : new Date(epochMs)
}
