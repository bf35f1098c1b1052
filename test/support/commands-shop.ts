// A shop for one test: a workplace whose database is filled row by row.
import { spawn } from '@lydell/node-pty'
import { test as plainTest } from 'vitest'
import { openOrCreateDatabase } from '../../src/database/connection.js'
import type { FailureReason, OrderStatus } from '../../src/domain/order.js'
import { BINARY, Workplace } from './workplace.js'

interface OrderDraft {
  readonly status?: OrderStatus
  readonly reason?: FailureReason
  readonly message?: string
  readonly source?: string
  readonly attempt?: number
  readonly customer?: string
  readonly day?: string
  readonly sku?: string
  readonly dueAt?: number | null
  readonly leaseToken?: string
  readonly settledAt?: number
  readonly clearedAt?: number
  readonly payment?: { readonly status: string; readonly unanswered?: number; readonly answeredAt?: number }
}

export const HOUR = 3_600_000

export class Shop extends Workplace {
  /** A shop whose database is there, with an import for every source that orders name. */
  static async withDatabase(): Promise<Shop> {
    const shop = new Shop()
    const db = await openOrCreateDatabase({ kind: 'sqlite', path: shop.databasePath })
    await db.destroy()
    return shop
  }

  product(sku: string, { onHand = 100, reserved = 0, importId = null as number | null } = {}): number {
    const { lastInsertRowid } = this.db
      .prepare(
        'insert into products (sku, name, unit_price, currency, on_hand, reserved, import_id) values (?, ?, ?, ?, ?, ?, ?)',
      )
      .run(sku, `Name of ${sku}`, 125_000, 'USD', onHand, reserved, importId)
    this.db
      .prepare('insert into stock_adjustments (product_id, delta, reason, adjusted_at) values (?, ?, ?, ?)')
      .run(lastInsertRowid, onHand, 'import', 1)
    return Number(lastInsertRowid)
  }

  /** An order of two units at 12.50 USD. */
  order(reference: string, draft: OrderDraft = {}): number {
    const { status = 'pending', source = 'default', customer = 'C-1', day = '2025-01-15', sku = 'WIDGET-1' } = draft
    const settled = ['completed', 'failed', 'rolled_back'].includes(status)
    const attempt = draft.attempt ?? 1
    const { lastInsertRowid: order } = this.db
      .prepare(
        `insert into orders (import_id, source, reference, customer_id, currency, total, ordered_at, business_day,
           status, attempt, reason, message, settled_at, cleared_at)
         values (?, ?, ?, ?, 'USD', 2500, ?, ?, ?, ?, ?, ?, ?, ?)`,
      )
      .run(
        this.#importOf(source),
        source,
        reference,
        this.#customer(customer, source),
        `${day}T10:00:00`,
        day,
        status,
        attempt,
        draft.reason ?? null,
        draft.message ?? null,
        settled ? (draft.settledAt ?? Date.now()) : null,
        draft.clearedAt ?? null,
      )
    if (draft.dueAt) {
      this.db
        .prepare('insert into due_orders (order_id, due_at, lease_token) values (?, ?, ?)')
        .run(order, draft.dueAt, draft.leaseToken ?? null)
    }
    const product = this.value('select id from products where sku = ?', sku) ?? this.product(sku)
    this.db.prepare('insert into order_lines values (?, 2, ?, 2, 125000, 2500)').run(order, product)
    if (draft.payment) {
      this.db
        .prepare(
          `insert into payments (order_id, attempt, idempotency_key, amount, currency, status, unanswered,
             gateway_reference, created_at, answered_at)
           values (?, ?, ?, 2500, 'USD', ?, ?, 'ref-1', 1000, ?)`,
        )
        .run(
          order,
          attempt,
          `${source}:${reference}:${attempt}`,
          draft.payment.status,
          draft.payment.unanswered ?? 0,
          draft.payment.answeredAt ?? null,
        )
    }
    return Number(order)
  }

  /** An order whose charge was never answered, so that a person has to look at it. */
  waitingOrder(reference: string, answeredAt = Date.now()): number {
    return this.order(reference, {
      status: 'payment_processing',
      reason: 'payment_unknown',
      payment: { status: 'unknown', unanswered: 3, answeredAt },
    })
  }

  /** Runs the binary in a terminal and gives the answer once a question is asked. */
  atTerminal(answer: string, ...args: string[]): Promise<{ code: number; screen: string }> {
    const terminal = spawn(process.execPath, [BINARY, ...args], {
      cols: 120,
      cwd: this.folder,
      env: {
        ...process.env,
        HOME: this.folder,
        XDG_CONFIG_HOME: this.folder,
        NO_COLOR: '1',
        ORDERCTL_DATABASE_URL: `sqlite:${this.databasePath}`,
      },
    })
    let screen = ''
    let answered = false
    terminal.onData((text) => {
      screen += text
      if (answered || !screen.includes('[y/N]')) return
      answered = true
      terminal.write(`${answer}\r`)
    })
    return new Promise((ended) => terminal.onExit(({ exitCode }) => ended({ code: exitCode, screen })))
  }

  row(reference: string): Record<string, unknown> {
    return this.db
      .prepare('select * from orders left join due_orders on order_id = id where reference = ?')
      .get(reference) as Record<string, unknown>
  }

  #importOf(source: string): number {
    const known = this.value('select id from imports where source = ?', source)
    if (known !== undefined) return Number(known)
    return this.importRun({ source })
  }

  importRun({ source = 'default', status = 'finished', pid = 1, leaseUntil = 0, host = 'elsewhere' } = {}): number {
    const { lastInsertRowid } = this.db
      .prepare(
        `insert into imports (source, file, status, lease_token, lease_until, host, pid, started_at, ended_at)
         values (?, '/data/sample.csv', ?, 'token', ?, ?, ?, 1700000000000, null)`,
      )
      .run(source, status, leaseUntil, host, pid)
    return Number(lastInsertRowid)
  }

  #customer(customer: string, source: string): number {
    this.db
      .prepare('insert or ignore into customers (customer_id, name, import_id) values (?, ?, ?)')
      .run(customer, `Name of ${customer}`, this.#importOf(source))
    return Number(this.value('select id from customers where customer_id = ?', customer))
  }
}

/**
 * Tests with a shop of their own: `shop` has a database, `newShop` has none yet. Each run of the binary takes half a
 * second of a core, so tests run side by side.
 */
export const test = plainTest.extend<{ shop: Shop; newShop: Shop }>({
  // biome-ignore lint/correctness/noEmptyPattern: Vitest reads from it that the fixture needs no other.
  shop: async ({}, use) => {
    const shop = await Shop.withDatabase()
    await use(shop)
    shop.close()
  },
  // biome-ignore lint/correctness/noEmptyPattern: as above.
  newShop: async ({}, use) => {
    const shop = new Shop()
    await use(shop)
    shop.close()
  },
})
