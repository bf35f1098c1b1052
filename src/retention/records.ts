// Orders as an archive has them: each with its lines, payments, refunds, changes and the actions of people.
//
// The text of an order depends on nothing but its rows. So an order that is read again has the same text, unless it has
// changed: this decides whether it may be removed.
import type { Kysely } from 'kysely'
import { packIds } from '../database/packed-rows.js'
import { isAmong } from '../database/row-source.js'
import type { Schema } from '../database/schema.js'
import { groupBy } from '../domain/batches.js'
import type { CustomerId, ImportId, OrderId } from '../domain/ids.js'
import { amountsAsNumbers, type Currency, formatPrice, isMoney, type Money, majorUnits } from '../domain/money.js'
import type { OrderStatus } from '../domain/order.js'
import { orderDigest } from '../domain/order-digest.js'
import { cursorText } from '../reports/export.js'
import { renderCsv } from '../terminal/table.js'
import { escapeJson } from '../terminal/text.js'

export const ARCHIVE_FORMATS = ['csv', 'jsonl'] as const
export type ArchiveFormat = (typeof ARCHIVE_FORMATS)[number]

/** An order with its text, and what stays in the database once it is removed. */
export interface Archivable {
  readonly id: OrderId
  readonly source: string
  readonly reference: string
  readonly status: OrderStatus
  readonly customer_id: CustomerId
  readonly settled_at: number
  readonly digest: string
  /** The import that stored it, and those that updated it. */
  readonly imports: readonly ImportId[]
  readonly text: string
}

/** Reads the settled orders among the ids, in the order of settlement. */
export async function readArchivable(
  db: Kysely<Schema>,
  ids: readonly OrderId[],
  format: ArchiveFormat,
): Promise<Archivable[]> {
  const orders = await db
    .selectFrom('orders')
    .innerJoin('customers', 'customers.id', 'orders.customer_id')
    .where(isAmong(db, 'orders.id', ids))
    .where('orders.settled_at', 'is not', null)
    .selectAll('orders')
    .select(['customers.customer_id as customer', 'customers.name'])
    .orderBy('orders.settled_at')
    .orderBy('orders.id')
    .$narrowType<{ settled_at: number }>()
    .execute()
  const packed = packIds(orders)
  const [lines, changes] = [await readLines(db, packed), await readChanges(db, packed)]
  const parts = {
    lines: groupBy(lines, ({ order_id }) => order_id),
    payments: groupBy(await readPayments(db, packed), ({ order_id }) => order_id),
    refunds: groupBy(await readRefunds(db, packed), ({ order_id }) => order_id),
    changes: groupBy(changes, ({ order_id }) => order_id),
    actions: groupBy(await readActions(db, packed), ({ order_id }) => order_id),
  }
  return orders.map((order) => {
    const { id, source, reference, status, customer_id, settled_at, currency, ordered_at } = order
    const sold = parts.lines.get(id) ?? []
    const record = {
      ...{ cursor: cursorText({ settledAt: settled_at, id }), order_id: reference, source, status },
      ...{ reason: order.reason, message: order.message, attempts: order.attempt, order_date: ordered_at },
      ...{ business_day: order.business_day, customer_id: order.customer, customer_name: order.name, currency },
      total: { currency, minor: order.total },
      settled_at: timeOf(settled_at),
      cleared_at: timeOf(order.cleared_at),
      lines: sold.map((line) => ({
        ...{ line: line.line_number, sku: line.sku, product_name: line.name, quantity: line.quantity },
        unit_price: priceOf(line.unit_price, currency),
        amount: { currency, minor: line.total },
      })),
      ...{ payments: rowsOf(parts.payments, id), refunds: rowsOf(parts.refunds, id) },
      ...{ changes: rowsOf(parts.changes, id), actions: rowsOf(parts.actions, id) },
    }
    const imports = [order.import_id, ...(parts.changes.get(id) ?? []).map((change) => change.import_id)]
    const digest = orderDigest({ currency, ordered_at, lines: sold })
    const text = format === 'jsonl' ? `${escapeJson(JSON.stringify(record, amountsAsNumbers))}\n` : csvText(record)
    return { id, source, reference, status, customer_id, settled_at, digest, imports: [...new Set(imports)], text }
  })
}

type ArchiveRecord = Readonly<Record<string, unknown>>
type Value = string | number | null | Money

/** The rows of an order, without the order's key, with times and amounts as people read them. */
function rowsOf<Row extends { readonly order_id: OrderId }>(rows: ReadonlyMap<OrderId, readonly Row[]>, id: OrderId) {
  return (rows.get(id) ?? []).map((row) => {
    const currency = 'currency' in row ? (row.currency as Currency) : undefined
    const values = Object.entries(row).filter(([name]) => name !== 'order_id')
    return Object.fromEntries(
      values.map(([name, value]): [string, Value] => {
        if (name === 'amount' && currency) return [name, { currency, minor: Number(value) }]
        return [name, name === 'at' || name.endsWith('_at') ? timeOf(value as number | null) : value]
      }),
    )
  })
}

function timeOf(epochMs: number | null): string | null {
  return epochMs === null ? null : new Date(epochMs).toISOString()
}

function priceOf(scaled: number | null, currency: Currency): number | null {
  return scaled === null ? null : Number(formatPrice(scaled, currency))
}

function readLines(db: Kysely<Schema>, ids: string) {
  return db
    .selectFrom('order_lines')
    .innerJoin('products', 'products.id', 'order_lines.product_id')
    .where(isAmong(db, 'order_id', ids))
    .select(['order_id', 'line_number', 'sku', 'name', 'quantity', 'order_lines.unit_price', 'total'])
    .orderBy('order_id')
    .orderBy('line_number')
    .execute()
}

function readPayments(db: Kysely<Schema>, ids: string) {
  return db
    .selectFrom('payments')
    .where(isAmong(db, 'order_id', ids))
    .select(['order_id', 'attempt', 'idempotency_key', 'status', 'amount', 'currency', 'gateway_reference', 'message'])
    .select(['created_at as asked_at', 'answered_at'])
    .orderBy('order_id')
    .orderBy('attempt')
    .execute()
}

function readRefunds(db: Kysely<Schema>, ids: string) {
  return db
    .selectFrom('refunds')
    .where(isAmong(db, 'order_id', ids))
    .select(['order_id', 'number as refund', 'idempotency_key', 'status', 'amount', 'currency', 'restock', 'day'])
    .select(['gateway_reference', 'message', 'created_at as asked_at', 'answered_at'])
    .orderBy('order_id')
    .orderBy('number')
    .execute()
}

function readChanges(db: Kysely<Schema>, ids: string) {
  return db
    .selectFrom('order_changes')
    .where(isAmong(db, 'order_id', ids))
    .select(['order_id', 'import_id', 'changed_at', 'changed_by', 'previous'])
    .orderBy('order_id')
    .orderBy('import_id')
    .execute()
}

function readActions(db: Kysely<Schema>, ids: string) {
  return db
    .selectFrom('action_orders')
    .innerJoin('actions', 'actions.id', 'action_orders.action_id')
    .where(isAmong(db, 'action_orders.order_id', ids))
    .select(['order_id', 'at', 'command', 'os_user', 'host', 'actions.reason as why', 'details'])
    .orderBy('order_id')
    .orderBy('at')
    .orderBy('actions.id')
    .execute()
}

/** The parts of an order, each with the name of its rows in a CSV file. */
const PARTS = { lines: 'line', payments: 'payment', refunds: 'refund', changes: 'change', actions: 'action' } as const

/** All rows of a CSV file have these columns. `record` says what the row is, `cursor` to which order it belongs. */
const CSV_COLUMNS = [
  ...['record', 'cursor', 'order_id', 'source', 'status', 'reason', 'message', 'attempts', 'order_date'],
  ...['business_day', 'customer_id', 'customer_name', 'currency', 'total', 'settled_at', 'cleared_at'],
  ...['line', 'sku', 'product_name', 'quantity', 'unit_price', 'amount', 'attempt', 'refund', 'idempotency_key'],
  ...['gateway_reference', 'restock', 'day', 'asked_at', 'answered_at', 'import_id', 'changed_at', 'changed_by'],
  ...['previous', 'at', 'command', 'os_user', 'host', 'why', 'details'],
]

/** What comes before the first order of the file. */
export function archiveHeader(format: ArchiveFormat): string {
  return format === 'csv' ? `${CSV_COLUMNS.join(',')}\n` : ''
}

function csvText(order: ArchiveRecord): string {
  const { cursor, order_id, source } = order
  const rows: ArchiveRecord[] = [{ ...order, record: 'order' }]
  for (const [part, record] of Object.entries(PARTS))
    for (const row of order[part] as ArchiveRecord[]) rows.push({ ...row, record, cursor, order_id, source })
  const columns = CSV_COLUMNS.map((heading) => ({ heading }))
  const cells = rows.map((row) => CSV_COLUMNS.map((name) => cellOf(row[name] as Value | undefined)))
  return `${renderCsv({ columns, rows: cells }, { header: false })}\n`
}

function cellOf(value: Value | undefined): string | number | null {
  return isMoney(value) ? majorUnits(value) : (value ?? null)
}

/** How the text of an order starts, with its key in the cursor. Later rows of a CSV order start otherwise. */
const START = { csv: /^order,\d+\.(\d+),/, jsonl: /^\{"cursor":"\d+\.(\d+)"/ } as const

/** Returns the key of the order whose text starts with this line; undefined if the line continues an order. */
export function readOrderKey(line: string, format: ArchiveFormat): OrderId | undefined {
  const [, id] = START[format].exec(line) ?? []
  return id === undefined ? undefined : (Number(id) as OrderId)
}
