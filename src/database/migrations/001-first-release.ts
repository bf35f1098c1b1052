// Creates the tables of the first release, with the rules that the database enforces. schema.ts explains the columns.
import { type ColumnDataType, type ColumnDefinitionBuilder, type CreateTableBuilder, type Kysely, sql } from 'kysely'
import { engineOf } from '../../database/engine.js'
import {
  EVENT_KINDS,
  OPEN_REFUND_STATUSES,
  OPEN_STATUSES,
  ORDER_STATUSES,
  PAYMENT_STATUSES,
  REFUND_STATUSES,
} from '../../domain/order.js'

export const firstRelease = {
  name: 'first-release',
  async up(db: Kysely<unknown>) {
    await createSettings(db)
    await createImports(db)
    await createCustomersAndProducts(db)
    await createOrders(db)
    await createStockAndPayments(db)
    await createRefunds(db)
    await createPaymentReferences(db)
    await createSales(db)
    await createOrderCounts(db)
    await createWorkers(db)
    await createSchedule(db)
    await createHistoryAndAlarms(db)
    await createActions(db)
    await createEvents(db)
    await createArchives(db)
  },
}

type Table = CreateTableBuilder<string, string>
type Rule = (column: ColumnDefinitionBuilder) => ColumnDefinitionBuilder

const key: Rule = (column) => column.primaryKey()
const required: Rule = (column) => column.notNull()
const optional: Rule = (column) => column
const zero: Rule = (column) => column.notNull().defaultTo(0)
/** For columns with an index: SQLite searches them for each row of the other table that is deleted. */
const idIn =
  (table: string): Rule =>
  (column) =>
    column.notNull().references(`${table}.id`)

/** Returns a function for `$call` that adds columns of one type. */
function add(type: ColumnDataType, rule: Rule, ...names: readonly string[]) {
  return (table: Table): Table => names.reduce((widened, name) => widened.addColumn(name, type, rule), table)
}

function create(db: Kysely<unknown>, name: string): Table {
  return db.schema.createTable(name)
}

function createWithId(db: Kysely<unknown>, name: string): Table {
  return create(db, name).addColumn('id', 'integer', (column) => column.primaryKey().autoIncrement())
}

/**
 * Makes SQLite store a table in the order of its key, as InnoDB always does, so that the rows of an order are adjacent.
 */
const clustered = sql`without rowid`

function index(db: Kysely<unknown>, name: string, table: string, ...columns: string[]) {
  return db.schema.createIndex(name).on(table).columns(columns)
}

/**
 * Writes a chain of `or`. For `in (…)`, SQLite searches a tree at every row, so an update of orders takes 50 % longer.
 */
function oneOf(column: string, values: readonly string[]) {
  const choices = values.map((value) => sql<boolean>`${sql.ref(column)} = ${sql.lit(value)}`)
  return sql<boolean>`(${sql.join(choices, sql` or `)})`
}

async function createSettings(db: Kysely<unknown>): Promise<void> {
  await create(db, 'settings').addColumn('name', 'varchar(64)', key).addColumn('value', 'text', required).execute()
  const turns = sql`('turn_imports', ''), ('turn_schedule', ''), ('turn_names', '')`
  await sql`insert into settings (name, value) values ${turns}, ('settled_until', '0')`.execute(db)
}

async function createImports(db: Kysely<unknown>): Promise<void> {
  await createWithId(db, 'imports')
    .addColumn('source', 'varchar(64)', required)
    .addColumn('file', 'text', required)
    .addColumn('status', 'varchar(20)', required)
    .addColumn('lease_token', 'varchar(36)', required)
    .addColumn('lease_until', 'bigint', required)
    .addColumn('host', 'varchar(255)', required)
    .addColumn('pid', 'integer', required)
    .addColumn('started_at', 'bigint', required)
    .addColumn('ended_at', 'bigint')
    .addColumn('begun_sha256', 'varchar(64)', (column) => column.notNull().defaultTo(''))
    .addColumn('rejects_file', 'text')
    .$call(add('text', optional, 'layout', 'reader_state'))
    .$call(add('bigint', zero, 'orders_after', 'byte_offset', 'line_number', 'rejects_bytes', 'rows', 'orders'))
    .$call(add('bigint', zero, 'imported', 'updated', 'duplicates', 'conflicts', 'rejected', 'skipped'))
    .$call(add('bigint', zero, 'products_created', 'archived'))
    .addCheckConstraint('imports_status', oneOf('status', ['reading', 'releasing', 'finished', 'undoing', 'undone']))
    .addCheckConstraint(
      'imports_rows_add_up',
      sql`status <> 'finished' or ${sql.ref('rows')} = imported + updated + duplicates + conflicts + rejected + skipped`,
    )
    .execute()

  await create(db, 'import_asides')
    .addColumn('import_id', 'integer', idIn('imports'))
    .addColumn('line_number', 'bigint', required)
    .$call(add('varchar(100)', required, 'reference', 'customer_id'))
    .addColumn('customer_name', 'varchar(255)', required)
    .addColumn('ordered_at', 'varchar(30)', required)
    .addColumn('currency', 'char(3)', required)
    .addColumn('sku', 'varchar(100)', required)
    .addColumn('product_name', 'varchar(255)', required)
    .$call(add('bigint', required, 'quantity', 'total'))
    .addColumn('unit_price', 'bigint')
    .addPrimaryKeyConstraint('import_asides_key', ['import_id', 'line_number'])
    .modifyEnd(clustered)
    .execute()
  await index(db, 'import_asides_reference', 'import_asides', 'reference').execute()

  await create(db, 'import_spoiled')
    .addColumn('import_id', 'integer', idIn('imports'))
    .addColumn('reference', 'varchar(100)', required)
    .addColumn('line_number', 'bigint', required)
    .addPrimaryKeyConstraint('import_spoiled_key', ['import_id', 'reference'])
    .modifyEnd(clustered)
    .execute()
}

async function createCustomersAndProducts(db: Kysely<unknown>): Promise<void> {
  await createWithId(db, 'customers')
    .addColumn('source', 'varchar(64)', required)
    .addColumn('customer_id', 'varchar(100)', required)
    .addColumn('name', 'varchar(255)', required)
    .addColumn('import_id', 'integer', idIn('imports'))
    .addColumn('forgotten_at', 'bigint')
    .addUniqueConstraint('customers_customer', ['customer_id', 'source'])
    .execute()

  await createWithId(db, 'products')
    .addColumn('sku', 'varchar(100)', (column) => column.notNull().unique())
    .addColumn('name', 'varchar(255)', required)
    .addColumn('unit_price', 'bigint')
    .addColumn('currency', 'char(3)')
    .addColumn('import_id', 'integer', (column) => column.references('imports.id'))
    .addColumn('on_hand', 'bigint', required)
    .addColumn('reserved', 'bigint', zero)
    .addCheckConstraint('products_on_hand', sql`on_hand >= 0`)
    .addCheckConstraint('products_reserved', sql`reserved >= 0 and reserved <= on_hand`)
    .execute()

  await createWithId(db, 'stock_adjustments')
    .addColumn('product_id', 'integer', idIn('products'))
    .addColumn('delta', 'bigint', required)
    .addColumn('reason', 'varchar(255)', required)
    .addColumn('adjusted_at', 'bigint', required)
    .execute()
  await index(db, 'stock_adjustments_product', 'stock_adjustments', 'product_id').execute()
}

async function createOrders(db: Kysely<unknown>): Promise<void> {
  await createWithId(db, 'orders')
    .addColumn('import_id', 'integer', idIn('imports'))
    .addColumn('source', 'varchar(64)', required)
    .addColumn('reference', 'varchar(100)', required)
    .addColumn('customer_id', 'integer', required)
    .addColumn('currency', 'char(3)', required)
    .addColumn('total', 'bigint', required)
    .addColumn('ordered_at', 'varchar(30)', required)
    .addColumn('business_day', 'char(10)', required)
    .addColumn('status', 'varchar(20)', (column) => column.notNull().defaultTo('pending'))
    .addColumn('attempt', 'integer', (column) => column.notNull().defaultTo(1))
    .addColumn('reason', 'varchar(20)')
    .addColumn('message', 'text')
    .$call(add('bigint', optional, 'settled_at', 'cleared_at'))
    // The reference first: it nearly always settles a comparison.
    .addUniqueConstraint('orders_reference', ['reference', 'source'])
    .addCheckConstraint('orders_status', oneOf('status', ORDER_STATUSES))
    .addCheckConstraint('orders_settled', sql`(settled_at is null) = ${oneOf('status', OPEN_STATUSES)}`)
    .execute()

  await index(db, 'orders_settled_at', 'orders', 'settled_at').where(sql.ref('settled_at'), 'is not', null).execute()
  // Finds failures, the newest first, and, every minute, orders that need review, without a scan of all orders. MySQL
  // has no partial indexes: there, the reason finds them.
  const failures = index(db, 'orders_failures', 'orders', engineOf(db) === 'mysql' ? 'reason' : 'settled_at')
  await failures.where(sql.ref('reason'), 'is not', null).execute()
  // Lists start with the newest order date. The day only: it is short, and rows of a day are adjacent in most files.
  await index(db, 'orders_business_day', 'orders', 'business_day').execute()

  await create(db, 'customer_orders')
    .addColumn('customer_id', 'integer', idIn('customers'))
    .addColumn('order_id', 'integer', required)
    .addPrimaryKeyConstraint('customer_orders_key', ['customer_id', 'order_id'])
    .modifyEnd(clustered)
    .execute()

  // The queue: as large as the work left, not as `orders`, and narrow, since every batch writes it three times.
  await create(db, 'due_orders')
    .addColumn('order_id', 'integer', (column) => column.primaryKey().references('orders.id'))
    .addColumn('due_at', 'bigint', required)
    .addColumn('lease_token', 'varchar(36)')
    .addColumn('claims', 'integer', zero)
    .execute()
  // Leaves the id out: if PostgreSQL took the table for a small one, it would search all of the index for an id.
  await index(db, 'due_orders_due_at', 'due_orders', 'due_at').execute()

  await create(db, 'order_lines')
    .addColumn('order_id', 'integer', idIn('orders'))
    .addColumn('line_number', 'bigint', required)
    .addColumn('product_id', 'integer', required)
    .$call(add('bigint', required, 'quantity', 'total'))
    .addColumn('unit_price', 'bigint')
    .addPrimaryKeyConstraint('order_lines_key', ['order_id', 'line_number'])
    .addCheckConstraint('order_lines_quantity', sql`quantity > 0`)
    .modifyEnd(clustered)
    .execute()

  await create(db, 'order_changes')
    .addColumn('import_id', 'integer', idIn('imports'))
    .addColumn('order_id', 'integer', idIn('orders'))
    .addColumn('changed_at', 'bigint', required)
    .addColumn('changed_by', 'varchar(255)', required)
    .addColumn('previous', 'text', required)
    .addPrimaryKeyConstraint('order_changes_key', ['import_id', 'order_id'])
    .modifyEnd(clustered)
    .execute()
  await index(db, 'order_changes_order', 'order_changes', 'order_id').execute()
}

async function createStockAndPayments(db: Kysely<unknown>): Promise<void> {
  await create(db, 'stock_reservations')
    .addColumn('order_id', 'integer', idIn('orders'))
    .addColumn('attempt', 'integer', required)
    .addColumn('product_id', 'integer', required)
    .$call(add('bigint', required, 'quantity', 'expires_at'))
    .addPrimaryKeyConstraint('stock_reservations_key', ['order_id', 'attempt', 'product_id'])
    .addCheckConstraint('stock_reservations_quantity', sql`quantity > 0`)
    .modifyEnd(clustered)
    .execute()

  await create(db, 'payments')
    .addColumn('order_id', 'integer', idIn('orders'))
    .addColumn('attempt', 'integer', required)
    .addColumn('idempotency_key', 'varchar(200)', required)
    .addColumn('amount', 'bigint', required)
    .addColumn('currency', 'char(3)', required)
    .addColumn('status', 'varchar(20)', required)
    .addColumn('unanswered', 'integer', zero)
    .addColumn('never_asked', 'integer', zero)
    .addColumn('gateway_reference', 'varchar(255)')
    .addColumn('message', 'text')
    .addColumn('created_at', 'bigint', required)
    .addColumn('answered_at', 'bigint')
    .addPrimaryKeyConstraint('payments_key', ['order_id', 'attempt'])
    .addCheckConstraint('payments_status', oneOf('status', PAYMENT_STATUSES))
    .modifyEnd(clustered)
    .execute()
  // Prevents a second captured payment for an order.
  const captured = index(db, 'payments_captured_once', 'payments', 'order_id').unique()
  await captured.where(sql.ref('status'), '=', sql.lit('captured')).execute()
}

async function createRefunds(db: Kysely<unknown>): Promise<void> {
  await create(db, 'refunds')
    .addColumn('order_id', 'integer', idIn('orders'))
    .addColumn('number', 'integer', required)
    .addColumn('customer_id', 'integer', idIn('customers'))
    .addColumn('idempotency_key', 'varchar(255)', required)
    .addColumn('amount', 'bigint', required)
    .addColumn('currency', 'char(3)', required)
    .addColumn('status', 'varchar(20)', required)
    .addColumn('restock', 'integer', required)
    .addColumn('unanswered', 'integer', zero)
    .addColumn('gateway_reference', 'varchar(255)')
    .addColumn('message', 'text')
    .addColumn('created_at', 'bigint', required)
    .$call(add('bigint', optional, 'answered_at', 'due_at'))
    .addColumn('day', 'char(10)')
    .addColumn('lease_token', 'varchar(36)')
    .addPrimaryKeyConstraint('refunds_key', ['order_id', 'number'])
    .addCheckConstraint('refunds_amount', sql`amount > 0`)
    .addCheckConstraint('refunds_status', oneOf('status', REFUND_STATUSES))
    .addCheckConstraint('refunds_day', sql`(day is null) = (status <> 'refunded')`)
    .addCheckConstraint('refunds_due', sql`due_at is null or ${oneOf('status', OPEN_REFUND_STATUSES)}`)
    .modifyEnd(clustered)
    .execute()
  // Prevents a second refund of an order before the outcome of the first is known.
  const open = index(db, 'refunds_open_once', 'refunds', 'order_id').unique()
  await open.where(oneOf('status', OPEN_REFUND_STATUSES)).execute()
  await index(db, 'refunds_due_at', 'refunds', 'due_at').where(sql.ref('due_at'), 'is not', null).execute()
  // Figures in Redis follow the answers, and sum up customers page by page.
  await index(db, 'refunds_answered_at', 'refunds', 'answered_at').execute()
  await index(db, 'refunds_customer', 'refunds', 'customer_id').execute()
  // Has all that a report reads.
  await index(db, 'refunds_day', 'refunds', 'day', 'currency', 'customer_id', 'amount').execute()
}

async function createPaymentReferences(db: Kysely<unknown>): Promise<void> {
  await create(db, 'payment_references')
    .addColumn('reference', 'varchar(255)', key)
    .addColumn('order_id', 'integer')
    .modifyEnd(clustered)
    .execute()
}

async function createSales(db: Kysely<unknown>): Promise<void> {
  for (const [of, figures] of [
    ['customer', ['orders', 'revenue']],
    ['product', ['orders', 'units', 'revenue']],
  ] as const) {
    await create(db, `sales_by_${of}`)
      .addColumn('day', 'char(10)', required)
      .addColumn('currency', 'char(3)', required)
      .addColumn(`${of}_id`, 'integer', required)
      .$call(add('bigint', required, ...figures))
      .addPrimaryKeyConstraint(`sales_by_${of}_key`, ['day', 'currency', `${of}_id`])
      .modifyEnd(clustered)
      .execute()
  }
}

async function createOrderCounts(db: Kysely<unknown>): Promise<void> {
  await create(db, 'order_counts')
    .addColumn('period', 'bigint', required)
    .addColumn('source', 'varchar(64)', required)
    .$call(add('varchar(20)', required, 'status', 'reason'))
    .addColumn('cleared', 'integer', required)
    // Not char, since it may be empty.
    .addColumn('currency', 'varchar(3)', required)
    .$call(add('bigint', required, 'orders', 'amount'))
    .addPrimaryKeyConstraint('order_counts_key', ['period', 'source', 'status', 'reason', 'cleared', 'currency'])
    .modifyEnd(clustered)
    .execute()
}

const PERCENTILES = ['runtime_p50_ms', 'runtime_p95_ms', 'runtime_p99_ms']

async function createWorkers(db: Kysely<unknown>): Promise<void> {
  await create(db, 'workers')
    .addColumn('id', 'varchar(36)', key)
    .addColumn('host', 'varchar(255)', required)
    .$call(add('integer', required, 'pid', 'concurrency'))
    .$call(add('bigint', required, 'started_at', 'last_seen', 'processed'))
    .addColumn('orders_per_second', 'double precision', required)
    .$call(add('bigint', optional, 'stopped_at', 'uptime_ms'))
    .addColumn('waiting_for', 'text')
    .$call(add('bigint', zero, 'recent_batches', 'recent_orders'))
    .addColumn('recent_ms', 'double precision', zero)
    .$call(add('double precision', optional, ...PERCENTILES))
    .execute()
}

async function createSchedule(db: Kysely<unknown>): Promise<void> {
  await create(db, 'schedule_runs')
    .addColumn('task', 'varchar(64)', required)
    .addColumn('slot', 'bigint', required)
    .addColumn('attempt', 'integer', required)
    .addColumn('started_at', 'bigint', required)
    .addColumn('ended_at', 'bigint')
    .addColumn('lease_until', 'bigint', required)
    .addColumn('host', 'varchar(255)', required)
    .addColumn('pid', 'integer', required)
    .addColumn('begun_by', 'varchar(20)', required)
    .addColumn('result', 'varchar(20)')
    .addColumn('message', 'text')
    .addPrimaryKeyConstraint('schedule_runs_key', ['task', 'slot'])
    .addCheckConstraint('schedule_runs_ended', sql`(ended_at is null) = (result is null)`)
    .modifyEnd(clustered)
    .execute()
  // A task that runs every minute has tens of thousands of runs.
  await index(db, 'schedule_runs_started', 'schedule_runs', 'task', 'started_at').execute()
}

async function createHistoryAndAlarms(db: Kysely<unknown>): Promise<void> {
  await create(db, 'queue_snapshots')
    .addColumn('period_start', 'bigint', key)
    .$call(add('bigint', required, 'period_end', 'completed', 'failed'))
    .$call(add('double precision', optional, ...PERCENTILES))
    .$call(add('bigint', required, 'waiting', 'active', 'delayed'))
    .$call(add('double precision', optional, 'oldest_waiting_seconds', 'estimated_wait_seconds'))
    .execute()

  const isNotified = sql`notified is null or notified = 'raised' or (notified = 'cleared' and cleared_at is not null)`
  await create(db, 'alarms')
    .addColumn('name', 'varchar(64)', key)
    .addColumn('raised_at', 'bigint', required)
    .addColumn('cleared_at', 'bigint')
    .addColumn('quiet_checks', 'integer', required)
    .addColumn('notified', 'varchar(20)')
    .addColumn('message', 'text', required)
    .$call(add('double precision', required, 'value', 'threshold'))
    .addCheckConstraint('alarms_notified', isNotified)
    .execute()
}

async function createActions(db: Kysely<unknown>): Promise<void> {
  await create(db, 'actions')
    .addColumn('id', 'varchar(36)', key)
    .addColumn('at', 'bigint', required)
    .addColumn('command', 'varchar(64)', required)
    .addColumn('subject', 'varchar(255)', required)
    .addColumn('reason', 'varchar(255)')
    .$call(add('varchar(255)', required, 'os_user', 'host'))
    .addColumn('details', 'text')
    .execute()
  await index(db, 'actions_at', 'actions', 'at').execute()

  await create(db, 'action_orders')
    .addColumn('order_id', 'integer', idIn('orders'))
    .addColumn('action_id', 'varchar(36)', idIn('actions'))
    .addPrimaryKeyConstraint('action_orders_key', ['order_id', 'action_id'])
    .modifyEnd(clustered)
    .execute()
}

async function createEvents(db: Kysely<unknown>): Promise<void> {
  await create(db, 'events')
    .addColumn('order_id', 'integer', idIn('orders'))
    .addColumn('destination', 'varchar(10)', required)
    .addColumn('number', 'integer', required)
    .$call(add('varchar(20)', required, 'token', 'kind'))
    .addColumn('attempt', 'integer', required)
    .addColumn('reason', 'varchar(20)')
    .addColumn('message', 'text')
    .$call(add('bigint', required, 'occurred_at', 'amount'))
    .addColumn('reference', 'varchar(255)')
    .addColumn('state', 'varchar(10)', required)
    .addColumn('next_at', 'bigint', required)
    .addColumn('lease_token', 'varchar(36)')
    .addColumn('deliveries', 'integer', zero)
    .addColumn('error', 'text')
    .addPrimaryKeyConstraint('events_key', ['order_id', 'destination', 'number'])
    .addCheckConstraint('events_kind', oneOf('kind', EVENT_KINDS))
    .addCheckConstraint('events_state', oneOf('state', ['waiting', 'delivered']))
    .execute()
  await index(db, 'events_next', 'events', 'state', 'destination', 'next_at').execute()
}

async function createArchives(db: Kysely<unknown>): Promise<void> {
  await createWithId(db, 'archives')
    .addColumn('file', 'text', required)
    .addColumn('format', 'varchar(10)', required)
    .addColumn('source', 'varchar(64)')
    .$call(add('bigint', required, 'settled_before', 'started_at'))
    .addColumn('ended_at', 'bigint')
    .addColumn('orders', 'bigint', zero)
    .addColumn('last_settled_at', 'bigint')
    .execute()

  await create(db, 'archived_orders')
    .addColumn('source', 'varchar(64)', required)
    .addColumn('reference', 'varchar(100)', required)
    .addColumn('archive_id', 'integer', idIn('archives'))
    .addColumn('customer_id', 'integer', idIn('customers'))
    .addColumn('digest', 'char(22)', required)
    .addPrimaryKeyConstraint('archived_orders_key', ['source', 'reference'])
    .modifyEnd(clustered)
    .execute()
  await index(db, 'archived_orders_customer', 'archived_orders', 'customer_id').execute()

  // The keys start with the customer or product, whose totals are published in Redis.
  await create(db, 'archived_sales_by_customer')
    .addColumn('day', 'char(10)', required)
    .addColumn('currency', 'char(3)', required)
    .addColumn('customer_id', 'integer', idIn('customers'))
    .$call(add('bigint', required, 'orders', 'revenue'))
    .addPrimaryKeyConstraint('archived_sales_by_customer_key', ['customer_id', 'currency', 'day'])
    .modifyEnd(clustered)
    .execute()
  await create(db, 'archived_sales_by_product')
    .addColumn('source', 'varchar(64)', required)
    .addColumn('day', 'char(10)', required)
    .addColumn('currency', 'char(3)', required)
    .addColumn('product_id', 'integer', idIn('products'))
    .$call(add('bigint', required, 'orders', 'units', 'revenue'))
    .addPrimaryKeyConstraint('archived_sales_by_product_key', ['product_id', 'source', 'currency', 'day'])
    .modifyEnd(clustered)
    .execute()
  await create(db, 'archived_refunds')
    .addColumn('day', 'char(10)', required)
    .addColumn('currency', 'char(3)', required)
    .addColumn('customer_id', 'integer', idIn('customers'))
    .addColumn('amount', 'bigint', required)
    .addPrimaryKeyConstraint('archived_refunds_key', ['day', 'currency', 'customer_id'])
    .modifyEnd(clustered)
    .execute()
  await index(db, 'archived_refunds_customer', 'archived_refunds', 'customer_id').execute()
}
