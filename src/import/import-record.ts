// One run of an import: its lease, its cursor, and how an interrupted run is resumed or undone.
import { randomUUID } from 'node:crypto'
import type { Kysely, Selectable } from 'kysely'
import { databaseTime, forUpdate, refreshStatistics, takeNamedLock } from '../database/engine.js'
import { isAlive, RELEASED, renewal, takeLease, writeHeld } from '../database/lease.js'
import { packIds } from '../database/packed-rows.js'
import { pagesOf } from '../database/pages.js'
import { isAmong } from '../database/row-source.js'
import type { Schema } from '../database/schema.js'
import { inTransaction } from '../database/transaction.js'
import type { ImportId, LeaseToken, OrderId } from '../domain/ids.js'
import { UserError } from '../errors.js'

export type ImportRun = Selectable<Schema['imports']>

const LEASE_MS = 30_000

/** How often a run renews its lease while it waits for input. */
export const RENEW_MS = LEASE_MS / 3

/** The shop and the file of a run. */
interface RunInput {
  readonly source: string
  readonly file: string
}

/**
 * Starts a run, or takes over an interrupted one. Only one import per source runs at a time: two would compare each
 * other's partly stored orders. Undoes all other interrupted runs, so that orders of this run do not duplicate theirs.
 *
 * @returns `busy` with the run of another process for the same source; or `unfinished` with a run of another file that
 *   was interrupted after all its lines were stored (`releasing`), which the caller must end first
 */
export async function beginRun(
  db: Kysely<Schema>,
  input: RunInput & { readonly resume: boolean },
): Promise<{ readonly kind: 'started' | 'unfinished' | 'busy'; readonly run: ImportRun }> {
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
    const alive = open.find((run) => isAlive(run, now))
    if (alive) return { kind: 'busy', run: alive }
    const unfinished = open.find((run) => run.status === 'releasing')
    if (unfinished)
      return { kind: unfinished.file === input.file ? 'started' : 'unfinished', run: await takeOver(trx, unfinished) }
    const resumed = input.resume ? open.find((run) => run.file === input.file) : undefined
    for (const run of open) if (run !== resumed) await undoImport(trx, run)
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

async function takeOver(db: Kysely<Schema>, run: ImportRun): Promise<ImportRun> {
  // A copied database can assign ids below `orders_after`: the original had deleted its last orders.
  const orders_after = Math.min(run.orders_after, await lastOrderId(db)) as OrderId
  const lease = { ...(await newLease(db)), orders_after }
  await db.updateTable('imports').set(lease).where('id', '=', run.id).execute()
  return { ...run, ...lease }
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

/** Releases the lease, so that the import can be resumed at once. If this fails, the lease expires by itself. */
export async function releaseLease(db: Kysely<Schema>, run: ImportRun): Promise<void> {
  await writeHeld(db, 'imports', fenceOf(run), RELEASED).catch(() => undefined)
}

/** Ends a run that failed before it stored a line, for example because of its header. */
export async function endEmptyRun(db: Kysely<Schema>, run: ImportRun): Promise<void> {
  const empty = { ...fenceOf(run), status: 'reading', byte_offset: 0 } as const
  await writeHeld(db, 'imports', empty, { status: 'taken_back', ended_at: await databaseTime(db) })
}

const PAGE = 10_000

/** Undoes a run whose orders are not due yet. Deletes the orders, their lines, and the names that only they use. */
export async function undoImport(db: Kysely<Schema>, run: ImportRun): Promise<void> {
  // An interrupted run has left old statistics, with which each page might scan all orders. This blocks other refreshes
  // of these tables until the transaction ends.
  await refreshStatistics(db, 'orders', 'order_lines')
  // Deletes by ids that were read without a lock. MySQL locks every row that a delete reads, and workers lock orders.
  const orders = ordersOf(db, run).select('id').orderBy('id').limit(PAGE)
  const read = (after: OrderId) => orders.where('id', '>', after).execute()
  for await (const page of pagesOf(read, ({ id }) => id)) await deleteOrders(db, page)
  await removeUnusedNames(db, run.id)
  await deleteAsides(db, run.id)
  const ended = { status: 'taken_back', ended_at: await databaseTime(db) } as const
  await db.updateTable('imports').set(ended).where('id', '=', run.id).execute()
}

/** Deletes orders that no worker has claimed, with their lines and recorded changes. Such orders have no other rows. */
export async function deleteOrders(db: Kysely<Schema>, orders: readonly { readonly id: OrderId }[]): Promise<void> {
  await deleteByIds(db, 'order_changes', 'order_id', orders)
  await deleteByIds(db, 'order_lines', 'order_id', orders)
  await deleteByIds(db, 'orders', 'id', orders)
}

async function deleteByIds<Table extends keyof Schema>(
  db: Kysely<Schema>,
  table: Table,
  column: keyof Schema[Table] & string,
  rows: readonly { readonly id: number }[],
): Promise<void> {
  const deletion = db.deleteFrom<keyof Schema>(table).where(isAmong(db, column, packIds(rows)))
  await deletion.execute()
}

/** Selects the orders that the run stored. The range of ids makes an index on import_id unnecessary. */
function ordersOf(db: Kysely<Schema>, { id, orders_after }: ImportRun) {
  return db.selectFrom('orders').where('import_id', '=', id).where('id', '>', orders_after)
}

/** Yields the pending orders that the run has stored, and those that it has updated, in slices. */
export async function* ordersToRelease(db: Kysely<Schema>, run: ImportRun) {
  const changes = db.selectFrom('order_changes').where('import_id', '=', run.id).select('order_id')
  const updated = db.selectFrom('orders').where('id', 'in', changes)
  for (const orders of run.updated > 0 ? [ordersOf(db, run), updated] : [ordersOf(db, run)]) {
    const pending = orders.select('id').where('status', '=', 'pending').orderBy('id').limit(PAGE)
    yield* pagesOf(
      (after: OrderId) => pending.where('id', '>', after).execute(),
      ({ id }) => id,
    )
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
      not(exists(selectFrom('orders').whereRef('orders.customer_id', '=', 'customers.id').select('orders.id'))),
    )
    .execute()
  const created = db.selectFrom('products').select('id').where('import_id', '=', id)
  // Skips the next query if possible: it reads all lines.
  if (!(await created.limit(1).executeTakeFirst())) return 0
  const unused = await created
    .where('id', 'not in', (eb) => eb.selectFrom('order_lines').select('order_lines.product_id').distinct())
    .execute()
  // Locks these ids only: a lock in the query above would also wait for products that workers lock. A product that was
  // changed manually in between no longer belongs to the import.
  const locked = await forUpdate(db, created.where(isAmong(db, 'id', packIds(unused))).orderBy('id')).execute()
  await deleteByIds(db, 'stock_adjustments', 'product_id', locked)
  await deleteByIds(db, 'products', 'id', locked)
  return locked.length
}
