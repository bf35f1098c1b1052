// One run of an import: its lease, its cursor, and how an interrupted run is resumed or undone.
import { randomUUID } from 'node:crypto'
import type { Kysely, Selectable } from 'kysely'
import { startBackground } from '../background.js'
import { databaseTime, forUpdate, takeNamedLock } from '../database/engine.js'
import { isHeld, RELEASED, renewal, takeLease, writeHeld } from '../database/lease.js'
import { packIds } from '../database/packed-rows.js'
import { pagesOf } from '../database/pages.js'
import { deleteAmong, isAmong } from '../database/row-source.js'
import type { Schema } from '../database/schema.js'
import { inTransaction } from '../database/transaction.js'
import { clockAt } from '../domain/business-day.js'
import type { ImportId, LeaseToken, OrderId } from '../domain/ids.js'
import { DEFAULT_SOURCE } from '../domain/order.js'
import { resumeCommand } from '../domain/shell.js'
import { UserError, usageError } from '../errors.js'
import { capitalized, countOf } from '../terminal/text.js'
import { ordersOfOpenImports, unlist } from '../workflow/customer-orders.js'

export type ImportRun = Selectable<Schema['imports']>

/** How long the lease of a killed process delays the next import of its source. */
const LEASE_MS = 15_000

/** What is known of a run whose lease is held. */
export const RUNNING = `is running, or its process was killed less than ${LEASE_MS / 1000} s ago`

interface RunInput {
  /** The shop that the orders come from. References are unique within it. */
  readonly source: string
  /** Absolute path, or `-`. */
  readonly file: string
}

export interface BeginOptions extends RunInput {
  /** Continue an interrupted run of this file. */
  readonly resume: boolean
  /** Undo an interrupted run instead of refusing to start. */
  readonly discard: boolean
}

/**
 * Starts a run, or takes over an interrupted one. Only one import per source runs at a time: two would compare each
 * other's partly stored orders.
 *
 * @returns `busy` with the run of another process for the same source; `unfinished` with a run that was interrupted
 *   after all its lines were stored (`releasing`), which the caller must end before it reads the file; or `discarded`
 *   with a run that the caller must undo first
 * @throws UserError if there is an interrupted run that `input` neither resumes nor discards
 */
export async function beginRun(
  db: Kysely<Schema>,
  input: BeginOptions,
  timeZone: string,
): Promise<{ readonly kind: 'started' | 'unfinished' | 'discarded' | 'busy'; readonly run: ImportRun }> {
  return inTransaction(db, async (trx) => {
    await takeNamedLock(trx, 'turn_imports')
    const now = await databaseTime(trx)
    // Locked: if another process is committing a chunk, this reads the cursor after it.
    const open = await forUpdate(
      trx,
      trx
        .selectFrom('imports')
        .selectAll()
        .where('source', '=', input.source)
        .where('ended_at', 'is', null)
        .orderBy('id', 'desc'),
    ).execute()
    const alive = open.find((run) => isHeld(run, now))
    if (alive) return { kind: 'busy', run: alive }
    const unfinished = input.discard ? undefined : open.find((run) => run.status === 'releasing')
    if (unfinished) {
      // Without --resume, the file may have other lines by now.
      const isResumed = input.resume && unfinished.file === input.file
      return { kind: isResumed ? 'started' : 'unfinished', run: await takeOver(trx, unfinished) }
    }
    const filled = open.filter((run) => !isEmpty(run))
    for (const run of open.filter(isEmpty)) await endEmptyRun(trx, run)
    const isResumed = (run: ImportRun) => input.resume && run.status === 'reading' && run.file === input.file
    const resumed = filled.find(isResumed)
    const left = filled.find((run) => run !== resumed)
    if (left && !input.discard) throw unfinishedError(left, input, timeZone)
    if (left) return { kind: 'discarded', run: await takeOver(trx, left, { status: 'undoing', ended_at: null }) }
    return { kind: 'started', run: resumed ? await takeOver(trx, resumed) : await insertRun(trx, input) }
  })
}

/** Inserts a run under a lease of this process. */
export async function insertRun(db: Kysely<Schema>, { source, file }: RunInput): Promise<ImportRun> {
  const lease = await newLease(db)
  const start = { started_at: await databaseTime(db), orders_after: await lastOrderId(db) }
  await db
    .insertInto('imports')
    .values({ source, file, status: 'reading', ...start, ...lease })
    .execute()
  return db.selectFrom('imports').selectAll().where('lease_token', '=', lease.lease_token).executeTakeFirstOrThrow()
}

/** Whether the run was interrupted before it stored a line. */
function isEmpty({ status, byte_offset }: ImportRun): boolean {
  return status === 'reading' && byte_offset === 0
}

function unfinishedError(run: ImportRun, { source, file }: RunInput, timeZone: string): UserError {
  const { id, status, rows } = run
  const place = source === DEFAULT_SOURCE ? '' : ` into the source ${source}`
  const since = `${clockAt(run.started_at, timeZone)} ${timeZone}`
  const state = status === 'undoing' ? 'being undone, but that was interrupted' : 'unfinished'
  const choices = [
    ...(status === 'reading' ? [`continue it with \`${resumeCommand(run)}\``] : []),
    `take it back with \`orderctl import undo ${id}\``,
    ...(run.file === file ? [] : ['import this file under another --source']),
  ]
  return usageError({
    code: 'import_unfinished',
    message: `The import of ${run.file}${place} is ${state}: ${countOf(rows, 'line')} stored, started at ${since} (import ${id}).`,
    fix: `${capitalized(choices.join(', '))}, or take it back and import this file with --discard.`,
  })
}

/** Makes this process the holder of the run. */
export async function takeOver(
  db: Kysely<Schema>,
  run: ImportRun,
  changes: Partial<Pick<ImportRun, 'status' | 'ended_at'>> = {},
): Promise<ImportRun> {
  // A copied database can assign ids below `orders_after`: the original had deleted its last orders.
  const orders_after = Math.min(run.orders_after, await lastOrderId(db)) as OrderId
  const all = { ...(await newLease(db)), orders_after, ...changes }
  await db.updateTable('imports').set(all).where('id', '=', run.id).execute()
  return { ...run, ...all }
}

async function newLease(db: Kysely<Schema>) {
  return { lease_token: randomUUID() as string as LeaseToken, ...(await takeLease(db, LEASE_MS)) }
}

const fenceOf = ({ id, lease_token }: ImportRun) => ({ id, lease_token })

/**
 * Renews the lease and stores the run's progress or result.
 *
 * @throws UserError if another process has taken the run over
 */
export async function updateRun(
  db: Kysely<Schema>,
  run: ImportRun,
  changes: Partial<Omit<ImportRun, 'id'>>,
): Promise<ImportRun> {
  const all = { ...changes, ...(await renewal(db, LEASE_MS)) }
  if (await writeHeld(db, 'imports', fenceOf(run), all)) return { ...run, ...all }
  throw new UserError({
    code: 'import_taken_over',
    message: `Another process took over import ${run.id}, because this one did not renew its lease in time.`,
    fix: 'No data is lost: the other process continues the import. `orderctl status` shows its progress.',
  })
}

/** Renews the lease of the run until `act` ends, then releases it, so that the import can be resumed at once. */
export async function whileHeld<Result>(
  db: Kysely<Schema>,
  run: ImportRun,
  act: () => Promise<Result>,
): Promise<Result> {
  const renewing = startBackground(() => updateRun(db, run, {}), { pauseMs: () => LEASE_MS / 3 })
  try {
    return await act()
  } finally {
    await renewing.end()
    // If this fails, the lease ends by itself.
    await writeHeld(db, 'imports', fenceOf(run), RELEASED).catch(() => undefined)
  }
}

/** Ends a run that failed before it stored a line, such as for its header. @returns whether it was such a run */
export async function endEmptyRun(db: Kysely<Schema>, run: ImportRun): Promise<boolean> {
  const empty = { ...fenceOf(run), status: 'reading', byte_offset: 0 } as const
  return writeHeld(db, 'imports', empty, { status: 'undone', ended_at: await databaseTime(db) })
}

/**
 * Deletes orders that no worker has claimed, with their lines, changes and events. Such orders have no other rows. The
 * caller counts the orders.
 */
export async function deleteOrders(db: Kysely<Schema>, orders: readonly { readonly id: OrderId }[]): Promise<void> {
  const ids = packIds(orders)
  await unlist(db, ids)
  for (const table of ['order_changes', 'events', 'order_lines'] as const) await deleteAmong(db, table, 'order_id', ids)
  await deleteAmong(db, 'orders', 'id', ids)
}

/**
 * Selects the orders that the run stored. The range of ids makes an index on import_id unnecessary.
 *
 * @param after the last id of the page before. With a second lower bound, SQLite may choose the wrong one for a search
 */
export function ordersOf(db: Kysely<Schema>, { id, orders_after }: ImportRun, after = orders_after) {
  return db.selectFrom('orders').where('import_id', '=', id).where('orders.id', '>', after)
}

const RELEASE_SLICE = 10_000

/** Yields the pending orders that the run has stored, and those that it has updated, in slices. */
export async function* ordersToRelease(db: Kysely<Schema>, run: ImportRun) {
  const changes = db.selectFrom('order_changes').where('import_id', '=', run.id).select('order_id')
  const updated = (after: OrderId) => db.selectFrom('orders').where('id', 'in', changes).where('orders.id', '>', after)
  for (const orders of [(after: OrderId) => ordersOf(db, run, after), ...(run.updated > 0 ? [updated] : [])]) {
    const read = (after: OrderId) =>
      orders(after).select('id').where('status', '=', 'pending').orderBy('id').limit(RELEASE_SLICE).execute()
    yield* pagesOf(read, ({ id }) => id, orders === updated ? undefined : run.orders_after)
  }
}

/** Returns the largest order id; 0 without orders. */
export async function lastOrderId(db: Kysely<Schema>): Promise<OrderId> {
  const last = await db.selectFrom('orders').select('id').orderBy('id', 'desc').limit(1).executeTakeFirst()
  return last?.id ?? (0 as OrderId)
}

/** Deletes the run's set-aside lines and marks. @returns the number of lines */
export async function deleteAsides(db: Kysely<Schema>, id: ImportId): Promise<number> {
  await db.deleteFrom('import_spoiled').where('import_id', '=', id).execute()
  const { numDeletedRows } = await db.deleteFrom('import_asides').where('import_id', '=', id).executeTakeFirst()
  return Number(numDeletedRows)
}

/**
 * Deletes customers and products that the import created and no order uses, in the caller's transaction. Waits for
 * chunks that other imports are storing, which may use them, and blocks later chunks.
 *
 * @returns the number of products
 */
export async function removeUnusedNames(db: Kysely<Schema>, id: ImportId): Promise<number> {
  await takeNamedLock(db, 'turn_names')
  await db
    .deleteFrom('customers')
    .where('import_id', '=', id)
    .where(({ not, exists, selectFrom }) =>
      not(exists(selectFrom('customer_orders').whereRef('customer_id', '=', 'customers.id').select('order_id'))),
    )
    .where('id', 'not in', ordersOfOpenImports(db).select('orders.customer_id').distinct())
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('archived_orders as gone').whereRef('gone.customer_id', '=', 'customers.id').select('source'),
        ),
      ),
    )
    .execute()
  const created = db.selectFrom('products').select('id').where('import_id', '=', id)
  // Skips the next query if possible: it reads all lines.
  if (!(await created.limit(1).executeTakeFirst())) return 0
  const unused = await created
    .where('id', 'not in', (eb) => eb.selectFrom('order_lines').select('order_lines.product_id').distinct())
    .where('id', 'not in', (eb) =>
      eb.selectFrom('archived_sales_by_product').select('archived_sales_by_product.product_id'),
    )
    .execute()
  // Locks these ids only: a lock in the query above would also wait for products that workers lock. A product that was
  // changed manually in between no longer belongs to the import.
  const locked = await forUpdate(db, created.where(isAmong(db, 'id', packIds(unused))).orderBy('id')).execute()
  await deleteAmong(db, 'stock_adjustments', 'product_id', packIds(locked))
  await deleteAmong(db, 'products', 'id', packIds(locked))
  return locked.length
}

/** Returns the runs of the source that have not ended, and whether a process may still be working on one. */
export async function readOpenRuns(db: Kysely<Schema>, source: string) {
  const runs = await db
    .selectFrom('imports')
    .selectAll()
    .where('source', '=', source)
    .where('ended_at', 'is', null)
    .execute()
  const now = await databaseTime(db)
  return { runs, isBusy: runs.some((run) => isHeld(run, now)) }
}
