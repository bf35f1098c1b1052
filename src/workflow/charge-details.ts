// Reads what a gateway outside this process needs to know of the orders of a batch.
import type { Kysely } from 'kysely'
import { readFirstUse } from '../database/backups.js'
import { ofCurrentAttempt } from '../database/current-attempt.js'
import { databaseTime } from '../database/engine.js'
import { packIds } from '../database/packed-rows.js'
import { Prepared } from '../database/prepared.js'
import { isAmong } from '../database/row-source.js'
import type { Schema } from '../database/schema.js'
import type { OrderId } from '../domain/ids.js'
import { isOldKey } from '../payments/ask.js'
import type { ChargeDetails } from './charge.js'

/**
 * A key counts from its intent, which is older than the first call. Both times are the database's, so the gateway's
 * clock does not matter.
 */
export async function readChargeDetails(
  db: Kysely<Schema>,
  orders: readonly { readonly id: OrderId }[],
  keyLifetimeMs: number,
): Promise<ReadonlyMap<OrderId, ChargeDetails>> {
  if (orders.length === 0) return new Map()
  const now = await databaseTime(db)
  const firstUse = await readFirstUse(db)
  const rows = await intents.all(db, { ids: packIds(orders) })
  return new Map(
    rows.map(({ id, source, reference, customer, intentAt, orderedAt }) => [
      id,
      { order: { source, reference, customer }, isOld: isOldKey(firstUse(intentAt, orderedAt), now, keyLifetimeMs) },
    ]),
  )
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
    .innerJoin('payments', ofCurrentAttempt)
    .where(isAmong(db, 'orders.id', value('ids')))
    .select(['orders.id', 'orders.source', 'orders.reference', 'orders.ordered_at as orderedAt'])
    .select(['customers.customer_id as customer', 'payments.created_at as intentAt']),
)
