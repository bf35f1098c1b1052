// One run of an import over one file: who holds it, how far it got, and what becomes of one that was cut off.

import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import type { Kysely, Selectable } from 'kysely'
import { databaseTime, forUpdate, refreshStatistics, takeTurn } from '../database/engine.js'
import { isAlive } from '../database/lease-holder.js'
import { packIds } from '../database/packed-rows.js'
import { isAmong } from '../database/row-source.js'
import type { Schema } from '../database/schema.js'
import { inTransaction } from '../database/transaction.js'
import type { ImportId, LeaseToken, OrderId } from '../domain/ids.js'
import { UserError } from '../errors.js'

export type ImportRun = Selectable<Schema['imports']>

/** A run that has not been heard of for so long may be taken over; its process, should it live, writes nothing more. */
const LEASE_MS = 30_000

/** How often a run that waits for its input says that it is alive. */
export const RENEW_MS = LEASE_MS / 3

export type Begin =
  | { readonly kind: 'begun'; readonly run: ImportRun }
  /** An import of another file was cut off when all its lines were stored: it is to be ended first. */
  | { readonly kind: 'unended'; readonly run: ImportRun }
  /** Another process imports from the same source just now. */
  | { readonly kind: 'busy'; readonly run: ImportRun }

/**
 * Begins a run, or takes over one that was cut off. Of one source, one import runs at a time: two would judge each
 * other's half-stored orders.
 *
 * All other runs that were cut off are taken back first, so that no order is held by an import that nobody goes on with,
 * and counted as a duplicate of itself. One whose lines had all been stored is brought to its end instead (`releasing`,
 * returned like a run to resume where it is over the same file).
 */
export async function beginRun(
  db: Kysely<Schema>,
  wanted: { readonly source: string; readonly file: string; readonly resume: boolean },
): Promise<Begin> {
  return inTransaction(db, async (trx) => {
    await takeTurn(trx, 'turn_imports')
    const now = await databaseTime(trx)
    // Locked: of a process that just now stores a chunk, the cursor behind it counts.
    const open = await forUpdate(
      trx,
      trx
        .selectFrom('imports')
        .selectAll()
        .where('source', '=', wanted.source)
        .where('status', 'in', ['reading', 'releasing'])
        .orderBy('id', 'desc'),
    ).execute()
    const alive = open.find((run) => isAlive(run, now))
    if (alive) return { kind: 'busy', run: alive }
    const unended = open.find((run) => run.status === 'releasing')
    if (unended) return { kind: unended.file === wanted.file ? 'begun' : 'unended', run: await takeOver(trx, unended) }
    const resumed = wanted.resume ? open.find((run) => run.file === wanted.file) : undefined
    for (const run of open) if (run !== resumed) await takeBack(trx, run)
    if (resumed) return { kind: 'begun', run: await takeOver(trx, resumed) }
    return { kind: 'begun', run: await insertRun(trx, wanted) }
  })
}

/** Undoes a run whose orders no worker has seen: they, their lines and what was created for them alone are gone. */
export async function takeBack(db: Kysely<Schema>, run: ImportRun): Promise<void> {
  const { id } = run
  await removeOrders(db, run)
  await removeUnusedNames(db, id)
  await db.deleteFrom('import_asides').where('import_id', '=', id).execute()
  await db.deleteFrom('import_spoiled').where('import_id', '=', id).execute()
  await db
    .updateTable('imports')
    .set({ status: 'taken_back', ended_at: await databaseTime(db) })
    .where('id', '=', id)
    .execute()
}

const PAGE = 10_000

/** By their ids, read without a lock: MySQL locks whatever a delete reads, and other orders behind these are in workers' hands. */
async function removeOrders(db: Kysely<Schema>, run: ImportRun): Promise<void> {
  // Nobody has looked at what a run stored that was cut off; without, each page may cost a search through all orders. Until
  // the end of the transaction, others that would look at these tables wait, the ends of other imports among them.
  await refreshStatistics(db, 'orders', 'order_lines')
  for (let after = 0 as OrderId; ; ) {
    const page = await ordersOf(db, run).select('id').where('id', '>', after).orderBy('id').limit(PAGE).execute()
    const last = page.at(-1)
    if (!last) return
    after = last.id
    await deleteOrders(db, page)
  }
}

/** With their lines. Nothing else belongs to orders that no worker has seen. */
export async function deleteOrders(db: Kysely<Schema>, orders: readonly { readonly id: OrderId }[]): Promise<void> {
  const ids = packIds(orders)
  await db
    .deleteFrom('order_lines')
    .where(isAmong(db, 'order_id', ids))
    .execute()
  await db
    .deleteFrom('orders')
    .where(isAmong(db, 'id', ids))
    .execute()
}

/** All that the run stored. They are found by their ids, which spares every order an entry in an index over imports. */
export function ordersOf(db: Kysely<Schema>, { id, orders_after }: ImportRun) {
  return db.selectFrom('orders').where('import_id', '=', id).where('id', '>', orders_after)
}

/** 0 where there is none. */
export async function lastOrderId(db: Kysely<Schema>): Promise<OrderId> {
  const last = await db.selectFrom('orders').select('id').orderBy('id', 'desc').limit(1).executeTakeFirst()
  return last?.id ?? (0 as OrderId)
}

/**
 * Customers and products that the import created and that no order of any import names, in the transaction of the caller.
 * Waits for the chunks that other imports store just now, since these may name them, and lets none begin meanwhile.
 *
 * @returns how many products
 */
export async function removeUnusedNames(db: Kysely<Schema>, id: ImportId): Promise<number> {
  await takeTurn(db, 'turn_names')
  await db
    .deleteFrom('customers')
    .where('import_id', '=', id)
    .where((eb) =>
      eb.not(
        eb.exists(eb.selectFrom('orders').whereRef('orders.customer_id', '=', 'customers.id').select('orders.id')),
      ),
    )
    .execute()
  const brought = db.selectFrom('products').select('id').where('import_id', '=', id)
  // Reading all lines there are is dear, and mostly for nothing.
  if (!(await brought.limit(1).executeTakeFirst())) return 0
  const unused = await brought
    .where('id', 'not in', (eb) => eb.selectFrom('order_lines').select('order_lines.product_id').distinct())
    .execute()
  // Locked by their ids: the search above would also wait for products that workers have in hand. One that a person has
  // meanwhile made the shop's own, by an adjustment for instance, is the import's no more.
  const locked = await forUpdate(db, brought.where(isAmong(db, 'id', packIds(unused))).orderBy('id')).execute()
  const ids = packIds(locked)
  await db
    .deleteFrom('stock_adjustments')
    .where(isAmong(db, 'product_id', ids))
    .execute()
  const removed = await db
    .deleteFrom('products')
    .where(isAmong(db, 'id', ids))
    .executeTakeFirst()
  return Number(removed.numDeletedRows)
}

/** A run that failed before it stored a line, over its header for instance, is none to go on with. */
export async function forgetUnbegun(db: Kysely<Schema>, run: ImportRun): Promise<void> {
  await db
    .updateTable('imports')
    .set({ status: 'taken_back', ended_at: await databaseTime(db) })
    .where('id', '=', run.id)
    .where('lease_token', '=', run.lease_token)
    .where('status', '=', 'reading')
    .where('byte_offset', '=', 0)
    .execute()
}

/** An import that failed or was interrupted may be resumed at once, also from another host. */
export async function releaseLease(db: Kysely<Schema>, run: ImportRun): Promise<void> {
  await db
    .updateTable('imports')
    .set({ lease_until: 0 })
    .where('id', '=', run.id)
    .where('lease_token', '=', run.lease_token)
    .where('status', 'in', ['reading', 'releasing'])
    .execute()
}

/**
 * Writes how far the run is, or how it ended, if the caller still holds it.
 *
 * @throws UserError where another process has taken the run over
 */
export async function updateRun(
  db: Kysely<Schema>,
  run: ImportRun,
  changes: Partial<Omit<ImportRun, 'id'>>,
): Promise<ImportRun> {
  const all = { ...changes, lease_until: (await databaseTime(db)) + LEASE_MS }
  const updated = await db
    .updateTable('imports')
    .set(all)
    .where('id', '=', run.id)
    .where('lease_token', '=', run.lease_token)
    .where('status', 'in', ['reading', 'releasing'])
    .executeTakeFirst()
  if (updated.numUpdatedRows === 0n) {
    throw new UserError({
      code: 'import_taken_over',
      message: `Import ${run.id} was taken over by another process while this one stood still.`,
      fix: 'Nothing is lost: the other process goes on with it. `orderctl status` shows how far it is.',
    })
  }
  return { ...run, ...all }
}

async function holder(db: Kysely<Schema>) {
  return {
    lease_token: randomUUID() as string as LeaseToken,
    lease_until: (await databaseTime(db)) + LEASE_MS,
    host: hostname(),
    pid: process.pid,
  }
}

async function takeOver(db: Kysely<Schema>, run: ImportRun): Promise<ImportRun> {
  // A database that was copied from another one may count on from an order that the other one had and removed.
  const orders_after = Math.min(run.orders_after, await lastOrderId(db)) as OrderId
  const held = { ...(await holder(db)), orders_after }
  await db.updateTable('imports').set(held).where('id', '=', run.id).execute()
  return { ...run, ...held }
}

/** A run of its own, for a database that nobody else has. */
export async function insertRun(
  db: Kysely<Schema>,
  { source, file }: { readonly source: string; readonly file: string },
): Promise<ImportRun> {
  const held = await holder(db)
  const begun = { started_at: await databaseTime(db), orders_after: await lastOrderId(db) }
  await db
    .insertInto('imports')
    .values({ source, file, status: 'reading', ...begun, ...held })
    .execute()
  return db.selectFrom('imports').selectAll().where('lease_token', '=', held.lease_token).executeTakeFirstOrThrow()
}
