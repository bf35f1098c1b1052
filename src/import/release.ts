// Ends an import: makes its orders due and publishes them.
import type { Kysely } from 'kysely'
import { databaseTime } from '../database/engine.js'
import type { Schema } from '../database/schema.js'
import { inTransaction } from '../database/transaction.js'
import { UserError } from '../errors.js'
import { dueAtOnce, makeDue } from '../queue/due-orders.js'
import type { Queue } from '../queue/queue.js'
import { type ImportRun, ordersToRelease, updateRun } from './import-record.js'

/**
 * Makes the import's orders due and publishes them, in slices, so that workers and other imports do not wait for long.
 * If the queue's server becomes unreachable, the rest still becomes due. A resumed run goes through all orders again;
 * those that are already due do not change.
 */
export async function endRun(db: Kysely<Schema>, queue: Queue, run: ImportRun) {
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
