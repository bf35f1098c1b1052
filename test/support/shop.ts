// A shop on a SQLite file: the command line in its folder, and rows as the workflow would have left them.
import { join } from 'node:path'
import SqliteDatabase from 'better-sqlite3'
import { test as plainTest } from 'vitest'
import { type Database, openDatabase } from '../../src/database/connection.js'
import {
  type CustomerId,
  type ImportId,
  idempotencyKey,
  type OrderId,
  type ProductId,
  type ShopId,
} from '../../src/domain/ids.js'
import type { FailureReason, OrderStatus } from '../../src/domain/order.js'
import type { Snapshot } from '../../src/reports/history.js'
import { Cli, opened } from './cli.js'

export const NOW = Date.parse('2025-01-20T12:00:00Z')
export const HOUR = 3_600_000

export interface OrderDraft {
  readonly status?: OrderStatus
  readonly reason?: FailureReason
  readonly message?: string
  readonly source?: string
  readonly attempt?: number
  readonly customer?: string
  readonly currency?: string
  /** The order date; its day is the business day unless `day` names another. */
  readonly at?: string
  readonly day?: string
  /** SKU, quantity and the unit price in cents. */
  readonly lines?: readonly (readonly [sku: string, quantity: number, cents: number])[]
  /** When the order may be claimed; null if it is in no queue. */
  readonly dueAt?: number | null
  readonly leaseToken?: string
  readonly settledAt?: number
  readonly clearedAt?: number
  readonly payment?: { readonly status: string; readonly unanswered?: number; readonly answeredAt?: number }
}

/** What the gateway has answered for an order with this status. */
const PAYMENTS: Partial<Record<OrderStatus, { readonly status: string }>> = {
  completed: { status: 'captured' },
  rolled_back: { status: 'declined' },
  payment_processing: { status: 'pending' },
}

export class Shop extends Cli {
  readonly path = join(this.folder, 'orders.sqlite')
  override readonly databaseUrl = `sqlite:${this.path}`
  #sqlite: SqliteDatabase.Database | undefined
  readonly #connections: Database[] = []
  readonly #defaults: OrderDraft

  /** A shop whose database has its tables. @param defaults of its orders */
  static async open(defaults: OrderDraft = {}): Promise<Shop> {
    const shop = new Shop(defaults)
    await shop.migrate()
    return shop
  }

  constructor(defaults: OrderDraft = {}) {
    super()
    this.#defaults = defaults
  }

  /** A connection of another program. */
  get sqlite(): SqliteDatabase.Database {
    this.#sqlite ??= new SqliteDatabase(this.path)
    return this.#sqlite
  }

  /** Starts the idempotency keys. */
  get identity(): ShopId {
    return this.value("select value from settings where name = 'shop'") as ShopId
  }

  /** The first column of the first row. */
  value(query: string, ...values: unknown[]): unknown {
    const row = this.sqlite.prepare<unknown[], Record<string, unknown>>(query).get(...values)
    return Object.values(row ?? {})[0]
  }

  rows(query: string, ...values: unknown[]): unknown[] {
    return this.sqlite.prepare(query).all(...values)
  }

  /** Another process's connection, which ends with the shop. */
  async connection(path = this.path): Promise<Database> {
    const db = await openDatabase({ kind: 'sqlite', path })
    this.#connections.push(db)
    return db
  }

  override async close(): Promise<void> {
    this.#sqlite?.close()
    for (const db of this.#connections) await db.destroy()
    await super.close()
  }

  /** An order of one widget in the state that its status says, with queue row, stock, payment and sales to match. */
  order(reference: string, wish: OrderDraft = {}): OrderId {
    const draft = { ...this.#defaults, ...wish }
    const { status = 'pending', source = 'default', attempt = 1, currency = 'USD', at = '2025-01-15T10:00:00' } = draft
    const { day = at.slice(0, 10), lines = [['WIDGET', 1, 1000]] } = draft
    const settled = status === 'completed' || status === 'failed' || status === 'rolled_back'
    const claimed = status === 'reserved' || status === 'payment_processing'
    const reason = status === 'failed' ? 'out_of_stock' : status === 'rolled_back' ? 'declined' : null
    const customer_id = this.customer(draft.customer ?? 'C-1', source)
    const id = this.#insert<OrderId>('orders', {
      import_id: this.#importOf(source),
      source,
      reference,
      customer_id,
      currency,
      total: lines.reduce((sum, [, quantity, cents]) => sum + quantity * cents, 0),
      ordered_at: at,
      business_day: day,
      status,
      attempt,
      reason: draft.reason ?? reason,
      message: draft.message ?? null,
      settled_at: settled ? (draft.settledAt ?? NOW) : null,
      cleared_at: draft.clearedAt ?? null,
    })
    this.#insert('customer_orders', { customer_id, order_id: id })
    const dueAt = draft.dueAt === undefined && !settled ? NOW + (claimed ? 30_000 : 0) : draft.dueAt
    if (dueAt) {
      const lease_token = draft.leaseToken ?? (claimed && draft.dueAt === undefined ? 'a-lease' : null)
      this.#insert('due_orders', { order_id: id, due_at: dueAt, lease_token })
    }
    lines.forEach(([sku, quantity, cents], index) => {
      const line = { order_id: id, line_number: index + 1, product_id: this.product(sku) }
      this.#insert('order_lines', { ...line, quantity, unit_price: cents * 100, total: quantity * cents })
    })
    if (status !== 'pending' && status !== 'failed') this.#reserve(id, attempt, status)
    const payment = draft.payment ?? PAYMENTS[status]
    if (payment) this.#pay(id, idempotencyKey(this.identity, source, reference, attempt), payment)
    if (status === 'completed') this.#sell(id)
    this.#count(id)
    return id
  }

  /** An order whose charge was never answered. */
  unknownOrder(reference: string, answeredAt = NOW): OrderId {
    return this.order(reference, {
      status: 'payment_processing',
      reason: 'payment_unknown',
      dueAt: null,
      payment: { status: 'unknown', unanswered: 3, answeredAt },
    })
  }

  /** A refund of a completed order. @param answeredAt its day is the refund's */
  refund(reference: string, minor: number, { answeredAt = NOW, status = 'refunded' } = {}): void {
    const [order] = this.rows('select id, customer_id, currency from orders where reference = ?', reference)
    const { id, ...of } = order as { id: OrderId; customer_id: number; currency: string }
    const number = Number(this.value('select count(*) + 1 from refunds where order_id = ?', id))
    const day = status === 'refunded' ? new Date(answeredAt).toISOString().slice(0, 10) : null
    const intent = { order_id: id, number, ...of, idempotency_key: `${reference}:refund-${number}`, amount: minor }
    const times = { created_at: answeredAt, answered_at: answeredAt }
    this.#insert('refunds', { ...intent, status, restock: 0, gateway_reference: 'back-1', day, ...times })
  }

  customer(customer: string, source = 'default'): CustomerId {
    const known = this.value('select id from customers where customer_id = ? and source = ?', customer, source)
    if (known !== undefined) return known as CustomerId
    const row = { source, customer_id: customer, name: `Name of ${customer}`, import_id: this.#importOf(source) }
    return this.#insert<CustomerId>('customers', row)
  }

  product(sku: string, { onHand = 1000, reserved = 0, importId = null as ImportId | null } = {}): ProductId {
    const known = this.value('select id from products where sku = ?', sku)
    if (known !== undefined) return known as ProductId
    const price = { unit_price: 125_000, currency: 'USD', import_id: importId }
    const id = this.#insert<ProductId>('products', { sku, name: `Name of ${sku}`, on_hand: onHand, reserved, ...price })
    this.#insert('stock_adjustments', { product_id: id, delta: onHand, reason: 'initial stock', adjusted_at: NOW })
    return id
  }

  worker(id: string, lastSeen: number, stoppedAt: number | null = null, recent: Record<string, unknown> = {}): void {
    const process = { id, host: 'shop-1', pid: 42, concurrency: 5, started_at: NOW - HOUR }
    const work = { processed: 10, orders_per_second: 2.5 }
    this.#insert('workers', { ...process, ...work, last_seen: lastSeen, stopped_at: stoppedAt, ...recent })
  }

  /** By default, nothing was settled in the period and nothing waited. */
  snapshot(start: number, end: number, figures: Partial<Snapshot> = {}): void {
    const nothing = { completed: 0, failed: 0, waiting: 0, active: 0, delayed: 0 }
    this.#insert('queue_snapshots', { period_start: start, period_end: end, ...nothing, ...figures })
  }

  /** An import of three lines by a process on another host. */
  import({
    source = 'default',
    file = '/data/sample.csv',
    status = 'finished',
    leaseUntil = 0,
    pid = 1,
    host = 'elsewhere',
  } = {}): ImportId {
    return this.#insert<ImportId>('imports', {
      ...{ source, file, status, lease_token: 'token', lease_until: leaseUntil, host, pid, rows: 3, imported: 3 },
      started_at: NOW,
      ended_at: status === 'finished' ? NOW : null,
    })
  }

  row(reference: string): Record<string, unknown> {
    const [row] = this.rows('select * from orders left join due_orders on order_id = id where reference = ?', reference)
    return (row ?? {}) as Record<string, unknown>
  }

  #importOf(source: string): ImportId {
    return (this.value('select id from imports where source = ?', source) as ImportId) ?? this.import({ source })
  }

  #reserve(id: OrderId, attempt: number, status: OrderStatus): void {
    const units = 'select product_id, sum(quantity) as units from order_lines where order_id = :id group by product_id'
    const change = { completed: 'on_hand = on_hand - units', rolled_back: 'reserved = reserved' }[status as 'completed']
    const reservation = `insert into stock_reservations (order_id, attempt, product_id, quantity, expires_at)
      select :id, :attempt, product_id, units, :until from (${units})`
    this.#change(reservation, { id, attempt, until: NOW + 900_000 })
    const movement = change ?? 'reserved = reserved + units'
    this.#change(`update products set ${movement} from (${units}) where product_id = products.id`, { id })
  }

  #pay(id: OrderId, key: string, { status, unanswered = 0, answeredAt }: NonNullable<OrderDraft['payment']>): void {
    this.#change(
      `insert into payments (order_id, attempt, idempotency_key, amount, currency, status, unanswered,
         gateway_reference, created_at, answered_at)
       select id, attempt, :key, total, currency, :status, :unanswered, 'ref-1', :now, :answeredAt
       from orders where id = :id`,
      { id, key, status, unanswered, now: NOW, answeredAt: answeredAt ?? null },
    )
  }

  #sell(id: OrderId): void {
    this.#change(
      `insert into sales_by_customer select business_day, currency, customer_id, 1, total from orders where id = :id
       on conflict do update set orders = orders + 1, revenue = revenue + excluded.revenue`,
      { id },
    )
    this.#change(
      `insert into sales_by_product (day, currency, product_id, orders, units, revenue)
       select business_day, currency, product_id, 1, sum(quantity), sum(order_lines.total)
       from orders join order_lines on order_id = orders.id where orders.id = :id group by product_id
       on conflict do update set orders = orders + 1, units = units + excluded.units, revenue = revenue + excluded.revenue`,
      { id },
    )
  }

  #count(id: OrderId): void {
    const settled = 'settled_at is not null'
    for (const [period, condition] of [
      ['0', 'true'],
      ['settled_at / 900000 * 900000', 'settled_at >= 900000'],
    ]) {
      this.#change(
        `insert into order_counts
         select ${period}, source, status, iif(${settled}, coalesce(reason, ''), ''), cleared_at is not null,
           iif(${settled}, currency, ''), 1, iif(${settled}, total, 0)
         from orders where id = :id and ${condition}
         on conflict do update set orders = orders + 1, amount = amount + excluded.amount`,
        { id },
      )
    }
  }

  #insert<Id extends number>(table: string, row: Record<string, unknown>): Id {
    const names = Object.keys(row)
    const values = names.map((name) => `:${name}`)
    return this.#change(`insert into ${table} (${names.join(', ')}) values (${values.join(', ')})`, row) as Id
  }

  /** @returns the id of the last new row */
  #change(statement: string, values: Record<string, unknown>): number {
    return Number(this.sqlite.prepare(statement).run(values).lastInsertRowid)
  }
}

/** Two widgets for 25.00 USD, settled just now, in no queue. */
const ORDERS: OrderDraft = { lines: [['WIDGET-1', 2, 1250]], settledAt: Date.now(), dueAt: null }

/** Tests with a shop of their own; `newShop` has no database yet. */
export const test = plainTest.extend<{ shop: Shop; newShop: Shop }>({
  shop: opened(() => Shop.open(ORDERS)),
  newShop: opened(() => new Shop(ORDERS)),
})
