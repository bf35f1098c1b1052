// The tables as TypeScript sees them. The migrations create them; a name that differs there fails in test/drift.
// Times are epoch milliseconds (UTC). Amounts are minor units of the row's currency. Unit prices are scaled by
// 10^PRICE_DECIMALS. Days are YYYY-MM-DD in the business time zone.
import type { Generated } from 'kysely'
import type { Day } from '../domain/business-day.js'
import type { CustomerId, IdempotencyKey, ImportId, LeaseToken, OrderId, ProductId, WorkerId } from '../domain/ids.js'
import type { Currency } from '../domain/money.js'
import type { FailureReason, OrderStatus, PaymentStatus } from '../domain/order.js'

type Figures = 'time_zone' | 'database_id' | 'sales_id'
/** The file that an unfinished copy is of, and the process that may write the copy. */
type Copying = 'copying_from' | 'copy_id'
/** Rows that only serve as locks. */
type Turn = 'turn_imports' | 'turn_schedule' | 'turn_names'

export interface Schema {
  settings: {
    name: 'queue_paused' | Figures | Copying | Turn
    value: string
  }

  /** One run over one file, with the cursor that a resumed run continues from. */
  imports: {
    id: Generated<ImportId>
    source: string
    /** Absolute path, or `-` for standard input. */
    file: string
    /** `reading`: lines are read. `releasing`: all lines are stored, orders fall due. `taken_back`: undone. */
    status: 'reading' | 'releasing' | 'finished' | 'taken_back'
    /** Held by the process that writes; a process that lost it may write nothing more. */
    lease_token: LeaseToken
    lease_until: number
    host: string
    pid: number
    started_at: number
    ended_at: number | null
    /** The newest order when the run began: all of the run's are newer. */
    orders_after: Generated<OrderId>
    /** Bytes of the file that the stored lines come from: the next line begins here. */
    byte_offset: Generated<number>
    /** Physical lines in these bytes. */
    line_number: Generated<number>
    /** SHA-256 of these bytes, to detect a file that was changed in between. */
    begun_sha256: Generated<string>
    rejects_file: string | null
    /** Length of the rejects file at the cursor. */
    rejects_bytes: Generated<number>
    rows: Generated<number>
    orders: Generated<number>
    imported: Generated<number>
    duplicates: Generated<number>
    conflicts: Generated<number>
    rejected: Generated<number>
    products_created: Generated<number>
  }

  /** Lines that cannot simply be stored: the order is from an earlier import, or the line disagrees with its order. */
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
    unit_price: number
  }

  /** Orders of which no line is imported: one line is bad, or an earlier import stored the order with other content. */
  import_spoiled: {
    import_id: ImportId
    reference: string
    /** The first bad line; for other content, the first line of the order. */
    line_number: number
  }

  customers: {
    id: Generated<CustomerId>
    /** The shop's id of the customer. */
    customer_id: string
    name: string
    /** The import that first named the customer. */
    import_id: ImportId
  }

  products: {
    id: Generated<ProductId>
    sku: string
    name: string
    unit_price: number | null
    currency: Currency | null
    /** The import that created it; null if a person did. */
    import_id: ImportId | null
    /** Units in the shop: all adjustments less all committed units. */
    on_hand: number
    /** Units of these that live reservations hold. */
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
    /** Counts from 1; a retry by hand adds one, unless the last charge's outcome is unknown. */
    attempt: Generated<number>
    reason: FailureReason | null
    message: string | null
    /** When it was completed, failed or rolled back. */
    settled_at: number | null
    /** When a person took it off the list of failures. */
    cleared_at: number | null
  }

  /** The queue: orders that may be claimed, now or later. Others wait for their import or a person, or are settled. */
  due_orders: {
    order_id: OrderId
    /** When a worker may next claim the order. While one holds it: when its lease ends. */
    due_at: number
    lease_token: LeaseToken | null
    /** Claims since it fell due or was postponed. While no worker holds the order, all of them failed. */
    claims: Generated<number>
  }

  order_lines: {
    order_id: OrderId
    /** Where the line begins in its file. */
    line_number: number
    product_id: ProductId
    quantity: number
    unit_price: number
    total: number
  }

  stock_reservations: {
    order_id: OrderId
    attempt: number
    product_id: ProductId
    quantity: number
    expires_at: number
  }

  /** Payment intents, written before the gateway is asked. */
  payments: {
    order_id: OrderId
    attempt: number
    idempotency_key: IdempotencyKey
    amount: number
    currency: Currency
    status: PaymentStatus
    /** How often the gateway was asked without a known outcome. */
    unanswered: Generated<number>
    gateway_reference: string | null
    message: string | null
    created_at: number
    answered_at: number | null
  }

  /** Completed orders by day and customer, kept in the transaction that completes them. */
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
    /** Uptime of the machine at `last_seen`; null on a server. See clocks.ts. */
    uptime_ms: number | null
    /** Batches of the five minutes before `last_seen`, the orders they settled, and their time from claimed to settled. */
    recent_batches: Generated<number>
    recent_orders: Generated<number>
    recent_ms: Generated<number>
    /** Percentiles of these batches' times; null if there was none. */
    runtime_p50_ms: number | null
    runtime_p95_ms: number | null
    runtime_p99_ms: number | null
  }

  schedule_runs: {
    task: string
    /** When it fell due; for a run by hand, when it was asked for. */
    slot: number
    /** Counts from 1; a run whose process died is started once more. */
    attempt: number
    started_at: number
    ended_at: number | null
    lease_until: number
    host: string
    pid: number
    /** `schedule` owes a run for each slot; `schedule run` owes none. */
    begun_by: 'schedule' | 'schedule run'
    result: 'done' | 'failed' | null
    message: string | null
  }

  /** The queue's history: what was settled in a period, and the queue at its end. */
  queue_snapshots: {
    /** End of the period before. Two snapshots of one period have the same key, so nothing is counted twice. */
    period_start: number
    period_end: number
    completed: number
    /** Failed and rolled back. */
    failed: number
    /** The highest of the workers seen in the period, each as last written; null if there was no batch. */
    runtime_p50_ms: number | null
    runtime_p95_ms: number | null
    runtime_p99_ms: number | null
    waiting: number
    active: number
    delayed: number
    oldest_waiting_seconds: number | null
    /** How long the live workers would take for all waiting orders; null if none worked. */
    estimated_wait_seconds: number | null
  }

  /** Alarms that are or were raised. */
  alarms: {
    name: string
    raised_at: number
    /** Null while it is raised. */
    cleared_at: number | null
    /** While it is raised: how many checks in a row, up to the last one, did not find it crossed. */
    quiet_checks: number
    /** What the command of --exec was last called with since the alarm was raised. */
    told: 'raised' | 'cleared' | null
    /** As found when it was raised. */
    message: string
    value: number
    threshold: number
  }
}
