// The TypeScript types of the tables, which the migrations create.
// Times are epoch milliseconds (UTC). Amounts are minor units of the row's currency. Unit prices are scaled by
// 10^PRICE_DECIMALS. Days are YYYY-MM-DD in the business time zone.
import type { Generated } from 'kysely'
import type { Day } from '../domain/business-day.js'
import type {
  ArchiveId,
  CustomerId,
  IdempotencyKey,
  ImportId,
  LeaseToken,
  OrderId,
  ProductId,
  WorkerId,
} from '../domain/ids.js'
import type { Currency } from '../domain/money.js'
import type { EventKind, FailureReason, OrderStatus, PaymentStatus, RefundStatus } from '../domain/order.js'

type Figures = 'time_zone' | 'sales_id'
/** The identity of the database, and where it was confirmed, as JSON. See shop.ts. */
type Shop = 'shop' | 'shop_home'
/** The file that an unfinished copy was started from, and the process that may write the copy. */
type Copying = 'copying_from' | 'copy_id'
/** Rows that only serve as locks. */
type NamedLock = 'turn_imports' | 'turn_schedule' | 'turn_names'
/** End of the last export of settled orders. See settlement-time.ts. */
type Exported = 'settled_until'
/** See backups.ts. */
type Backup = 'last_backup' | 'backup_taken' | 'restored'

export interface Schema {
  settings: {
    name: 'queue_paused' | Figures | Shop | Copying | NamedLock | Exported | Backup
    value: string
  }

  /** One import of a file, with the cursor from which a resumed import continues. */
  imports: {
    id: Generated<ImportId>
    source: string
    /** Absolute path, or `-` for standard input. */
    file: string
    /** `reading`: lines are being read. `releasing`: all are stored, orders become due. `undoing`: being undone. */
    status: 'reading' | 'releasing' | 'finished' | 'undoing' | 'undone'
    /** Held by the process that writes; a process that has lost it can write nothing more. */
    lease_token: LeaseToken
    lease_until: number
    host: string
    pid: number
    started_at: number
    ended_at: number | null
    /** The newest order when the import started: all of its own orders are newer. */
    orders_after: Generated<OrderId>
    /** Number of bytes that the stored lines take in the content (see Cursor); the next line begins after them. */
    byte_offset: Generated<number>
    /** Number of physical lines in these bytes. */
    line_number: Generated<number>
    /** SHA-256 of these bytes, to detect a file that changed before the import is resumed. */
    begun_sha256: Generated<string>
    rejects_file: string | null
    /** Length of the rejects file at the cursor. */
    rejects_bytes: Generated<number>
    /** How the file is read, as JSON (FileLayout); null until a chunk is stored. A resumed import keeps it. */
    layout: string | null
    /** What was read so far, as JSON (ReaderState). */
    reader_state: string | null
    rows: Generated<number>
    orders: Generated<number>
    imported: Generated<number>
    duplicates: Generated<number>
    /** Lines of stored orders that were replaced (`--update`). */
    updated: Generated<number>
    conflicts: Generated<number>
    rejected: Generated<number>
    /** Lines that are no sales, such as cancelled orders, returns and footers. */
    skipped: Generated<number>
    products_created: Generated<number>
    /** Orders that it stored or updated and that are archived. Such an import cannot be undone. */
    archived: Generated<number>
  }

  /** Lines to judge at the end: an earlier import stored their order, or they disagree with its other lines. */
  import_asides: {
    import_id: ImportId
    line_number: number
    reference: string
    customer_id: string
    customer_name: string
    ordered_at: string
    currency: Currency
    sku: string
    product_name: string
    quantity: number
    unit_price: number | null
    total: number
  }

  /** Orders that are not imported: a line is rejected, or an earlier import stored the order with other content. */
  import_spoiled: {
    import_id: ImportId
    reference: string
    /** The first rejected line; for other content, the first line of the order. */
    line_number: number
  }

  customers: {
    id: Generated<CustomerId>
    /** The shop of the customer. The same id in another source is another customer. */
    source: string
    /** The shop's id of the customer. */
    customer_id: string
    /** As the last import named the customer. */
    name: string
    /** The import that first named the customer. */
    import_id: ImportId
    /**
     * When id and name were replaced; else null. Imports compare every other value of the customer's orders, and no
     * file names the customer again.
     */
    forgotten_at: number | null
  }

  products: {
    id: Generated<ProductId>
    sku: string
    name: string
    unit_price: number | null
    currency: Currency | null
    /** The import that created the product; null if a person did. */
    import_id: ImportId | null
    /** Units in stock: all adjustments minus all committed units. */
    on_hand: number
    /** How many of these units live reservations hold. */
    reserved: Generated<number>
  }

  stock_adjustments: {
    id: Generated<number>
    product_id: ProductId
    delta: number
    reason: string
    adjusted_at: number
  }

  orders: {
    id: Generated<OrderId>
    import_id: ImportId
    source: string
    reference: string
    customer_id: CustomerId
    currency: Currency
    total: number
    /** `2025-01-15T17:41:00` in the shop's time, or with a `Z` if the file gave an offset. */
    ordered_at: string
    business_day: Day
    status: Generated<OrderStatus>
    /** Counts from 1; a manual retry adds one, unless the outcome of the last charge is unknown. */
    attempt: Generated<number>
    reason: FailureReason | null
    message: string | null
    /** When the order was completed, failed or rolled back. */
    settled_at: number | null
    /** When a person cleared the order from the list of failures. */
    cleared_at: number | null
  }

  /** The queue: orders that may be claimed, now or later. Others are settled, need review or wait for their import. */
  due_orders: {
    order_id: OrderId
    /**
     * When a worker may next claim the order. While a worker holds it, this is the end of its lease. Negative if the
     * order is due at once (see dueAtOnce).
     */
    due_at: number
    lease_token: LeaseToken | null
    /** Claims since the order became due or was postponed. While no worker holds the order, all of them were lost. */
    claims: Generated<number>
  }

  order_lines: {
    order_id: OrderId
    /** The line's number in its file. If a line of the file has several items, each counts as a line. */
    line_number: number
    product_id: ProductId
    quantity: number
    /** Null if the file has only the total of the line. */
    unit_price: number | null
    total: number
  }

  /** Orders that `import --update` has replaced. */
  order_changes: {
    import_id: ImportId
    order_id: OrderId
    changed_at: number
    /** The user and host, as in `ann@till-2`. */
    changed_by: string
    /** The order before the change, as JSON (OrderVersion). */
    previous: string
  }

  stock_reservations: {
    order_id: OrderId
    attempt: number
    product_id: ProductId
    quantity: number
    expires_at: number
  }

  /** Payment intents, stored before the gateway is asked. */
  payments: {
    order_id: OrderId
    attempt: number
    idempotency_key: IdempotencyKey
    amount: number
    currency: Currency
    status: PaymentStatus
    /** How many charges ended without a known outcome. */
    unanswered: Generated<number>
    /** 1 if no gateway was asked for it. See workflow/never-asked.ts. */
    never_asked: Generated<number>
    gateway_reference: string | null
    message: string | null
    created_at: number
    answered_at: number | null
  }

  /** What happened to orders, for notifications: one row for each event and destination. See src/notify. */
  events: {
    order_id: OrderId
    destination: 'url' | 'command'
    /** The order in which the events of an order are delivered. */
    number: number
    /** Together with the order's id, the id that receivers see. */
    token: string
    kind: EventKind
    attempt: number
    /** The order's. `refund_unknown`: its refund needs review. */
    reason: FailureReason | 'refund_unknown' | null
    message: string | null
    occurred_at: number
    /** The order's total, or the refund's amount. */
    amount: number
    /** The gateway's reference of a refund. */
    reference: string | null
    state: 'waiting' | 'delivered'
    /** When it may be sent; while a process sends it, the end of its lease. Once delivered: the time of delivery. */
    next_at: number
    lease_token: LeaseToken | null
    /** How often it was sent, as far as is known. */
    deliveries: Generated<number>
    /** Why the last delivery failed. */
    error: string | null
  }

  /** Refunds, stored before the gateway is asked. The index on their day is what KPIs and leaderboards read. */
  refunds: {
    order_id: OrderId
    /** Counts from 1 for each order, and is part of the key. */
    number: number
    /** The customer of the order, for reports by customer. */
    customer_id: CustomerId
    idempotency_key: IdempotencyKey
    amount: number
    currency: Currency
    status: RefundStatus
    /** 1 if the order's units go back into stock once the amount is refunded; else 0. */
    restock: number
    /** How many requests ended without a known outcome since a person last asked. */
    unanswered: Generated<number>
    gateway_reference: string | null
    message: string | null
    created_at: number
    answered_at: number | null
    /** The business day on which the amount was refunded; null until then. */
    day: Day | null
    /**
     * When a process may ask the gateway; while one does, the end of its lease. Null for a refund that is settled or
     * needs review.
     */
    due_at: number | null
    lease_token: LeaseToken | null
  }

  /** The order of each reference that a gateway outside this process gave to a capture. See workflow/references.ts. */
  payment_references: {
    reference: string
    /** Null if the order is archived. */
    order_id: OrderId | null
  }

  /** The orders of each customer, except those of imports that have not ended. See workflow/customer-orders.ts. */
  customer_orders: {
    customer_id: CustomerId
    order_id: OrderId
  }

  /** Completed orders by day and customer, updated in the transaction that completes them. */
  sales_by_customer: {
    day: Day
    currency: Currency
    customer_id: CustomerId
    orders: number
    revenue: number
  }

  sales_by_product: {
    day: Day
    currency: Currency
    product_id: ProductId
    orders: number
    units: number
    revenue: number
  }

  /** The numbers of stored orders by state, changed in the transactions that change orders. */
  order_counts: {
    /**
     * 0 for all orders. Settled orders also count in the quarter of an hour in which they were settled, by its start.
     */
    period: number
    source: string
    status: OrderStatus
    /** Why a settled order is not completed; else empty. */
    reason: FailureReason | ''
    /** 1 for orders that a person has cleared from the list of failures; else 0. */
    cleared: 0 | 1
    /** Empty for open orders, whose amount is 0. */
    currency: Currency | ''
    orders: number
    /** The sum of their totals. */
    amount: number
  }

  /** Files of archived orders. See src/retention/archive-orders.ts. */
  archives: {
    id: Generated<ArchiveId>
    /** Absolute path. */
    file: string
    format: 'csv' | 'jsonl'
    /** Only orders of this source; null for all. */
    source: string | null
    /** Only orders that were settled before this time. */
    settled_before: number
    started_at: number
    /** When the last order was removed; null until then. */
    ended_at: number | null
    /** Orders in the file. */
    written: Generated<number>
    /** Orders that were removed so far, and when the last of them was settled. */
    orders: Generated<number>
    last_settled_at: number | null
  }

  /** Orders that are only in the file of an archive. The row makes an import of the same order a duplicate. */
  archived_orders: {
    source: string
    reference: string
    archive_id: ArchiveId
    customer_id: CustomerId
    /** The digest of what an order file says about the order, except the customer. See order-digest.ts. */
    digest: string
  }

  /** What the archived orders add to sales_by_customer. */
  archived_sales_by_customer: {
    day: Day
    currency: Currency
    customer_id: CustomerId
    orders: number
    revenue: number
  }

  /** What the archived orders of a source add to sales_by_product. */
  archived_sales_by_product: {
    source: string
    day: Day
    currency: Currency
    product_id: ProductId
    orders: number
    units: number
    revenue: number
  }

  /** What was refunded of archived orders. */
  archived_refunds: {
    day: Day
    currency: Currency
    customer_id: CustomerId
    refunds: number
    amount: number
  }

  workers: {
    id: WorkerId
    host: string
    pid: number
    concurrency: number
    started_at: number
    last_seen: number
    processed: number
    orders_per_second: number
    stopped_at: number | null
    /** Why the worker claims nothing; null if it does. */
    waiting_for: string | null
    /** Uptime of the machine at `last_seen`; null on a server. See clocks.ts. */
    uptime_ms: number | null
    /** Batches in the five minutes before `last_seen`, the orders they settled, and their total runtime. */
    recent_batches: Generated<number>
    recent_orders: Generated<number>
    recent_ms: Generated<number>
    /** Percentiles of these batches' times; null if there were no batches. */
    runtime_p50_ms: number | null
    runtime_p95_ms: number | null
    runtime_p99_ms: number | null
  }

  schedule_runs: {
    task: string
    /** When the run was due; for a manual run, when it was requested. */
    slot: number
    /** Counts from 1; a run whose process died is started again. */
    attempt: number
    started_at: number
    ended_at: number | null
    lease_until: number
    host: string
    pid: number
    /** `schedule` owes one run for each slot; `schedule run` is extra. */
    begun_by: 'schedule' | 'schedule run'
    result: 'done' | 'failed' | null
    message: string | null
  }

  /** The queue's history: the orders settled in each period, and the queue at the end of it. */
  queue_snapshots: {
    /** End of the previous period. Two snapshots of a period would have the same key, so nothing is counted twice. */
    period_start: number
    period_end: number
    completed: number
    /** Failed and rolled back. */
    failed: number
    /** The highest figure of any worker seen in the period, each as last written; null if there were no batches. */
    runtime_p50_ms: number | null
    runtime_p95_ms: number | null
    runtime_p99_ms: number | null
    waiting: number
    active: number
    delayed: number
    oldest_waiting_seconds: number | null
    /** How long the live workers would take to process all waiting orders; null if no worker processed any. */
    estimated_wait_seconds: number | null
  }

  /** Alarms that are or were raised. */
  alarms: {
    name: string
    raised_at: number
    /** Null while the alarm is raised. */
    cleared_at: number | null
    /** While the alarm is raised: how many of the latest checks in a row found the value within its threshold. */
    quiet_checks: number
    /** What the command of --exec was last notified of since the alarm was raised. */
    notified: 'raised' | 'cleared' | null
    /** As found when the alarm was raised. */
    message: string
    value: number
    threshold: number
  }

  /** The audit log: what people changed with a command. See actions.ts. */
  actions: {
    /** A UUID. */
    id: string
    at: number
    command: string
    /** A SKU, an order, or a number of orders. */
    subject: string
    /** As the person gave it. */
    reason: string | null
    os_user: string
    host: string
    /** Figures of the change. */
    details: string | null
  }

  /** The orders that an action changed. */
  action_orders: {
    order_id: OrderId
    action_id: string
  }
}
