// Which orders may be archived: those that no worker, person, gateway or receiver has to do with any more.
import { type Kysely, sql } from 'kysely'
import { countRows } from '../database/count-rows.js'
import { isAmong } from '../database/row-source.js'
import type { Schema } from '../database/schema.js'
import type { OrderId } from '../domain/ids.js'
import { OPEN_REFUND_STATUSES } from '../domain/order.js'
import type { Cursor } from '../reports/export.js'

export interface Selection {
  /** Only orders that were settled before this time (epoch milliseconds). */
  readonly settled_before: number
  /** Null for all sources. */
  readonly source: string | null
}

/**
 * Selects settled orders without a refund of unknown outcome and without an event that was not delivered. Orders that
 * need review are not settled.
 */
function archivable(db: Kysely<Schema>, { settled_before, source }: Selection) {
  return db
    .selectFrom('orders')
    .where('orders.settled_at', '<', settled_before)
    .$if(source !== null, (query) => query.where('orders.source', '=', source ?? ''))
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('refunds')
            .whereRef('refunds.order_id', '=', 'orders.id')
            .where('refunds.status', 'in', OPEN_REFUND_STATUSES)
            .select('refunds.order_id'),
        ),
      ),
    )
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('events')
            .whereRef('events.order_id', '=', 'orders.id')
            .where('events.state', '=', 'waiting')
            .select('events.order_id'),
        ),
      ),
    )
}

/** Reads the next orders after the cursor, in the order of settlement. */
export function archivableAfter(db: Kysely<Schema>, selection: Selection, { settledAt, id }: Cursor, limit: number) {
  return (
    archivable(db, selection)
      // The first condition is for MySQL, which uses no index to compare several columns at once.
      .where('orders.settled_at', '>=', settledAt)
      .where(sql<boolean>`(orders.settled_at, orders.id) > (${settledAt}, ${id})`)
      .orderBy('orders.settled_at')
      .orderBy('orders.id')
      .limit(limit)
      .select(['orders.id', 'orders.settled_at'])
      .$narrowType<{ settled_at: number }>()
      .execute()
  )
}

/** Returns the ids of those orders that may be archived. */
export async function archivableAmong(db: Kysely<Schema>, selection: Selection, ids: readonly OrderId[]) {
  const found = await archivable(db, selection)
    .where(isAmong(db, 'orders.id', ids))
    .select('orders.id')
    .execute()
  return found.map(({ id }) => id)
}

/** Counts the orders by status, and the settled ones before the time that must stay for now. */
export async function countArchivable(db: Kysely<Schema>, selection: Selection) {
  const orders = await countRows(archivable(db, selection))
  const settled = db
    .selectFrom('orders')
    .where('settled_at', '<', selection.settled_before)
    .$if(selection.source !== null, (query) => query.where('source', '=', selection.source ?? ''))
  return { orders, waiting: (await countRows(settled)) - orders }
}
