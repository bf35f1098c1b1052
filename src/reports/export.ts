// Exports settled orders in the order in which they were settled, with a cursor from which the next export continues.
import { sql } from 'kysely'
import type { Database } from '../database/connection.js'
import { ofCurrentAttempt } from '../database/current-attempt.js'
import { endSettlements } from '../database/settlement-time.js'
import type { OrderId } from '../domain/ids.js'

/** A position in the orders by the time of their settlement. Orders after it are exported next. */
export interface Cursor {
  /** Epoch milliseconds. */
  readonly settledAt: number
  /** The last order of that time that was exported. */
  readonly id: OrderId
}

const NONE = 0 as OrderId

/** The position before all orders that were settled at this time (epoch milliseconds) or later. */
export function cursorAt(settledAt: number): Cursor {
  return { settledAt, id: NONE }
}

export function cursorText({ settledAt, id }: Cursor): string {
  return `${settledAt}.${id}`
}

/** Returns undefined if the text is no cursor. */
export function readCursor(text: string): Cursor | undefined {
  const [, settledAt, id] = /^(\d{1,15})\.(\d{1,15})$/.exec(text) ?? []
  return settledAt === undefined ? undefined : { settledAt: Number(settledAt), id: Number(id) as OrderId }
}

export interface ExportOptions {
  readonly after: Cursor
  readonly source?: string | undefined
  /** Maximum number of orders. */
  readonly limit: number
}

export type ExportedOrder = Awaited<ReturnType<typeof readPage>>[number]

/** Rows per statement. */
const PAGE = 1000

/**
 * Yields the orders that are settled, each as it is when its page is read, in the order of their settlement. Every
 * order that is settled before the call and after the cursor is in one of the pages, unless it was retried meanwhile:
 * then a later export has it. An export that continues after the returned cursor, or after that of any row, misses no
 * settlement, however long a transaction took and whatever the clock shows (see settlement-time.ts).
 *
 * @returns the cursor for the next export
 */
export async function* exportSettled(
  db: Database,
  { after, source, limit }: ExportOptions,
): AsyncGenerator<ExportedOrder[], Cursor> {
  const until = await endSettlements(db)
  for (let [cursor, left] = [after, limit]; ; ) {
    const size = Math.min(PAGE, left)
    const page = await readPage(db, { after: cursor, until, source, size })
    const last = page.at(-1)
    if (last) yield page
    // A cursor that is later than the end of this export belongs to another database: keep it.
    if (page.length < size) return cursorAt(Math.max(after.settledAt, until + 1))
    if (last) cursor = readCursor(last.cursor) ?? cursor
    left -= page.length
    if (left <= 0) return cursor
  }
}

interface PageOptions {
  readonly after: Cursor
  readonly until: number
  readonly source: string | undefined
  readonly size: number
}

async function readPage(db: Database, { after, until, source, size }: PageOptions) {
  const rows = await db
    .selectFrom('orders')
    .innerJoin('customers', 'customers.id', 'orders.customer_id')
    .leftJoin('payments', (join) => ofCurrentAttempt(join).on('payments.status', '=', 'captured'))
    .select(['orders.id', 'orders.reference as order_id', 'orders.source', 'orders.status', 'orders.reason'])
    .select(['orders.message', 'orders.settled_at', 'orders.attempt as attempts', 'orders.ordered_at as order_date'])
    .select(['customers.customer_id', 'orders.total', 'orders.currency'])
    .select(['payments.amount as captured', 'payments.gateway_reference as payment_reference'])
    .select((eb) =>
      eb
        .selectFrom('refunds')
        .whereRef('refunds.order_id', '=', 'orders.id')
        .where('refunds.status', '=', 'refunded')
        .select((inner) => inner.fn.sum<number | null>('refunds.amount').as('refunded'))
        .as('refunded'),
    )
    // The first condition is for MySQL, which uses no index to compare several columns at once.
    .where('orders.settled_at', '>=', after.settledAt)
    .where(sql<boolean>`(orders.settled_at, orders.id) > (${after.settledAt}, ${after.id})`)
    .where('orders.settled_at', '<=', until)
    .$if(source !== undefined, (query) => query.where('orders.source', '=', source ?? ''))
    .orderBy('orders.settled_at')
    .orderBy('orders.id')
    .limit(size)
    .$narrowType<{ settled_at: number }>()
    .execute()
  return rows.map(({ id, settled_at, total, captured, refunded, ...order }) => {
    const { currency } = order
    const paid = (amount: (captured: number) => number) =>
      captured === null ? null : { currency, minor: amount(captured) }
    return {
      ...order,
      settled_at: new Date(settled_at),
      total: { currency, minor: total },
      /** Null if no payment was captured, as are the next two. */
      captured: paid((all) => all),
      refunded: paid(() => refunded ?? 0),
      net: paid((all) => all - (refunded ?? 0)),
      cursor: cursorText({ settledAt: settled_at, id }),
    }
  })
}
