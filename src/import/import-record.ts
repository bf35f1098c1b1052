// One run of an import over one file: its lease, its cursor, and how a run that was cut off is resumed or undone.
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

/** How often a run renews its lease while it waits for its input. */
export const RENEW_MS = LEASE_MS / 3

/** The shop and the file that a run is to import. */
interface Wanted {
  readonly source: string
  readonly file: string
}

/**
 * Begins a run, or takes over one that was cut off. One import runs at a time for each source: two would judge each other's
 * half-stored orders. Undoes all other runs that were cut off: their orders would make those of this run duplicates.
 *
 * @returns `busy` with the run of another process that imports from the source, or `unended` with the run of another file,
 *   which was cut off after all its lines were stored (`releasing`): it is to be ended first
 */
export async function beginRun(
  db: Kysely<Schema>,
  wanted: Wanted & { readonly resume: boolean },
): Promise<{ readonly kind: 'begun' | 'unended' | 'busy'; readonly run: ImportRun }> {
  return inTransaction(db, async (trx) => {
    await takeNamedLock(trx, 'turn_imports')
    const now = await databaseTime(trx)
    // Locked, to read the cursor behind a chunk that another process is committing.
    const open = await forUpdate(
      trx,
      trx
        .selectFrom('imports')
        .selectAll()
        .where('source', '=', wanted.source)
        .where('ended_at', 'is', null)
        .orderBy('id', 'desc'),
    ).execute()
    const alive = open.find((run) => isAlive(run, now))
    if (alive) return { kind: 'busy', run: alive }
    const unended = open.find((run) => run.status === 'releasing')
    if (unended) return { kind: unended.file === wanted.file ? 'begun' : 'unended', run: await takeOver(trx, unended) }
    const resumed = wanted.resume ? open.find((run) => run.file === wanted.file) : undefined
    for (const run of open) if (run !== resumed) await takeBack(trx, run)
    return { kind: 'begun', run: resumed ? await takeOver(trx, resumed) : await insertRun(trx, wanted) }
  })
}

/** Inserts a run that this process holds. */
export async function insertRun(db: Kysely<Schema>, { source, file }: Wanted): Promise<ImportRun> {
  const held = await hold(db)
  const begun = { started_at: await databaseTime(db), orders_after: await lastOrderId(db) }
  await db
    .insertInto('imports')
    .values({ source, file, status: 'reading', ...begun, ...held })
    .execute()
  return db.selectFrom('imports').selectAll().where('lease_token', '=', held.lease_token).executeTakeFirstOrThrow()
}

async function takeOver(db: Kysely<Schema>, run: ImportRun): Promise<ImportRun> {
  // In a copy of a database, new orders may have smaller ids than orders that the original had and removed.
  const orders_after = Math.min(run.orders_after, await lastOrderId(db)) as OrderId
  const held = { ...(await hold(db)), orders_after }
  await db.updateTable('imports').set(held).where('id', '=', run.id).execute()
  return { ...run, ...held }
}

async function hold(db: Kysely<Schema>) {
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
export async function forgetUnbegun(db: Kysely<Schema>, run: ImportRun): Promise<void> {
  const unbegun = { ...fenceOf(run), status: 'reading', byte_offset: 0 } as const
  await writeHeld(db, 'imports', unbegun, { status: 'taken_back', ended_at: await databaseTime(db) })
}

const PAGE = 10_000

/** Undoes a run whose orders no worker has seen: deletes them, their lines, and what was created for them alone. */
export async function takeBack(db: Kysely<Schema>, run: ImportRun): Promise<void> {
  // Nothing has refreshed the statistics for a run that was cut off, and each page might cost a search through all orders.
  // Other refreshes of these tables, such as at the end of an import, wait until the end of this transaction.
  await refreshStatistics(db, 'orders', 'order_lines')
  // By ids that are read without a lock: MySQL locks all that a delete reads, and workers hold orders behind these.
  const orders = ordersOf(db, run).select('id').orderBy('id').limit(PAGE)
  const read = (after: OrderId) => orders.where('id', '>', after).execute()
  for await (const page of pagesOf(read, ({ id }) => id)) await deleteOrders(db, page)
  await removeUnusedNames(db, run.id)
  await forgetAsides(db, run.id)
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
export async function forgetAsides(db: Kysely<Schema>, id: ImportId): Promise<number> {
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
  await takeNamedLock(db, 'turn_names')
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
