// A shop in a real database of its own, filled by plain inserts: what the workflow would have left behind.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Insertable } from 'kysely'
import { type Database, openOrCreateDatabase } from '../../src/database/connection.js'
import type { Schema } from '../../src/database/schema.js'
import type { Day } from '../../src/domain/business-day.js'
import {
  type CustomerId,
  type ImportId,
  idempotencyKey,
  type LeaseToken,
  type OrderId,
  type ProductId,
  type WorkerId,
} from '../../src/domain/ids.js'
import type { Currency } from '../../src/domain/money.js'
import type { OrderStatus } from '../../src/domain/order.js'
import type { Snapshot } from '../../src/reports/history.js'

export const NOW = Date.parse('2025-01-20T12:00:00Z')

export interface OrderWish {
  readonly customer?: string
  readonly currency?: string
  /** The order date; its day is the business day. */
  readonly at?: string
  readonly day?: string
  readonly status?: OrderStatus
  /** SKU, quantity and the price of one in minor units with two decimals. */
  readonly lines?: readonly (readonly [sku: string, quantity: number, price: number])[]
  readonly settledAt?: number
  readonly held?: boolean
}

export class Shop {
  readonly db: Database
  /** Of the database's file. */
  readonly path: string
  readonly #folder: string
  #importId: ImportId | undefined
  #lines = 0

  private constructor(db: Database, path: string) {
    this.db = db
    this.path = path
    this.#folder = dirname(path)
  }

  static async open(): Promise<Shop> {
    const path = join(mkdtempSync(join(tmpdir(), 'orderctl-')), 'shop.sqlite')
    return new Shop(await openOrCreateDatabase({ kind: 'sqlite', path }), path)
  }

  async close(): Promise<void> {
    await this.db.destroy()
    rmSync(this.#folder, { recursive: true })
  }

  /** An order in the state that its status says, with stock, payment and sales figures to match. */
  async order(reference: string, wish: OrderWish = {}): Promise<OrderId> {
    const { customer = 'C-1', currency: code = 'USD', at = '2025-01-15T10:00:00', status = 'pending' } = wish
    const currency = code as Currency
    const day = (wish.day ?? at.slice(0, 10)) as Day
    const lines = wish.lines ?? [['WIDGET', 1, 1000]]
    const total = lines.reduce((sum, [, quantity, price]) => sum + quantity * price, 0)
    const customerId = await this.customer(customer)
    const settled = status === 'completed' || status === 'failed' || status === 'rolled_back'
    const inHand = status === 'reserved' || status === 'payment_processing'
    const id = await this.#insert<OrderId>(
      this.db.insertInto('orders').values({
        import_id: await this.#anImport(),
        source: 'default',
        reference,
        customer_id: customerId,
        currency,
        total,
        ordered_at: at,
        business_day: day,
        status,
        reason: status === 'failed' ? 'out_of_stock' : status === 'rolled_back' ? 'declined' : null,
        settled_at: settled ? (wish.settledAt ?? NOW) : null,
      }),
    )
    if (!settled && !wish.held) {
      const lease = { due_at: NOW + 30_000, lease_token: 'a-lease' as string as LeaseToken }
      await this.db
        .insertInto('due_orders')
        .values({ order_id: id, ...(inHand ? lease : { due_at: NOW }) })
        .execute()
    }
    for (const [sku, quantity, price] of lines) {
      const product_id = await this.product(sku)
      this.#lines += 1
      await this.db
        .insertInto('order_lines')
        .values({
          order_id: id,
          line_number: this.#lines,
          product_id,
          quantity,
          unit_price: price * 100,
          total: quantity * price,
        })
        .execute()
    }
    const units = new Map<ProductId, { quantity: number; revenue: number }>()
    for (const [sku, quantity, price] of lines) {
      const product = await this.product(sku)
      const sum = units.get(product) ?? { quantity: 0, revenue: 0 }
      units.set(product, { quantity: sum.quantity + quantity, revenue: sum.revenue + quantity * price })
    }
    if (inHand || status === 'completed' || status === 'rolled_back') await this.#reserve(id, status, units)
    if (status === 'payment_processing' || status === 'completed' || status === 'rolled_back') {
      await this.#pay(id, reference, status, total, currency)
    }
    if (status === 'completed') await this.#sell(day, currency, customerId, total, units)
    return id
  }

  /** An order that the gateway never answered for, so that a person has to say what becomes of it. */
  async waitingOrder(reference: string): Promise<OrderId> {
    const id = await this.order(reference, { status: 'payment_processing' })
    await this.db.updateTable('orders').set({ reason: 'payment_unknown' }).where('id', '=', id).execute()
    await this.db.updateTable('payments').set({ status: 'unknown' }).where('order_id', '=', id).execute()
    await this.db.deleteFrom('due_orders').where('order_id', '=', id).execute()
    return id
  }

  async customer(customer: string): Promise<CustomerId> {
    const known = await this.db
      .selectFrom('customers')
      .select('id')
      .where('customer_id', '=', customer)
      .executeTakeFirst()
    if (known) return known.id
    return this.#insert<CustomerId>(
      this.db
        .insertInto('customers')
        .values({ customer_id: customer, name: `Name of ${customer}`, import_id: await this.#anImport() }),
    )
  }

  /** A product with a stock of 1,000 at first. */
  async product(sku: string): Promise<ProductId> {
    const known = await this.db.selectFrom('products').select('id').where('sku', '=', sku).executeTakeFirst()
    if (known) return known.id
    const id = await this.#insert<ProductId>(
      this.db.insertInto('products').values({ sku, name: `Name of ${sku}`, on_hand: 1000 }),
    )
    await this.db
      .insertInto('stock_adjustments')
      .values({ product_id: id, delta: 1000, reason: 'initial stock', adjusted_at: NOW })
      .execute()
    return id
  }

  async worker(
    id: string,
    lastSeen: number,
    stoppedAt: number | null = null,
    recent: Partial<Insertable<Schema['workers']>> = {},
  ): Promise<void> {
    await this.db
      .insertInto('workers')
      .values({
        id: id as string as WorkerId,
        host: 'shop-1',
        pid: 42,
        concurrency: 5,
        started_at: NOW - 3_600_000,
        last_seen: lastSeen,
        processed: 10,
        orders_per_second: 2.5,
        stopped_at: stoppedAt,
        ...recent,
      })
      .execute()
  }

  /** The period that ended then: nothing was settled in it, and nothing waited. */
  async snapshot(period_start: number, period_end: number, figures: Partial<Snapshot> = {}): Promise<void> {
    const runtimes = { runtime_p50_ms: null, runtime_p95_ms: null, runtime_p99_ms: null }
    const queue = { waiting: 0, active: 0, delayed: 0, oldest_waiting_seconds: null, estimated_wait_seconds: null }
    await this.db
      .insertInto('queue_snapshots')
      .values({ period_start, period_end, completed: 0, failed: 0, ...runtimes, ...queue, ...figures })
      .execute()
  }

  /** An import that has read three lines and belongs to a process of another host. */
  import(file: string, status: 'reading' | 'finished', leaseUntil: number): Promise<ImportId> {
    return this.#insert<ImportId>(
      this.db.insertInto('imports').values({
        source: 'default',
        file,
        status,
        lease_token: 'a-lease' as string as LeaseToken,
        lease_until: leaseUntil,
        host: 'another-host',
        pid: 1,
        started_at: NOW,
        ended_at: status === 'finished' ? NOW : null,
        rows: 3,
        imported: 3,
      }),
    )
  }

  async #anImport(): Promise<ImportId> {
    this.#importId ??= await this.import('/orders.csv', 'finished', 0)
    return this.#importId
  }

  async #reserve(id: OrderId, status: OrderStatus, units: Map<ProductId, { quantity: number }>): Promise<void> {
    for (const [product, { quantity }] of units) {
      await this.db
        .insertInto('stock_reservations')
        .values({ order_id: id, attempt: 1, product_id: product, quantity, expires_at: NOW + 900_000 })
        .execute()
      if (status === 'rolled_back') continue
      await this.db
        .updateTable('products')
        .set((eb) =>
          status === 'completed'
            ? { on_hand: eb('on_hand', '-', quantity) }
            : { reserved: eb('reserved', '+', quantity) },
        )
        .where('id', '=', product)
        .execute()
    }
  }

  async #pay(id: OrderId, reference: string, status: OrderStatus, amount: number, currency: Currency): Promise<void> {
    await this.db
      .insertInto('payments')
      .values({
        order_id: id,
        attempt: 1,
        idempotency_key: idempotencyKey('default', reference, 1),
        amount,
        currency,
        status: status === 'completed' ? 'captured' : status === 'rolled_back' ? 'declined' : 'pending',
        created_at: NOW,
      })
      .execute()
  }

  async #sell(
    day: Day,
    currency: Currency,
    customer: CustomerId,
    total: number,
    units: Map<ProductId, { quantity: number; revenue: number }>,
  ): Promise<void> {
    const ofCustomer = await this.db
      .updateTable('sales_by_customer')
      .set((eb) => ({ orders: eb('orders', '+', 1), revenue: eb('revenue', '+', total) }))
      .where('day', '=', day)
      .where('currency', '=', currency)
      .where('customer_id', '=', customer)
      .executeTakeFirst()
    if (ofCustomer.numUpdatedRows === 0n) {
      await this.db
        .insertInto('sales_by_customer')
        .values({ day, currency, customer_id: customer, orders: 1, revenue: total })
        .execute()
    }
    for (const [product, { quantity, revenue }] of units) {
      const ofProduct = await this.db
        .updateTable('sales_by_product')
        .set((eb) => ({
          orders: eb('orders', '+', 1),
          units: eb('units', '+', quantity),
          revenue: eb('revenue', '+', revenue),
        }))
        .where('day', '=', day)
        .where('currency', '=', currency)
        .where('product_id', '=', product)
        .executeTakeFirst()
      if (ofProduct.numUpdatedRows > 0n) continue
      await this.db
        .insertInto('sales_by_product')
        .values({ day, currency, product_id: product, orders: 1, units: quantity, revenue })
        .execute()
    }
  }

  async #insert<Id extends number>(insert: {
    executeTakeFirstOrThrow(): Promise<{ insertId: bigint | undefined }>
  }): Promise<Id> {
    const { insertId } = await insert.executeTakeFirstOrThrow()
    return Number(insertId) as Id
  }
}
