// The times at which orders are settled. They let an export continue after a cursor without missing an order.
import type { Kysely } from 'kysely'
import { databaseTime, forUpdate, writesAlone } from './engine.js'
import { Prepared } from './prepared.js'
import type { Schema } from './schema.js'
import { writeSetting } from './settings.js'
import { inTransaction } from './transaction.js'

const NAME = 'settled_until'

/**
 * Returns the time of a settlement, for `settled_at`: the database's clock, but always later than the end of every
 * export so far, even if the clock was set back. Shares a lock that an export takes alone, so call it before the
 * transaction locks products.
 */
export async function settlementTime(trx: Kysely<Schema>): Promise<number> {
  const [row] = await readEnd.all(trx, {})
  return Math.max(await databaseTime(trx), Number(row?.value ?? 0) + 1)
}

const readEnd = new Prepared<object, { value: string }>((db) => {
  const row = db.selectFrom('settings').select('value').where('name', '=', NAME)
  return writesAlone(db) ? row : row.forShare()
})

/**
 * Ends the settlements so far: waits for the transactions that are settling orders, and makes all later ones use a
 * later time.
 *
 * @returns the latest time of a settlement that has been committed or will ever appear at or before it
 */
export function endSettlements(db: Kysely<Schema>): Promise<number> {
  return inTransaction(db, async (trx) => {
    const row = trx.selectFrom('settings').select('value').where('name', '=', NAME)
    const before = await forUpdate(trx, row).executeTakeFirstOrThrow()
    const { latest } = await trx
      .selectFrom('orders')
      .select((eb) => eb.fn.max<number | null>('settled_at').as('latest'))
      .where('settled_at', 'is not', null)
      .executeTakeFirstOrThrow()
    const end = Math.max(await databaseTime(trx), Number(before.value), latest ?? 0)
    await writeSetting(trx, NAME, String(end))
    return end
  })
}
