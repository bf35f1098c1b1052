// Reads what a gateway outside this process needs to know of the orders of a batch.
import type { Kysely } from 'kysely'
import { readRestored } from '../database/backups.js'
import { databaseTime } from '../database/engine.js'
import { packIds } from '../database/packed-rows.js'
import { Prepared } from '../database/prepared.js'
import { isAmong } from '../database/row-source.js'
import type { Schema } from '../database/schema.js'
import type { OrderId } from '../domain/ids.js'
import { DAY_MS } from '../domain/time.js'
import type { ChargeDetails } from './charge.js'

/**
 * A key counts from its intent, which is older than the first call. Both times are the database's, so the gateway's
 * clock does not matter. A restore loses intents, so orders from before it may have been charged since the backup.
 */
export async function readChargeDetails(
  db: Kysely<Schema>,
  orders: readonly { readonly id: OrderId }[],
  keyLifetimeMs: number,
): Promise<ReadonlyMap<OrderId, ChargeDetails>> {
  if (orders.length === 0) return new Map()
  const forgotten = (await databaseTime(db)) - keyLifetimeMs
  const restored = await readRestored(db)
  const mayBeOlder = restored !== undefined && restored.taken_at <= forgotten ? dayAfter(restored.at) : ''
  const rows = await intents.all(db, { ids: packIds(orders) })
  return new Map(
    rows.map(({ id, source, reference, customer, intentAt, orderedAt }) => [
      id,
      { order: { source, reference, customer }, isOld: intentAt <= forgotten || orderedAt < mayBeOlder },
    ]),
  )
}

/** As orders are dated. A day allows for time zones. */
function dayAfter(instant: number): string {
  return new Date(instant + DAY_MS).toISOString().slice(0, 19)
}

interface Intent {
  readonly id: OrderId
  readonly source: string
  readonly reference: string
  readonly customer: string
  readonly intentAt: number
  readonly orderedAt: string
}

const intents = new Prepared<{ ids: string }, Intent>((db, value) =>
  db
    .selectFrom('orders')
    .innerJoin('customers', 'customers.id', 'orders.customer_id')
    .innerJoin('payments', (join) =>
      join.onRef('payments.order_id', '=', 'orders.id').onRef('payments.attempt', '=', 'orders.attempt'),
    )
    .where(isAmong(db, 'orders.id', value('ids')))
    .select(['orders.id', 'orders.source', 'orders.reference', 'orders.ordered_at as orderedAt'])
    .select(['customers.customer_id as customer', 'payments.created_at as intentAt']),
)
