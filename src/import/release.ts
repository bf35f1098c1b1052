// Ends an import: lists its orders by customer, makes them due and publishes them.
import type { Kysely } from 'kysely'
import { databaseTime, shareNamedLock } from '../database/engine.js'
import type { Schema } from '../database/schema.js'
import { inTransaction } from '../database/transaction.js'
import type { OrderId } from '../domain/ids.js'
import { UserError } from '../errors.js'
import { dueAtOnce, makeDue } from '../queue/due-orders.js'
import type { Queue } from '../queue/queue.js'
import { listByCustomer } from '../workflow/customer-orders.js'
import { type ImportRun, lastOrderId, ordersOf, ordersToRelease, updateRun } from './import-record.js'

/**
 * Lists the import's orders by customer, makes them due and publishes them, in slices, so that others do not wait long.
 * If the queue's server becomes unreachable, the rest still becomes due. A resumed run goes through all orders again;
 * those that are already due do not change.
 */
export async function endRun(db: Kysely<Schema>, queue: Queue, run: ImportRun) {
  await listOrders(db, run)
  let published = 0
  let unpublished: UserError | undefined
  for await (const slice of ordersToRelease(db, run)) {
    const ids = slice.map(({ id }) => id)
    const due = await inTransaction(db, async (trx) => {
      // The fence: if another process has taken the run over, no order becomes due twice.
      await updateRun(trx, run, {})
      return makeDue(trx, ids, dueAtOnce(await databaseTime(trx)))
    })
    if (unpublished) continue
    try {
      await queue.publish(ids)
      published += due
    } catch (error) {
      if (!(error instanceof UserError)) throw error
      unpublished = error
    }
  }
  const ended = await updateRun(db, run, { status: 'finished', ended_at: await databaseTime(db) })
  return { run: ended, published, unpublished }
}

/** Orders that are listed in one transaction: many, so that each part of the list is written only once. */
const LISTED = 200_000

/** Lists the run's orders under their customers. */
async function listOrders(db: Kysely<Schema>, run: ImportRun): Promise<void> {
  const last = await lastOrderId(db)
  for (let after: number = run.orders_after; after < last; after += LISTED) {
    await inTransaction(db, async (trx) => {
      // An undo that removes unused names would miss orders that are listed while it looks for them.
      await shareNamedLock(trx, 'turn_names')
      await updateRun(trx, run, {})
      const orders = ordersOf(trx, run, after as OrderId).where('orders.id', '<=', (after + LISTED) as OrderId)
      await listByCustomer(trx, orders)
    })
  }
}
