// Recalculates derived data: sales figures, counts of orders, business days and the queue. A repair also fixes order
// totals and stock.
import type { Kysely } from 'kysely'
import type { Database } from '../database/connection.js'
import { ofCurrentAttempt } from '../database/current-attempt.js'
import { databaseTime, forUpdate, lockTables, shareNamedLock } from '../database/engine.js'
import { isHeld } from '../database/lease.js'
import { packIds, packRows } from '../database/packed-rows.js'
import { pagesOf } from '../database/pages.js'
import { REFILING } from '../database/refusals.js'
import { isAmong, rowSource } from '../database/row-source.js'
import type { Schema } from '../database/schema.js'
import { readSetting, writeSetting } from '../database/settings.js'
import { inTransaction } from '../database/transaction.js'
import { inBatches } from '../domain/batches.js'
import { businessDay, dayAt } from '../domain/business-day.js'
import type { OrderId } from '../domain/ids.js'
import { LONGEST_WAIT_MS } from '../domain/retry-after.js'
import { UserError } from '../errors.js'
import {
  dropUnclaimable,
  dueAtOnce,
  findUnclaimable,
  lockInQueue,
  lockOrders,
  makeDue,
  mayBeDue,
} from '../queue/due-orders.js'
import type { Queue } from '../queue/queue.js'
import { listByCustomer } from '../workflow/customer-orders.js'
import { LONGEST_PAUSE_MS } from '../workflow/settle.js'
import { countFigureDifferences, type FiguresCopy } from './audit.js'
import { freshCustomerSales, freshOrderCounts, freshProductSales, freshStock } from './derivations.js'

/** Orders per statement. */
const PAGE = 5000

export const REBUILD_TARGETS = ['leaderboard', 'kpis', 'queue', 'all'] as const
export type RebuildTarget = (typeof REBUILD_TARGETS)[number]

/**
 * Recalculates derived data. Leaderboards and KPIs read the same figures, so each is rebuilt with the other.
 *
 * @param timeZone the configured time zone, which business days should be in
 * @param copy published again with the figures
 * @returns `refiled`: orders whose business day changed; `published`: orders that are in the queue again
 * @throws UserError if the time zone changed while an import runs, which uses the old zone
 */
export async function rebuild(db: Database, queue: Queue, what: RebuildTarget, timeZone: string, copy?: FiguresCopy) {
  const refiled = what === 'kpis' || what === 'all' ? await refileByTimeZone(db, timeZone) : 0
  if (what !== 'queue') {
    // Correct figures are not rewritten, so workers do not wait.
    if ((await countFigureDifferences(db)) > 0) await inTransaction(db, replaceFigures)
    await copy?.rebuild()
  }
  if (what === 'leaderboard' || what === 'kpis') return { refiled, published: 0 }
  const published = (await undoClockAhead(db)) + (await releaseOrders(db))
  await republishDue(db, queue)
  return { refiled, published }
}

/**
 * Repairs all derived data. Does not change data that cannot be derived (an order without lines, a payment, a
 * reservation), or stock whose recalculated figures would be impossible.
 */
export async function repair(db: Database, timeZone: string, copy?: FiguresCopy): Promise<void> {
  await refileByTimeZone(db, timeZone)
  await inTransaction(db, async (trx) => {
    const totals = trx
      .selectFrom('order_lines')
      .select((eb) => ['order_id', eb.fn.sum<number>('total').as('total')])
      .groupBy('order_id')
    await trx
      .updateTable('orders')
      .from(totals.as('fresh'))
      .set((eb) => ({ total: eb.ref('fresh.total') }))
      .whereRef('fresh.order_id', '=', 'orders.id')
      .whereRef('fresh.total', '<>', 'orders.total')
      .execute()
    await replaceSales(trx)
    await repairStock(trx)
    await replaceCounts(trx)
    await replaceCustomerOrders(trx)
  })
  await copy?.rebuild()
}

/**
 * Recalculates every order's business day if the database's days are in another time zone. An interrupted run leaves a
 * mark, with which other commands refuse the database until a run has ended.
 */
async function refileByTimeZone(db: Database, timeZone: string): Promise<number> {
  const stored = await readSetting(db, 'time_zone')
  if (stored === timeZone) return 0
  await inTransaction(db, async (trx) => {
    await throwIfImporting(trx)
    if (stored !== undefined) await writeSetting(trx, 'time_zone', REFILING)
  })
  const before = await refileOrders(db, timeZone, 0 as OrderId)
  return inTransaction(db, async (trx) => {
    await throwIfImporting(trx)
    const since = await refileOrders(trx, timeZone, before.last)
    await writeSetting(trx, 'time_zone', timeZone)
    await refileRefunds(trx, timeZone)
    await replaceFigures(trx)
    return before.moved + since.moved
  })
}

const idOf = ({ id }: { readonly id: OrderId }): OrderId => id

/** The longest wait for a retry, by the backoff or as the gateway asks. No lease is longer (config/settings.ts). */
const LONGEST_WAITING_MS = Math.max(LONGEST_PAUSE_MS, LONGEST_WAIT_MS)

/**
 * Makes orders due that a clock which was ahead claimed or postponed for longer than any lease or retry lasts. If their
 * worker is alive, the fence rejects its settlement. Returns how many.
 */
async function undoClockAhead(db: Database): Promise<number> {
  const now = await databaseTime(db)
  const unanswered = db
    .selectFrom('orders')
    .innerJoin('payments', ofCurrentAttempt)
    .where('payments.unanswered', '>', 0)
  const hastened = await db
    .updateTable('due_orders')
    .set({ due_at: dueAtOnce(now) })
    .where('due_at', '>', now + LONGEST_WAITING_MS)
    // A person may retry orders as late as they like, which resets the count or begins another attempt.
    .where(({ eb, or }) =>
      or([eb('lease_token', 'is not', null), eb('order_id', 'in', unanswered.select('orders.id'))]),
    )
    .executeTakeFirst()
  return Number(hastened.numUpdatedRows)
}

/**
 * Makes lost orders due, which no worker would find, except those that need review or whose import has not ended.
 * Deletes queue rows that no worker can claim. Returns the number of orders made due.
 */
async function releaseOrders(db: Database): Promise<number> {
  // The search takes no lock, so that workers do not wait. Each page is checked again under a lock.
  for (const page of inBatches(await findUnclaimable(db), PAGE)) {
    await inTransaction(db, async (trx) => {
      await lockInQueue(trx, page.map(idOf))
      await dropUnclaimable(trx, page)
    })
  }
  const lost = (from: Kysely<Schema>) =>
    from
      .selectFrom('orders')
      .innerJoin('imports', 'imports.id', 'orders.import_id')
      .leftJoin('due_orders', 'due_orders.order_id', 'orders.id')
      .select('orders.id')
      .where(mayBeDue)
      .where('due_orders.order_id', 'is', null)
      .where('imports.status', '=', 'finished')
      .orderBy('orders.id')
      .limit(PAGE)
  let published = 0
  for await (const page of pagesOf((after: OrderId) => lost(db).where('orders.id', '>', after).execute(), idOf)) {
    const ids = page.map(idOf)
    published += await inTransaction(db, async (trx) => {
      // No undo of an import may start meanwhile. Another rebuild or a retry may change the same orders.
      await shareNamedLock(trx, 'turn_imports')
      await lockOrders(trx, ids)
      const kept = await lost(trx)
        .where(isAmong(trx, 'orders.id', packIds(page)))
        .execute()
      return makeDue(trx, kept.map(idOf), dueAtOnce(await databaseTime(trx)))
    })
  }
  return published
}

/** Publishes every due order again, because the queue may have lost some. */
async function republishDue(db: Database, queue: Queue): Promise<void> {
  const due = db.selectFrom('due_orders').select('order_id as id').orderBy('order_id').limit(PAGE)
  const read = async (after: OrderId) => {
    const now = await databaseTime(db)
    return due.where('order_id', '>', after).where('due_at', '<=', now).execute()
  }
  for await (const page of pagesOf(read, idOf)) await queue.republish(page.map(idOf))
}

async function repairStock(trx: Database): Promise<void> {
  // Without the locks, this would overwrite what workers commit meanwhile.
  await forUpdate(trx, trx.selectFrom('products').select('id').orderBy('id')).execute()
  await trx
    .updateTable('products')
    .from(freshStock(trx).as('fresh'))
    .set((eb) => ({ on_hand: eb.ref('fresh.on_hand'), reserved: eb.ref('fresh.reserved') }))
    .whereRef('fresh.product_id', '=', 'products.id')
    .whereRef('fresh.reserved', '<=', 'fresh.on_hand')
    .execute()
}

async function replaceFigures(trx: Database): Promise<void> {
  await replaceSales(trx)
  await replaceCounts(trx)
  await replaceCustomerOrders(trx)
}

async function replaceSales(trx: Database): Promise<void> {
  await lockTables(trx, 'sales_by_customer', 'sales_by_product')
  // Deletes the figures' id. The next publication sets a new one and replaces the figures of the old one.
  await trx.deleteFrom('settings').where('name', '=', 'sales_id').execute()
  await trx.deleteFrom('sales_by_customer').execute()
  await trx
    .insertInto('sales_by_customer')
    .columns(['day', 'currency', 'customer_id', 'orders', 'revenue'])
    .expression(freshCustomerSales(trx))
    .execute()
  await trx.deleteFrom('sales_by_product').execute()
  await trx
    .insertInto('sales_by_product')
    .columns(['day', 'currency', 'product_id', 'orders', 'units', 'revenue'])
    .expression(freshProductSales(trx))
    .execute()
}

async function replaceCounts(trx: Database): Promise<void> {
  await lockTables(trx, 'order_counts')
  await trx.deleteFrom('order_counts').execute()
  await trx
    .insertInto('order_counts')
    .columns(['period', 'source', 'status', 'reason', 'cleared', 'currency', 'orders', 'amount'])
    .expression(freshOrderCounts(trx))
    .execute()
}

async function replaceCustomerOrders(trx: Database): Promise<void> {
  await lockTables(trx, 'customer_orders')
  await trx.deleteFrom('customer_orders').execute()
  await listByCustomer(trx, trx.selectFrom('orders'))
}

/**
 * Recalculates the business days of orders after the id `after`, page by page, so that other writers wait only briefly.
 */
async function refileOrders(db: Database, timeZone: string, after: OrderId) {
  const orders = db.selectFrom('orders').select(['id', 'ordered_at', 'business_day']).orderBy('id').limit(PAGE)
  let last = after
  let moved = 0
  const read = (id: OrderId) => orders.where('id', '>', id).execute()
  for await (const page of pagesOf(read, idOf, after)) {
    last = page.at(-1)?.id ?? last
    const filed = page
      .map((order) => ({ ...order, day: businessDay(order.ordered_at, timeZone) }))
      .filter(({ business_day, day }) => business_day !== day)
    if (filed.length === 0) continue
    await db
      .updateTable('orders')
      .from(rowSource(db, 'filed', packRows({ id: 'integer', day: 'text' }, filed)))
      .set((eb) => ({ business_day: eb.ref('filed.day') }))
      .whereRef('orders.id', '=', 'filed.id')
      .execute()
    moved += filed.length
  }
  return { last, moved }
}

/** Recalculates the days on which amounts were refunded. */
async function refileRefunds(trx: Database, timeZone: string): Promise<void> {
  const refunds = trx.selectFrom('refunds').select(['order_id as id', 'number', 'day', 'answered_at'])
  const filed = (await refunds.where('day', 'is not', null).execute())
    .map((refund) => ({ ...refund, day: dayAt(refund.answered_at ?? 0, timeZone), before: refund.day }))
    .filter(({ day, before }) => day !== before)
  await trx
    .updateTable('refunds')
    .from(rowSource(trx, 'filed', packRows({ id: 'integer', number: 'integer', day: 'text' }, filed)))
    .set((eb) => ({ day: eb.ref('filed.day') }))
    .whereRef('refunds.order_id', '=', 'filed.id')
    .whereRef('refunds.number', '=', 'filed.number')
    .execute()
}

async function throwIfImporting(db: Database): Promise<void> {
  const open = await db.selectFrom('imports').selectAll().where('ended_at', 'is', null).execute()
  const now = await databaseTime(db)
  const running = open.find((run) => isHeld(run, now))
  if (!running) return
  throw new UserError({
    code: 'import_running',
    message: `The import of ${running.file} (process ${running.pid} on ${running.host}) still uses the old time zone.`,
    fix: 'Wait until it ends, then run the command again.',
    retryable: true,
  })
}
