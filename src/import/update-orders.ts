// Applies the file's version of orders that are stored with other content and that no worker has claimed.
import { hostname } from 'node:os'
import type { Kysely } from 'kysely'
import { recordAction, userName } from '../database/actions.js'
import { databaseTime, forUpdate } from '../database/engine.js'
import { packIds, packRows } from '../database/packed-rows.js'
import { isAmong, rowSource } from '../database/row-source.js'
import type { Schema } from '../database/schema.js'
import { businessDay } from '../domain/business-day.js'
import type { OrderId } from '../domain/ids.js'
import { removeFromQueue } from '../queue/due-orders.js'
import { countOf } from '../terminal/text.js'
import { listByCustomer, unlist } from '../workflow/customer-orders.js'
import { type Contested, contestedOrders } from './conflicts.js'
import type { ImportRun } from './import-record.js'
import { isRepeated } from './repeated-orders.js'

/**
 * Replaces these orders and records what they were, in the caller's transaction. Takes them out of the queue: a worker
 * that has read the earlier version can then no longer claim it. The caller makes them due after the commit.
 *
 * @returns the number of lines that the orders have in the file
 */
export async function updateOrders(db: Kysely<Schema>, run: ImportRun, timeZone: string): Promise<number> {
  let updated = 0
  for await (const page of contestedOrders(db, run)) {
    const free = await lockUnclaimed(db, page)
    const orders = page.filter(({ id, file }) => free.has(id) && !isRepeated(file.lines))
    if (orders.length === 0) continue
    await recordChanges(db, run, orders)
    await removeFromQueue(db, orders)
    const ids = packIds(orders)
    await unlist(db, ids)
    await replaceOrders(db, orders, { source: run.source, timeZone })
    await listByCustomer(db, db.selectFrom('orders').where(isAmong(db, 'orders.id', ids)))
    await replaceLines(db, orders)
    const lines = orders.flatMap((order) => order.lines)
    await db
      .deleteFrom('import_asides')
      .where('import_id', '=', run.id)
      .where(isAmong(db, 'line_number', JSON.stringify(lines.map(({ line_number }) => line_number))))
      .execute()
    updated += lines.length
  }
  if (updated > 0) {
    const details = `${countOf(updated, 'line')} of ${run.file}`
    await recordAction(db, { command: 'import --update', subject: `import ${run.id}`, details })
  }
  return updated
}

/** Locks pending orders that no worker holds or is claiming, and whose import is not being undone. */
async function lockUnclaimed(db: Kysely<Schema>, orders: readonly Contested[]): Promise<ReadonlySet<OrderId>> {
  const ids = packIds(orders.filter(({ status }) => status === 'pending'))
  const queued = db
    .selectFrom('due_orders')
    .where(isAmong(db, 'order_id', ids))
    .select('order_id')
  const free = await forUpdate(db, queued.where('lease_token', 'is', null).orderBy('order_id'), 'skip').execute()
  const locked = new Set(free.map((row) => row.order_id))
  const busy = new Set((await queued.execute()).map((row) => row.order_id).filter((id) => !locked.has(id)))
  const undone = db.selectFrom('imports').where('status', '=', 'undoing').select('id')
  const pending = db
    .selectFrom('orders')
    .where(isAmong(db, 'id', ids))
    .where('status', '=', 'pending')
    .where('import_id', 'not in', undone)
    .select('id')
    .orderBy('id')
  const unchanged = await forUpdate(db, pending).execute()
  return new Set(unchanged.map(({ id }) => id).filter((id) => !busy.has(id)))
}

async function recordChanges(db: Kysely<Schema>, run: ImportRun, orders: readonly Contested[]): Promise<void> {
  const rows = orders.map(({ id, stored }) => ({ order_id: id, previous: JSON.stringify(stored) }))
  const [now, by] = [await databaseTime(db), `${userName()}@${hostname()}`]
  const changes = db
    .selectFrom(rowSource(db, 'row', packRows({ order_id: 'integer', previous: 'long text' }, rows)))
    .select((eb) => [eb.val(run.id).as('import_id'), 'row.order_id', eb.val(now).as('changed_at')])
    .select((eb) => [eb.val(by).as('changed_by'), 'row.previous'])
  await db
    .insertInto('order_changes')
    .columns(['import_id', 'order_id', 'changed_at', 'changed_by', 'previous'])
    .expression(changes)
    .execute()
}

async function replaceOrders(
  db: Kysely<Schema>,
  orders: readonly Contested[],
  { source, timeZone }: { readonly source: string; readonly timeZone: string },
): Promise<void> {
  const heads = orders.map(({ id, file: { customer_id, ordered_at, currency, total } }) => {
    return { id, customer_id, ordered_at, business_day: businessDay(ordered_at, timeZone), currency, total }
  })
  const columns = {
    id: 'integer',
    ordered_at: 'text',
    business_day: 'text',
    currency: 'text',
    total: 'integer',
  } as const
  const rows = db
    .selectFrom(rowSource(db, 'head', packRows({ ...columns, customer_id: 'text' }, heads)))
    .innerJoin('customers', (join) =>
      join.onRef('customers.customer_id', '=', 'head.customer_id').on('customers.source', '=', source),
    )
    .select(['head.id', 'head.ordered_at', 'head.business_day', 'head.currency', 'head.total'])
    .select('customers.id as customer')
  await db
    .updateTable('orders')
    .from(rows.as('row'))
    .set((eb) => ({
      customer_id: eb.ref('row.customer'),
      ordered_at: eb.ref('row.ordered_at'),
      business_day: eb.ref('row.business_day'),
      currency: eb.ref('row.currency'),
      total: eb.ref('row.total'),
    }))
    .whereRef('orders.id', '=', 'row.id')
    .execute()
}

const LINE_COLUMNS = {
  order_id: 'integer',
  line_number: 'integer',
  sku: 'text',
  quantity: 'integer',
  unit_price: 'integer',
  total: 'integer',
} as const

async function replaceLines(db: Kysely<Schema>, orders: readonly Contested[]): Promise<void> {
  await db
    .deleteFrom('order_lines')
    .where(isAmong(db, 'order_id', packIds(orders)))
    .execute()
  const lines = orders.flatMap(({ id, file }) => file.lines.map((line) => ({ ...line, order_id: id })))
  const rows = db
    .selectFrom(rowSource(db, 'row', packRows(LINE_COLUMNS, lines)))
    .innerJoin('products', 'products.sku', 'row.sku')
    .select(['row.order_id', 'row.line_number', 'products.id', 'row.quantity', 'row.unit_price', 'row.total'])
  await db
    .insertInto('order_lines')
    .columns(['order_id', 'line_number', 'product_id', 'quantity', 'unit_price', 'total'])
    .expression(rows)
    .execute()
}
