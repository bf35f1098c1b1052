// Undoes an import whose orders no worker has claimed and no one has changed.
import type { Kysely } from 'kysely'
import { recordAction } from '../database/actions.js'
import { countRows } from '../database/count-rows.js'
import { databaseTime, forUpdate, refreshStatistics, takeNamedLock } from '../database/engine.js'
import { isHeld } from '../database/lease.js'
import { packIds } from '../database/packed-rows.js'
import { pagesOf } from '../database/pages.js'
import { isAmong } from '../database/row-source.js'
import type { Schema } from '../database/schema.js'
import { inTransaction } from '../database/transaction.js'
import type { ImportId, OrderId } from '../domain/ids.js'
import { UserError } from '../errors.js'
import { withdrawPending } from '../queue/due-orders.js'
import type { Queue } from '../queue/queue.js'
import { countOf } from '../terminal/text.js'
import { countPending } from '../workflow/order-counts.js'
import {
  deleteAsides,
  deleteOrders,
  type ImportRun,
  ordersOf,
  RUNNING,
  removeUnusedNames,
  takeOver,
  updateRun,
  whileHeld,
} from './import-record.js'
import { endRun } from './release.js'

/** Orders per transaction. */
const PAGE = 10_000

/** How many of the orders that forbid an undo are listed. */
const EXAMPLES = 10

/** The orders that forbid an undo: their number and the first few. */
export type UsedOrders = Awaited<ReturnType<typeof readUsedOrders>>

export interface UndoOutcome {
  /** The import before the undo. */
  readonly run: ImportRun
  /** Nothing is changed if there are any. */
  readonly used: UsedOrders
}

/**
 * Undoes the import, or continues an interrupted undo. Deletes its orders, and the customers and products that only
 * they use.
 *
 * @throws UserError if the import does not exist or is running
 */
export async function undoImport(db: Kysely<Schema>, queue: Queue, id: ImportId): Promise<UndoOutcome> {
  const outcome = await previewUndo(db, id)
  const { run, used: usedBefore } = outcome
  // An interrupted undo has orders to give back to the queue.
  if (run.status === 'undone' || (run.status !== 'undoing' && usedBefore.total > 0)) return outcome
  const taken = await inTransaction(db, async (trx) => {
    // No import of this source may start meanwhile.
    await takeNamedLock(trx, 'turn_imports')
    return takeOver(trx, await readUndoable(trx, id), { status: 'undoing', ended_at: null })
  })
  const used = await whileHeld(db, taken, () => undoRun(db, queue, taken))
  return { run, used }
}

/** Reads what an undo would do. @throws UserError as undoImport does */
export async function previewUndo(db: Kysely<Schema>, id: ImportId): Promise<UndoOutcome> {
  const run = await readUndoable(db, id)
  return { run, used: await readUsedOrders(db, run) }
}

async function readUndoable(db: Kysely<Schema>, id: ImportId): Promise<ImportRun> {
  const run = await forUpdate(db, db.selectFrom('imports').selectAll().where('id', '=', id)).executeTakeFirst()
  const fix = 'List imports with `orderctl import list`.'
  if (!run) throw new UserError({ code: 'unknown_import', message: `No such import: ${id}.`, fix })
  if (run.ended_at !== null || !isHeld(run, await databaseTime(db))) return run
  throw new UserError({
    code: 'import_running',
    message: `The import of ${run.file} ${RUNNING} (process ${run.pid} on ${run.host}).`,
    fix: 'Wait until it ends, or interrupt it with Ctrl-C, then run the command again.',
    retryable: true,
  })
}

/**
 * Undoes a run that this process holds, in short transactions. A crash leaves the status `undoing`, from which the next
 * undo continues. If a worker claims an order first, makes all orders due again and deletes nothing.
 *
 * @throws UserError if another process has taken the run over
 */
export async function undoRun(db: Kysely<Schema>, queue: Queue, run: ImportRun): Promise<UsedOrders> {
  // An interrupted run has left old statistics, with which each page might scan all orders.
  await refreshStatistics(db, 'orders', 'order_lines', 'due_orders')
  await withdrawOrders(db, run)
  // No order is in the queue any more, except those that were claimed first, so this cannot change.
  const used = await readUsedOrders(db, run)
  if (used.total > 0) await endRun(db, queue, await updateRun(db, run, { status: 'releasing' }))
  else await deleteRun(db, run)
  return used
}

/** Removes the run's pending orders from the queue. */
async function withdrawOrders(db: Kysely<Schema>, run: ImportRun): Promise<void> {
  const read = (after: OrderId) => {
    const due = ordersOf(db, run, after).innerJoin('due_orders', 'due_orders.order_id', 'orders.id')
    return due.select('orders.id').orderBy('orders.id').limit(PAGE).execute()
  }
  for await (const page of pagesOf(read, ({ id }) => id, run.orders_after)) {
    await inTransaction(db, async (trx) => {
      await updateRun(trx, run, {})
      const among = trx.selectFrom('due_orders').where(isAmong(trx, 'order_id', packIds(page)))
      const free = among.where('lease_token', 'is', null).where('claims', '=', 0)
      await withdrawPending(trx, await forUpdate(trx, free.orderBy('order_id').select('order_id as id')).execute())
    })
  }
}

async function deleteRun(db: Kysely<Schema>, run: ImportRun): Promise<void> {
  // Deletes by ids that were read without a lock. MySQL locks every row that a delete reads, and workers lock orders.
  const read = (after: OrderId) => ordersOf(db, run, after).select('id').orderBy('id').limit(PAGE).execute()
  for await (const page of pagesOf(read, ({ id }) => id, run.orders_after)) {
    await inTransaction(db, async (trx) => {
      await updateRun(trx, run, {})
      await deleteOrders(trx, page)
      await countPending(trx, run.source, -page.length)
    })
  }
  await inTransaction(db, async (trx) => {
    await updateRun(trx, run, { status: 'undone', ended_at: await databaseTime(trx) })
    await removeUnusedNames(trx, run.id)
    await deleteAsides(trx, run.id)
    await recordAction(trx, { command: 'import undo', subject: String(run.id), details: run.file })
  })
}

/**
 * Reads the run's orders that were claimed, settled, retried or updated. If the run updated orders of other imports,
 * reads those. Archived orders count, but are not listed.
 */
async function readUsedOrders(db: Kysely<Schema>, run: ImportRun) {
  const changes = db.selectFrom('order_changes').select('order_id')
  const updated = db.selectFrom('orders').where('orders.id', 'in', changes.where('import_id', '=', run.id))
  const used = run.updated > 0 ? updated : usedOrders(db, run)
  const total = await countRows(used)
  const orders = await used
    .select(['orders.reference as order_id', 'orders.status', 'orders.attempt as attempts'])
    .orderBy('orders.id')
    .limit(EXAMPLES)
    .execute()
  return { total: total + run.archived, orders }
}

function usedOrders(db: Kysely<Schema>, run: ImportRun) {
  return ordersOf(db, run)
    .leftJoin('due_orders', 'due_orders.order_id', 'orders.id')
    .where(({ eb, or, exists, selectFrom }) =>
      or([
        exists(selectFrom('order_changes').whereRef('order_id', '=', 'orders.id').select('order_id')),
        eb('orders.status', '!=', 'pending'),
        eb('orders.attempt', '>', 1),
        eb('due_orders.lease_token', 'is not', null),
        eb('due_orders.claims', '>', 0),
      ]),
    )
}

export function usedError({ id, file }: ImportRun, orders: number): UserError {
  return new UserError({
    code: 'import_used',
    message: `Cannot undo the import of ${file}: ${countOf(orders, 'order was', 'orders were')} processed or changed already.`,
    fix: `See them with \`orderctl import undo ${id} --dry-run\`. To import this file all the same, omit --discard.`,
  })
}
