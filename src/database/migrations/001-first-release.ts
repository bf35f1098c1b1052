// Creates the tables of the first release, with the rules that the database enforces. schema.ts explains the columns.
import { type ColumnDataType, type CreateTableBuilder, type Kysely, sql } from 'kysely'
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

function createClustered(db: Kysely<unknown>, name: string, ...key: string[]): Table {
  return create(db, name).addPrimaryKeyConstraint(`${name}_key`, key).modifyEnd(clustered)
}

/**
 * Returns a function for `$call` that adds columns. They are written as in SQL, but are `not null` by default.
 * A column that `references` has an index: SQLite searches it for each row of the other table that is deleted.
 */
function columns(texts: TemplateStringsArray, ...values: readonly string[]) {
  const list = String.raw(texts, ...values).split(',')
  return (table: Table): Table => list.reduce((widened, text) => addColumn(widened, text.trim()), table)
}

const COLUMN =
  /^(\w+) (double precision|\S+)( null)?( primary key)?( unique)?(?: default (\S+))?(?: references (\w+))?$/

function addColumn(table: Table, text: string): Table {
  const [, name = '', type, nullable, isKey, isUnique, initial, other] = COLUMN.exec(text) ?? []
  return table.addColumn(name, type as ColumnDataType, (plain) => {
    let column = plain
    if (isKey) column = column.primaryKey()
    else if (!nullable) column = column.notNull()
    if (isUnique) column = column.unique()
    if (initial) column = column.defaultTo(sql.raw(initial))
    return other ? column.references(`${other}.id`) : column
  })
}

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
  await create(db, 'settings').$call(columns`name varchar(64) primary key, value text`).execute()
  const turns = sql`('turn_imports', ''), ('turn_schedule', ''), ('turn_names', '')`
  await sql`insert into settings (name, value) values ${turns}, ('settled_until', '0')`.execute(db)
}

async function createImports(db: Kysely<unknown>): Promise<void> {
  await createWithId(db, 'imports')
    .$call(columns`
      source varchar(64), file text, status varchar(20), lease_token varchar(36), lease_until bigint,
      host varchar(255), pid integer, started_at bigint, ended_at bigint null, begun_sha256 varchar(64) default '',
      rejects_file text null, layout text null, reader_state text null, orders_after bigint default 0,
      byte_offset bigint default 0, line_number bigint default 0, rejects_bytes bigint default 0,
      rows bigint default 0, orders bigint default 0, imported bigint default 0, updated bigint default 0,
      duplicates bigint default 0, conflicts bigint default 0, rejected bigint default 0, skipped bigint default 0,
      products_created bigint default 0, archived bigint default 0`)
    .addCheckConstraint('imports_status', oneOf('status', ['reading', 'releasing', 'finished', 'undoing', 'undone']))
    .addCheckConstraint(
      'imports_rows_add_up',
      sql`status <> 'finished' or ${sql.ref('rows')} = imported + updated + duplicates + conflicts + rejected + skipped`,
    )
    .execute()

  await createClustered(db, 'import_asides', 'import_id', 'line_number')
    .$call(columns`
      import_id integer references imports, line_number bigint, reference varchar(100), customer_id varchar(100),
      customer_name varchar(255), ordered_at varchar(30), currency char(3), sku varchar(100),
      product_name varchar(255), quantity bigint, total bigint, unit_price bigint null`)
    .execute()
  await index(db, 'import_asides_reference', 'import_asides', 'reference').execute()

  await createClustered(db, 'import_spoiled', 'import_id', 'reference')
    .$call(columns`import_id integer references imports, reference varchar(100), line_number bigint`)
    .execute()
}

async function createCustomersAndProducts(db: Kysely<unknown>): Promise<void> {
  await createWithId(db, 'customers')
    .$call(columns`
      source varchar(64), customer_id varchar(100), name varchar(255), import_id integer references imports,
      forgotten_at bigint null`)
    .addUniqueConstraint('customers_customer', ['customer_id', 'source'])
    .execute()

  await createWithId(db, 'products')
    .$call(columns`
      sku varchar(100) unique, name varchar(255), unit_price bigint null, currency char(3) null,
      import_id integer null references imports, on_hand bigint, reserved bigint default 0`)
    .addCheckConstraint('products_on_hand', sql`on_hand >= 0`)
    .addCheckConstraint('products_reserved', sql`reserved >= 0 and reserved <= on_hand`)
    .execute()

  await createWithId(db, 'stock_adjustments')
    .$call(columns`product_id integer references products, delta bigint, reason varchar(255), adjusted_at bigint`)
    .execute()
  await index(db, 'stock_adjustments_product', 'stock_adjustments', 'product_id').execute()
}

async function createOrders(db: Kysely<unknown>): Promise<void> {
  await createWithId(db, 'orders')
    .$call(columns`
      import_id integer references imports, source varchar(64), reference varchar(100), customer_id integer,
      currency char(3), total bigint, ordered_at varchar(30), business_day char(10),
      status varchar(20) default 'pending', attempt integer default 1, reason varchar(20) null, message text null,
      settled_at bigint null, cleared_at bigint null`)
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

  await createClustered(db, 'customer_orders', 'customer_id', 'order_id')
    .$call(columns`customer_id integer references customers, order_id integer`)
    .execute()

  // The queue: as large as the work left, not as `orders`, and narrow, since every batch writes it three times.
  await create(db, 'due_orders')
    .$call(columns`
      order_id integer primary key references orders, due_at bigint, lease_token varchar(36) null,
      claims integer default 0`)
    .execute()
  // Leaves the id out: if PostgreSQL took the table for a small one, it would search all of the index for an id.
  await index(db, 'due_orders_due_at', 'due_orders', 'due_at').execute()

  await createClustered(db, 'order_lines', 'order_id', 'line_number')
    .$call(columns`
      order_id integer references orders, line_number bigint, product_id integer, quantity bigint, total bigint,
      unit_price bigint null`)
    .addCheckConstraint('order_lines_quantity', sql`quantity > 0`)
    .execute()

  await createClustered(db, 'order_changes', 'import_id', 'order_id')
    .$call(columns`
      import_id integer references imports, order_id integer references orders, changed_at bigint,
      changed_by varchar(255), previous text`)
    .execute()
  await index(db, 'order_changes_order', 'order_changes', 'order_id').execute()
}

async function createStockAndPayments(db: Kysely<unknown>): Promise<void> {
  await createClustered(db, 'stock_reservations', 'order_id', 'attempt', 'product_id')
    .$call(columns`
      order_id integer references orders, attempt integer, product_id integer, quantity bigint, expires_at bigint`)
    .addCheckConstraint('stock_reservations_quantity', sql`quantity > 0`)
    .execute()

  await createClustered(db, 'payments', 'order_id', 'attempt')
    .$call(columns`
      order_id integer references orders, attempt integer, idempotency_key varchar(200), amount bigint,
      currency char(3), status varchar(20), unanswered integer default 0, never_asked integer default 0,
      gateway_reference varchar(255) null, message text null, created_at bigint, answered_at bigint null`)
    .addCheckConstraint('payments_status', oneOf('status', PAYMENT_STATUSES))
    .execute()
  // Prevents a second captured payment for an order.
  const captured = index(db, 'payments_captured_once', 'payments', 'order_id').unique()
  await captured.where(sql.ref('status'), '=', sql.lit('captured')).execute()
}

async function createRefunds(db: Kysely<unknown>): Promise<void> {
  await createClustered(db, 'refunds', 'order_id', 'number')
    .$call(columns`
      order_id integer references orders, number integer, customer_id integer references customers,
      idempotency_key varchar(255), amount bigint, currency char(3), status varchar(20), restock integer,
      unanswered integer default 0, gateway_reference varchar(255) null, message text null, created_at bigint,
      answered_at bigint null, due_at bigint null, day char(10) null, lease_token varchar(36) null`)
    .addCheckConstraint('refunds_amount', sql`amount > 0`)
    .addCheckConstraint('refunds_status', oneOf('status', REFUND_STATUSES))
    .addCheckConstraint('refunds_day', sql`(day is null) = (status <> 'refunded')`)
    .addCheckConstraint('refunds_due', sql`due_at is null or ${oneOf('status', OPEN_REFUND_STATUSES)}`)
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
    .$call(columns`reference varchar(255) primary key, order_id integer null`)
    .modifyEnd(clustered)
    .execute()
}

async function createSales(db: Kysely<unknown>): Promise<void> {
  for (const [of, figures] of [
    ['customer', 'orders bigint, revenue bigint'],
    ['product', 'orders bigint, units bigint, revenue bigint'],
  ] as const) {
    await createClustered(db, `sales_by_${of}`, 'day', 'currency', `${of}_id`)
      .$call(columns`day char(10), currency char(3), ${of}_id integer, ${figures}`)
      .execute()
  }
}

async function createOrderCounts(db: Kysely<unknown>): Promise<void> {
  // The currency is not char, since it may be empty.
  await createClustered(db, 'order_counts', 'period', 'source', 'status', 'reason', 'cleared', 'currency')
    .$call(columns`
      period bigint, source varchar(64), status varchar(20), reason varchar(20), cleared integer,
      currency varchar(3), orders bigint, amount bigint`)
    .execute()
}

async function createWorkers(db: Kysely<unknown>): Promise<void> {
  await create(db, 'workers')
    .$call(columns`
      id varchar(36) primary key, host varchar(255), pid integer, concurrency integer, started_at bigint,
      last_seen bigint, processed bigint, orders_per_second double precision, stopped_at bigint null,
      uptime_ms bigint null, waiting_for text null, recent_batches bigint default 0, recent_orders bigint default 0,
      recent_ms double precision default 0, runtime_p50_ms double precision null,
      runtime_p95_ms double precision null, runtime_p99_ms double precision null`)
    .execute()
}

async function createSchedule(db: Kysely<unknown>): Promise<void> {
  await createClustered(db, 'schedule_runs', 'task', 'slot')
    .$call(columns`
      task varchar(64), slot bigint, attempt integer, started_at bigint, ended_at bigint null, lease_until bigint,
      host varchar(255), pid integer, begun_by varchar(20), result varchar(20) null, message text null`)
    .addCheckConstraint('schedule_runs_ended', sql`(ended_at is null) = (result is null)`)
    .execute()
  // A task that runs every minute has tens of thousands of runs.
  await index(db, 'schedule_runs_started', 'schedule_runs', 'task', 'started_at').execute()
}

async function createHistoryAndAlarms(db: Kysely<unknown>): Promise<void> {
  await create(db, 'queue_snapshots')
    .$call(columns`
      period_start bigint primary key, period_end bigint, completed bigint, failed bigint,
      runtime_p50_ms double precision null, runtime_p95_ms double precision null,
      runtime_p99_ms double precision null, waiting bigint, active bigint, delayed bigint,
      oldest_waiting_seconds double precision null, estimated_wait_seconds double precision null`)
    .execute()

  const isNotified = sql`notified is null or notified = 'raised' or (notified = 'cleared' and cleared_at is not null)`
  await create(db, 'alarms')
    .$call(columns`
      name varchar(64) primary key, raised_at bigint, cleared_at bigint null, quiet_checks integer,
      notified varchar(20) null, message text, value double precision, threshold double precision`)
    .addCheckConstraint('alarms_notified', isNotified)
    .execute()
}

async function createActions(db: Kysely<unknown>): Promise<void> {
  await create(db, 'actions')
    .$call(columns`
      id varchar(36) primary key, at bigint, command varchar(64), subject varchar(255), reason varchar(255) null,
      os_user varchar(255), host varchar(255), details text null`)
    .execute()
  await index(db, 'actions_at', 'actions', 'at').execute()

  await createClustered(db, 'action_orders', 'order_id', 'action_id')
    .$call(columns`order_id integer references orders, action_id varchar(36) references actions`)
    .execute()
}

async function createEvents(db: Kysely<unknown>): Promise<void> {
  await create(db, 'events')
    .$call(columns`
      order_id integer references orders, destination varchar(10), number integer, token varchar(20),
      kind varchar(20), attempt integer, reason varchar(20) null, message text null, occurred_at bigint,
      amount bigint, reference varchar(255) null, state varchar(10), next_at bigint, lease_token varchar(36) null,
      deliveries integer default 0, error text null`)
    .addPrimaryKeyConstraint('events_key', ['order_id', 'destination', 'number'])
    .addCheckConstraint('events_kind', oneOf('kind', EVENT_KINDS))
    .addCheckConstraint('events_state', oneOf('state', ['waiting', 'delivered']))
    .execute()
  await index(db, 'events_next', 'events', 'state', 'destination', 'next_at').execute()
}

async function createArchives(db: Kysely<unknown>): Promise<void> {
  await createWithId(db, 'archives')
    .$call(columns`
      file text, format varchar(10), source varchar(64) null, settled_before bigint, started_at bigint,
      ended_at bigint null, written bigint default 0, orders bigint default 0, last_settled_at bigint null`)
    .execute()

  await createClustered(db, 'archived_orders', 'source', 'reference')
    .$call(columns`
      source varchar(64), reference varchar(100), archive_id integer references archives,
      customer_id integer references customers, digest char(22)`)
    .execute()
  await index(db, 'archived_orders_customer', 'archived_orders', 'customer_id').execute()

  // The keys start with the customer or product, whose totals are published in Redis.
  await createClustered(db, 'archived_sales_by_customer', 'customer_id', 'currency', 'day')
    .$call(columns`
      day char(10), currency char(3), customer_id integer references customers, orders bigint, revenue bigint`)
    .execute()
  await createClustered(db, 'archived_sales_by_product', 'product_id', 'source', 'currency', 'day')
    .$call(columns`
      source varchar(64), day char(10), currency char(3), product_id integer references products, orders bigint,
      units bigint, revenue bigint`)
    .execute()
  await createClustered(db, 'archived_refunds', 'day', 'currency', 'customer_id')
    .$call(columns`
      day char(10), currency char(3), customer_id integer references customers, refunds bigint, amount bigint`)
    .execute()
  await index(db, 'archived_refunds_customer', 'archived_refunds', 'customer_id').execute()
}
