// The tables of the first release, with the rules that the database enforces. schema.ts says what each column means.

import { type ColumnDefinitionBuilder, type CreateTableBuilder, type Kysely, sql } from 'kysely'
import { OPEN_STATUSES, ORDER_STATUSES, PAYMENT_STATUSES, REVIEW_REASONS } from '../../domain/order.js'

export const firstRelease = {
  name: 'first-release',
  async up(db: Kysely<unknown>) {
    await createSettings(db)
    await createImports(db)
    await createCustomersAndProducts(db)
    await createOrders(db)
    await createStockAndPayments(db)
    await createSales(db)
    await createWorkers(db)
    await createSchedule(db)
    await createHistory(db)
    await createAlarms(db)
  },
}

/** SQLite keeps such a table in the order of its key, as InnoDB always does: rows of one order lie together. */
const clustered = sql`without rowid`

const notNull = (column: ColumnDefinitionBuilder) => column.notNull()

/** A chain of `or`: for `in (…)`, SQLite searches a tree at every row, which makes an update of orders 50 % slower. */
function oneOf(column: string, values: readonly string[]) {
  const choices = values.map((value) => sql<boolean>`${sql.ref(column)} = ${sql.lit(value)}`)
  return sql<boolean>`(${sql.join(choices, sql` or `)})`
}

function withId<Table extends string>(table: CreateTableBuilder<Table>) {
  return table.addColumn('id', 'integer', (column) => column.primaryKey().autoIncrement())
}

async function createSettings(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('settings')
    .addColumn('name', 'varchar(64)', (column) => column.primaryKey())
    .addColumn('value', 'text', notNull)
    .execute()
  await sql`insert into settings (name, value) values ('turn_imports', ''), ('turn_schedule', ''), ('turn_names', '')`.execute(
    db,
  )
}

async function createImports(db: Kysely<unknown>): Promise<void> {
  let imports = withId(db.schema.createTable('imports'))
    .addColumn('source', 'varchar(64)', notNull)
    .addColumn('file', 'text', notNull)
    .addColumn('status', 'varchar(20)', notNull)
    .addColumn('lease_token', 'varchar(36)', notNull)
    .addColumn('lease_until', 'bigint', notNull)
    .addColumn('host', 'varchar(255)', notNull)
    .addColumn('pid', 'integer', notNull)
    .addColumn('started_at', 'bigint', notNull)
    .addColumn('ended_at', 'bigint')
    .addColumn('begun_sha256', 'varchar(64)', (column) => column.notNull().defaultTo(''))
    .addColumn('rejects_file', 'text')
    .addCheckConstraint('imports_status', oneOf('status', ['reading', 'releasing', 'finished', 'taken_back']))
    .addCheckConstraint(
      'imports_rows_add_up',
      sql`status <> 'finished' or ${sql.ref('rows')} = imported + duplicates + conflicts + rejected`,
    )
  const counts = [
    'orders_after',
    'byte_offset',
    'line_number',
    'rejects_bytes',
    'rows',
    'orders',
    'imported',
    'duplicates',
  ] as const
  for (const count of [...counts, 'conflicts', 'rejected', 'products_created'] as const) {
    imports = imports.addColumn(count, 'bigint', (column) => column.notNull().defaultTo(0))
  }
  await imports.execute()

  await db.schema
    .createTable('import_asides')
    .addColumn('import_id', 'integer', (column) => column.notNull().references('imports.id'))
    .addColumn('line_number', 'bigint', notNull)
    .addColumn('reference', 'varchar(100)', notNull)
    .addColumn('customer_id', 'varchar(100)', notNull)
    .addColumn('customer_name', 'varchar(255)', notNull)
    .addColumn('ordered_at', 'varchar(30)', notNull)
    .addColumn('currency', 'char(3)', notNull)
    .addColumn('sku', 'varchar(100)', notNull)
    .addColumn('product_name', 'varchar(255)', notNull)
    .addColumn('quantity', 'bigint', notNull)
    .addColumn('unit_price', 'bigint', notNull)
    .addPrimaryKeyConstraint('import_asides_key', ['import_id', 'line_number'])
    .modifyEnd(clustered)
    .execute()

  await db.schema
    .createTable('import_spoiled')
    .addColumn('import_id', 'integer', (column) => column.notNull().references('imports.id'))
    .addColumn('reference', 'varchar(100)', notNull)
    .addColumn('line_number', 'bigint', notNull)
    .addPrimaryKeyConstraint('import_spoiled_key', ['import_id', 'reference'])
    .modifyEnd(clustered)
    .execute()
}

async function createCustomersAndProducts(db: Kysely<unknown>): Promise<void> {
  await withId(db.schema.createTable('customers'))
    .addColumn('customer_id', 'varchar(100)', (column) => column.notNull().unique())
    .addColumn('name', 'varchar(255)', notNull)
    .addColumn('import_id', 'integer', (column) => column.notNull().references('imports.id'))
    .execute()

  await withId(db.schema.createTable('products'))
    .addColumn('sku', 'varchar(100)', (column) => column.notNull().unique())
    .addColumn('name', 'varchar(255)', notNull)
    .addColumn('unit_price', 'bigint')
    .addColumn('currency', 'char(3)')
    .addColumn('import_id', 'integer', (column) => column.references('imports.id'))
    .addColumn('on_hand', 'bigint', notNull)
    .addColumn('reserved', 'bigint', (column) => column.notNull().defaultTo(0))
    .addCheckConstraint('products_on_hand', sql`on_hand >= 0`)
    .addCheckConstraint('products_reserved', sql`reserved >= 0 and reserved <= on_hand`)
    .execute()

  await withId(db.schema.createTable('stock_adjustments'))
    .addColumn('product_id', 'integer', (column) => column.notNull().references('products.id'))
    .addColumn('delta', 'bigint', notNull)
    .addColumn('reason', 'varchar(255)', notNull)
    .addColumn('adjusted_at', 'bigint', notNull)
    .execute()
  await db.schema.createIndex('stock_adjustments_product').on('stock_adjustments').column('product_id').execute()
}

async function createOrders(db: Kysely<unknown>): Promise<void> {
  await withId(db.schema.createTable('orders'))
    .addColumn('import_id', 'integer', (column) => column.notNull().references('imports.id'))
    .addColumn('source', 'varchar(64)', notNull)
    .addColumn('reference', 'varchar(100)', notNull)
    .addColumn('customer_id', 'integer', (column) => column.notNull().references('customers.id'))
    .addColumn('currency', 'char(3)', notNull)
    .addColumn('total', 'bigint', notNull)
    .addColumn('ordered_at', 'varchar(30)', notNull)
    .addColumn('business_day', 'char(10)', notNull)
    .addColumn('status', 'varchar(20)', (column) => column.notNull().defaultTo('pending'))
    .addColumn('attempt', 'integer', (column) => column.notNull().defaultTo(1))
    .addColumn('reason', 'varchar(20)')
    .addColumn('message', 'text')
    .addColumn('settled_at', 'bigint')
    .addColumn('cleared_at', 'bigint')
    .addUniqueConstraint('orders_reference', ['source', 'reference'])
    .addCheckConstraint('orders_status', oneOf('status', ORDER_STATUSES))
    .addCheckConstraint('orders_settled', sql`(settled_at is null) = ${oneOf('status', OPEN_STATUSES)}`)
    .execute()

  await db.schema
    .createIndex('orders_settled_at')
    .on('orders')
    .column('settled_at')
    .where(sql.ref('settled_at'), 'is not', null)
    .execute()
  // Few orders need review. They are read every minute, without a scan of all others.
  await db.schema
    .createIndex('orders_unresolved')
    .on('orders')
    .column('reason')
    .where(oneOf('reason', REVIEW_REASONS))
    .execute()
  await db.schema.createIndex('orders_customer').on('orders').column('customer_id').execute()

  // The queue: as large as the work left, whatever `orders` holds, and narrow, since every batch writes it three times.
  await db.schema
    .createTable('due_orders')
    .addColumn('order_id', 'integer', (column) => column.primaryKey().references('orders.id'))
    .addColumn('due_at', 'bigint', notNull)
    .addColumn('lease_token', 'varchar(36)')
    .addColumn('claims', 'integer', (column) => column.notNull().defaultTo(0))
    .execute()
  // Without the id: PostgreSQL would search all of such an index by it, if it took the table for a small one.
  await db.schema.createIndex('due_orders_due_at').on('due_orders').column('due_at').execute()

  await db.schema
    .createTable('order_lines')
    .addColumn('order_id', 'integer', (column) => column.notNull().references('orders.id'))
    .addColumn('line_number', 'bigint', notNull)
    .addColumn('product_id', 'integer', (column) => column.notNull().references('products.id'))
    .addColumn('quantity', 'bigint', notNull)
    .addColumn('unit_price', 'bigint', notNull)
    .addColumn('total', 'bigint', notNull)
    .addPrimaryKeyConstraint('order_lines_key', ['order_id', 'line_number'])
    .addCheckConstraint('order_lines_quantity', sql`quantity > 0`)
    .modifyEnd(clustered)
    .execute()
}

async function createStockAndPayments(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('stock_reservations')
    .addColumn('order_id', 'integer', (column) => column.notNull().references('orders.id'))
    .addColumn('attempt', 'integer', notNull)
    .addColumn('product_id', 'integer', (column) => column.notNull().references('products.id'))
    .addColumn('quantity', 'bigint', notNull)
    .addColumn('expires_at', 'bigint', notNull)
    .addPrimaryKeyConstraint('stock_reservations_key', ['order_id', 'attempt', 'product_id'])
    .addCheckConstraint('stock_reservations_quantity', sql`quantity > 0`)
    .modifyEnd(clustered)
    .execute()

  await db.schema
    .createTable('payments')
    .addColumn('order_id', 'integer', (column) => column.notNull().references('orders.id'))
    .addColumn('attempt', 'integer', notNull)
    .addColumn('idempotency_key', 'varchar(200)', notNull)
    .addColumn('amount', 'bigint', notNull)
    .addColumn('currency', 'char(3)', notNull)
    .addColumn('status', 'varchar(20)', notNull)
    .addColumn('unanswered', 'integer', (column) => column.notNull().defaultTo(0))
    .addColumn('gateway_reference', 'varchar(255)')
    .addColumn('message', 'text')
    .addColumn('created_at', 'bigint', notNull)
    .addColumn('answered_at', 'bigint')
    .addPrimaryKeyConstraint('payments_key', ['order_id', 'attempt'])
    .addCheckConstraint('payments_status', oneOf('status', PAYMENT_STATUSES))
    .modifyEnd(clustered)
    .execute()
  // The database refuses a second captured payment for an order.
  await db.schema
    .createIndex('payments_captured_once')
    .unique()
    .on('payments')
    .column('order_id')
    .where(sql.ref('status'), '=', sql.lit('captured'))
    .execute()
}

async function createSales(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('sales_by_customer')
    .addColumn('day', 'char(10)', notNull)
    .addColumn('currency', 'char(3)', notNull)
    .addColumn('customer_id', 'integer', (column) => column.notNull().references('customers.id'))
    .addColumn('orders', 'bigint', notNull)
    .addColumn('revenue', 'bigint', notNull)
    .addPrimaryKeyConstraint('sales_by_customer_key', ['day', 'currency', 'customer_id'])
    .modifyEnd(clustered)
    .execute()
  await db.schema
    .createTable('sales_by_product')
    .addColumn('day', 'char(10)', notNull)
    .addColumn('currency', 'char(3)', notNull)
    .addColumn('product_id', 'integer', (column) => column.notNull().references('products.id'))
    .addColumn('orders', 'bigint', notNull)
    .addColumn('units', 'bigint', notNull)
    .addColumn('revenue', 'bigint', notNull)
    .addPrimaryKeyConstraint('sales_by_product_key', ['day', 'currency', 'product_id'])
    .modifyEnd(clustered)
    .execute()
}

async function createWorkers(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('workers')
    .addColumn('id', 'varchar(36)', (column) => column.primaryKey())
    .addColumn('host', 'varchar(255)', notNull)
    .addColumn('pid', 'integer', notNull)
    .addColumn('concurrency', 'integer', notNull)
    .addColumn('started_at', 'bigint', notNull)
    .addColumn('last_seen', 'bigint', notNull)
    .addColumn('processed', 'bigint', notNull)
    .addColumn('orders_per_second', 'double precision', notNull)
    .addColumn('stopped_at', 'bigint')
    .addColumn('uptime_ms', 'bigint')
    .addColumn('recent_batches', 'bigint', (column) => column.notNull().defaultTo(0))
    .addColumn('recent_orders', 'bigint', (column) => column.notNull().defaultTo(0))
    .addColumn('recent_ms', 'double precision', (column) => column.notNull().defaultTo(0))
    .addColumn('runtime_p50_ms', 'double precision')
    .addColumn('runtime_p95_ms', 'double precision')
    .addColumn('runtime_p99_ms', 'double precision')
    .execute()
}

async function createSchedule(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('schedule_runs')
    .addColumn('task', 'varchar(64)', notNull)
    .addColumn('slot', 'bigint', notNull)
    .addColumn('attempt', 'integer', notNull)
    .addColumn('started_at', 'bigint', notNull)
    .addColumn('ended_at', 'bigint')
    .addColumn('lease_until', 'bigint', notNull)
    .addColumn('host', 'varchar(255)', notNull)
    .addColumn('pid', 'integer', notNull)
    .addColumn('begun_by', 'varchar(20)', notNull)
    .addColumn('result', 'varchar(20)')
    .addColumn('message', 'text')
    .addPrimaryKeyConstraint('schedule_runs_key', ['task', 'slot'])
    .addCheckConstraint('schedule_runs_ended', sql`(ended_at is null) = (result is null)`)
    .modifyEnd(clustered)
    .execute()
  // A task of every minute has tens of thousands of runs.
  await db.schema.createIndex('schedule_runs_started').on('schedule_runs').columns(['task', 'started_at']).execute()
}

async function createHistory(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('queue_snapshots')
    .addColumn('period_start', 'bigint', (column) => column.primaryKey())
    .addColumn('period_end', 'bigint', notNull)
    .addColumn('completed', 'bigint', notNull)
    .addColumn('failed', 'bigint', notNull)
    .addColumn('runtime_p50_ms', 'double precision')
    .addColumn('runtime_p95_ms', 'double precision')
    .addColumn('runtime_p99_ms', 'double precision')
    .addColumn('waiting', 'bigint', notNull)
    .addColumn('active', 'bigint', notNull)
    .addColumn('delayed', 'bigint', notNull)
    .addColumn('oldest_waiting_seconds', 'double precision')
    .addColumn('estimated_wait_seconds', 'double precision')
    .execute()
}

async function createAlarms(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('alarms')
    .addColumn('name', 'varchar(64)', (column) => column.primaryKey())
    .addColumn('raised_at', 'bigint', notNull)
    .addColumn('cleared_at', 'bigint')
    .addColumn('quiet_checks', 'integer', notNull)
    .addColumn('told', 'varchar(20)')
    .addColumn('message', 'text', notNull)
    .addColumn('value', 'double precision', notNull)
    .addColumn('threshold', 'double precision', notNull)
    .addCheckConstraint(
      'alarms_told',
      sql`told is null or told = 'raised' or (told = 'cleared' and cleared_at is not null)`,
    )
    .execute()
}
