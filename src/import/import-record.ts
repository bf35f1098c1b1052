// One run of an import over one file: its lease, its cursor, and how a run that was cut off is resumed or undone.
import { randomUUID } from 'node:crypto'
import type { Kysely, Selectable } from 'kysely'
import { databaseTime, forUpdate, refreshStatistics, takeTurn } from '../database/engine.js'
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

/** How often a run renews its lease while it waits for its input. */
export const RENEW_MS = LEASE_MS / 3

/** The shop and the file that a run is to import. */
interface RunInput {
  readonly source: string
  readonly file: string
}

/**
 * Begins a run, or takes over one that was cut off. One import runs at a time for each source: two would judge each other's
 * half-stored orders. Undoes all other runs that were cut off: their orders would make those of this run duplicates.
 *
 * @returns `busy` with the run of another process that imports from the source, or `unfinished` with the run of another file,
 *   which was cut off after all its lines were stored (`releasing`): it is to be ended first
 */
export async function beginRun(
  db: Kysely<Schema>,
  input: RunInput & { readonly resume: boolean },
): Promise<{ readonly kind: 'started' | 'unfinished' | 'busy'; readonly run: ImportRun }> {
  return inTransaction(db, async (trx) => {
    await takeTurn(trx, 'turn_imports')
    const now = await databaseTime(trx)
    // Locked, to read the cursor behind a chunk that another process is committing.
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

/** Inserts a run that this process holds. */
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
  // In a copy of a database, new orders may have smaller ids than orders that the original had and removed.
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
 * Renews the lease and writes how far the run is, or how it ended.
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
    message: `Import ${run.id} was taken over by another process, since this one did not renew its lease.`,
    fix: 'Nothing is lost: the other process goes on with it. `orderctl status` shows how far it is.',
  })
}

/** Lets an import that failed or was interrupted be resumed at once. If that fails, the lease runs out by itself. */
export async function releaseLease(db: Kysely<Schema>, run: ImportRun): Promise<void> {
  await writeHeld(db, 'imports', fenceOf(run), RELEASED).catch(() => undefined)
}

/** Ends a run that failed before it stored a line, because of its header for instance. */
export async function endEmptyRun(db: Kysely<Schema>, run: ImportRun): Promise<void> {
  const unbegun = { ...fenceOf(run), status: 'reading', byte_offset: 0 } as const
  await writeHeld(db, 'imports', unbegun, { status: 'taken_back', ended_at: await databaseTime(db) })
}

const PAGE = 10_000

/** Undoes a run whose orders no worker has seen: deletes them, their lines, and what was created for them alone. */
export async function undoImport(db: Kysely<Schema>, run: ImportRun): Promise<void> {
  // Nothing has refreshed the statistics for a run that was cut off, and each page might cost a search through all orders.
  // Other refreshes of these tables, such as at the end of an import, wait until the end of this transaction.
  await refreshStatistics(db, 'orders', 'order_lines')
  // By ids that are read without a lock: MySQL locks all that a delete reads, and workers hold orders behind these.
  const orders = ordersOf(db, run).select('id').orderBy('id').limit(PAGE)
  const read = (after: OrderId) => orders.where('id', '>', after).execute()
  for await (const page of pagesOf(read, ({ id }) => id)) await deleteOrders(db, page)
  await removeUnusedNames(db, run.id)
  await deleteAsides(db, run.id)
  const ended = { status: 'taken_back', ended_at: await databaseTime(db) } as const
  await db.updateTable('imports').set(ended).where('id', '=', run.id).execute()
}

/** Deletes orders that no worker has seen, with their lines: they have nothing else. */
export async function deleteOrders(db: Kysely<Schema>, orders: readonly { readonly id: OrderId }[]): Promise<void> {
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

/** All orders that the run stored. A range of ids finds them, so that no index over imports is needed. */
export function ordersOf(db: Kysely<Schema>, { id, orders_after }: ImportRun) {
  return db.selectFrom('orders').where('import_id', '=', id).where('id', '>', orders_after)
}

/** 0 if there is none. */
export async function lastOrderId(db: Kysely<Schema>): Promise<OrderId> {
  const last = await db.selectFrom('orders').select('id').orderBy('id', 'desc').limit(1).executeTakeFirst()
  return last?.id ?? (0 as OrderId)
}

/** @returns how many lines were set aside */
export async function deleteAsides(db: Kysely<Schema>, id: ImportId): Promise<number> {
  await db.deleteFrom('import_spoiled').where('import_id', '=', id).execute()
  const { numDeletedRows } = await db.deleteFrom('import_asides').where('import_id', '=', id).executeTakeFirst()
  return Number(numDeletedRows)
}

/**
 * Removes customers and products that the import created and that no order of any import names, in the caller's
 * transaction. Waits for chunks of other imports that are being stored, which may name them, and blocks later ones.
 *
 * @returns how many products
 */
export async function removeUnusedNames(db: Kysely<Schema>, id: ImportId): Promise<number> {
  await takeTurn(db, 'turn_names')
  await db
    .deleteFrom('customers')
    .where('import_id', '=', id)
    .where(({ not, exists, selectFrom }) =>
      not(exists(selectFrom('orders').whereRef('orders.customer_id', '=', 'customers.id').select('orders.id'))),
    )
    .execute()
  const created = db.selectFrom('products').select('id').where('import_id', '=', id)
  // Reading all lines is expensive.
  if (!(await created.limit(1).executeTakeFirst())) return 0
  const unused = await created
    .where('id', 'not in', (eb) => eb.selectFrom('order_lines').select('order_lines.product_id').distinct())
    .execute()
  // Locked by their ids, since the search above would also wait for products that workers hold. A product that a person
  // has changed meanwhile does not belong to the import any more.
  const locked = await forUpdate(db, created.where(isAmong(db, 'id', packIds(unused))).orderBy('id')).execute()
  await deleteByIds(db, 'stock_adjustments', 'product_id', locked)
  await deleteByIds(db, 'products', 'id', locked)
  return locked.length
}
