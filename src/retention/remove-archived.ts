// Removes orders that are in the file of an archive, in one transaction with all that keeps the figures right.
import { type Kysely, sql } from 'kysely'
import { addFigures } from '../database/add-figures.js'
import { forUpdate, takeNamedLock } from '../database/engine.js'
import { packIds, packRows } from '../database/packed-rows.js'
import { deleteAmong, isAmong, rowSource } from '../database/row-source.js'
import type { Schema } from '../database/schema.js'
import { groupBy } from '../domain/batches.js'
import type { ArchiveId, ImportId, OrderId } from '../domain/ids.js'
import { lockInQueue, lockOrders } from '../queue/due-orders.js'
import { isImporting, unlist } from '../workflow/customer-orders.js'
import { recounting } from '../workflow/order-counts.js'
import { customerSales, productSales } from '../workflow/sales.js'
import { archivableAmong, type Selection } from './archivable.js'
import type { ArchivedText } from './archive-file.js'
import { type Archivable, type ArchiveFormat, readArchivable } from './records.js'

/**
 * Removes those orders whose text in the file is still what the database has. An order that has changed since, or that
 * may no longer be archived, stays.
 *
 * @returns the number of orders removed; undefined if an import has not ended, so that nothing may be removed now
 */
export async function removeArchived(
  trx: Kysely<Schema>,
  archive: Selection & { readonly id: ArchiveId; readonly format: ArchiveFormat },
  texts: readonly ArchivedText[],
): Promise<number | undefined> {
  // An import that has stored nothing of an order yet would not find it, and store and charge it again.
  await takeNamedLock(trx, 'turn_imports')
  if (await isImporting(trx)) return undefined
  const ids = texts.map(({ id }) => id)
  await lockInQueue(trx, ids)
  await lockOrders(trx, ids)
  const events = trx.selectFrom('events').where(isAmong(trx, 'order_id', ids))
  await forUpdate(trx, events.orderBy('order_id').orderBy('number').select('order_id')).execute()
  const free = await archivableAmong(trx, archive, ids)
  const written = new Map(texts.map(({ id, text }) => [id, text]))
  const found = await readArchivable(trx, free, archive.format)
  const orders = found.filter(({ id, text }) => written.get(id) === text)
  if (orders.length === 0) return 0
  await recounting(trx, packIds(orders), () => moveOut(trx, archive.id, orders))
  return orders.length
}

async function moveOut(trx: Kysely<Schema>, archive: ArchiveId, orders: readonly Archivable[]): Promise<void> {
  const packed = packIds(orders)
  await keepSums(trx, packed)
  await keepOrders(trx, archive, orders)
  await countByImport(trx, orders)
  await releaseReferences(trx, packed)
  await unlist(trx, packed)
  for (const table of ORDER_TABLES) await deleteAmong(trx, table, 'order_id', packed)
  await deleteAmong(trx, 'orders', 'id', packed)
  const last = Math.max(...orders.map(({ settled_at }) => settled_at))
  await trx
    .updateTable('archives')
    .set((eb) => ({ orders: eb('orders', '+', orders.length), last_settled_at: last }))
    .where('id', '=', archive)
    .execute()
}

/** Tables with rows of an order, except those that the sums replace. Settled orders have no row in the queue. */
const ORDER_TABLES = [
  ...(['action_orders', 'order_changes', 'events', 'refunds', 'payments'] as const),
  ...(['stock_reservations', 'order_lines'] as const),
]

/** Adds the orders to the sums from which sales figures and stock are recalculated. */
async function keepSums(trx: Kysely<Schema>, ids: string): Promise<void> {
  await trx
    .insertInto('archived_sales_by_customer')
    .columns(['day', 'currency', 'customer_id', 'orders', 'revenue'])
    .expression(
      customerSales(trx)
        .where(isAmong(trx, 'id', ids))
        .where('status', '=', 'completed'),
    )
    .onConflict(addFigures('archived_sales_by_customer', ['customer_id', 'currency', 'day'], ['orders', 'revenue']))
    .execute()
  await trx
    .insertInto('archived_sales_by_product')
    .columns(['day', 'currency', 'product_id', 'orders', 'units', 'revenue', 'source'])
    .expression(
      productSales(trx)
        .where(isAmong(trx, 'orders.id', ids))
        .where('orders.status', '=', 'completed')
        .groupBy('orders.source')
        .select('orders.source'),
    )
    .onConflict(
      addFigures(
        'archived_sales_by_product',
        ['product_id', 'source', 'currency', 'day'],
        ['orders', 'units', 'revenue'],
      ),
    )
    .execute()
  const refunded = trx
    .selectFrom('refunds')
    .where(isAmong(trx, 'order_id', ids))
    .where('day', 'is not', null)
    .groupBy(['day', 'currency', 'customer_id'])
    .select((eb) => [
      eb.ref('day').$notNull().as('day'),
      'currency',
      'customer_id',
      eb.fn.countAll<number>().as('refunds'),
      eb.fn.sum<number>('amount').as('amount'),
    ])
  await trx
    .insertInto('archived_refunds')
    .columns(['day', 'currency', 'customer_id', 'refunds', 'amount'])
    .expression(refunded)
    .onConflict(addFigures('archived_refunds', ['day', 'currency', 'customer_id'], ['refunds', 'amount']))
    .execute()
}

async function keepOrders(trx: Kysely<Schema>, archive: ArchiveId, orders: readonly Archivable[]): Promise<void> {
  const columns = { source: 'text', reference: 'text', customer_id: 'integer', digest: 'text' } as const
  const rows = trx.selectFrom(rowSource(trx, 'row', packRows(columns, orders)))
  await trx
    .insertInto('archived_orders')
    .columns(['archive_id', 'source', 'reference', 'customer_id', 'digest'])
    .expression(
      rows
        .select((eb) => eb.val(archive).as('archive_id'))
        .select(['row.source', 'row.reference', 'row.customer_id', 'row.digest']),
    )
    .execute()
}

/** Counts the orders of each import, which therefore cannot be undone. */
async function countByImport(trx: Kysely<Schema>, orders: readonly Archivable[]): Promise<void> {
  const imports = orders.flatMap((order) => order.imports)
  const counts = [...groupBy(imports, (id: ImportId) => id)].map(([id, { length }]) => ({ id, count: length }))
  await trx
    .updateTable('imports')
    .from(rowSource(trx, 'row', packRows({ id: 'integer', count: 'integer' }, counts)))
    .set((eb) => ({ archived: eb('imports.archived', '+', eb.ref('row.count')) }))
    .whereRef('imports.id', '=', 'row.id')
    .execute()
}

/** Keeps the references of captures, so that no later capture can be reported under one of them. */
async function releaseReferences(trx: Kysely<Schema>, ids: string): Promise<void> {
  const captured = trx
    .selectFrom('payments')
    .where(isAmong(trx, 'order_id', ids))
    .where('status', '=', 'captured')
    .select(['gateway_reference as reference', 'order_id'])
  await trx
    .updateTable('payment_references')
    .from(captured.as('row'))
    .set({ order_id: sql<OrderId | null>`null` })
    .whereRef('payment_references.reference', '=', 'row.reference')
    .whereRef('payment_references.order_id', '=', 'row.order_id')
    .execute()
}
