// Finds captures that a gateway reports under the reference of another order: then one of the two was not charged.
import type { Kysely } from 'kysely'
import { packRows } from '../database/packed-rows.js'
import { rowSource } from '../database/row-source.js'
import type { Schema } from '../database/schema.js'
import type { OrderId } from '../domain/ids.js'

interface Capture {
  readonly id: OrderId
  readonly reference: string
}

const COLUMNS = { id: 'integer', reference: 'text' } as const

/**
 * Registers the references of captured orders, in the transaction that records the captures. The simulated gateway,
 * whose references are unique, needs none of it.
 *
 * @returns the orders whose reference another order has
 */
export async function takeReferences(trx: Kysely<Schema>, captures: readonly Capture[]): Promise<ReadonlySet<OrderId>> {
  if (captures.length === 0) return new Set()
  const rows = rowSource(trx, 'row', packRows(COLUMNS, captures))
  // In one order everywhere, so that two transactions never wait for each other.
  const all = trx.selectFrom(rows).select(['row.reference', 'row.id']).orderBy('row.reference').orderBy('row.id')
  await trx
    .insertInto('payment_references')
    .columns(['reference', 'order_id'])
    .expression(all)
    .onConflict((conflict) => conflict.doNothing())
    .execute()
  const taken = await trx
    .selectFrom(rows)
    .innerJoin('payment_references as known', 'known.reference', 'row.reference')
    // Null is an archived order.
    .where((eb) => eb.or([eb('known.order_id', 'is', null), eb('known.order_id', '!=', eb.ref('row.id'))]))
    .select('row.id')
    .execute()
  return new Set(taken.map(({ id }) => id))
}
