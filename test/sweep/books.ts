// What a shop, its provider and its receiver say, read by plain SQL, as lines that can be compared. Nothing of it
// depends on ids, times or the number of attempts.
import type { LedgerEntry } from '../support/provider.js'
import type { Received } from '../support/receiver.js'

export type Rows = (statement: string) => Promise<Record<string, unknown>[]>

const TABLES: Readonly<Record<string, string>> = {
  order: 'select source, reference, status, reason, attempt, total, currency from orders',
  line: `select reference, line_number, sku, quantity, order_lines.total from order_lines
    join orders on orders.id = order_id join products on products.id = product_id`,
  due: 'select reference from due_orders join orders on orders.id = order_id',
  charge: 'select idempotency_key, status, amount, currency from payments',
  refund: 'select idempotency_key, status, amount, currency, restock from refunds',
  customer: 'select source, customer_id, name from customers',
  product: 'select sku, on_hand, reserved from products',
  adjustment: `select sku, delta, count(*) as times from stock_adjustments
    join products on products.id = product_id group by sku, delta`,
  sale: `select day, currency, customers.customer_id, orders, revenue from sales_by_customer
    join customers on customers.id = sales_by_customer.customer_id`,
  sold: `select day, sales_by_product.currency, sku, orders, units, revenue from sales_by_product
    join products on products.id = product_id`,
  count: `select source, status, reason, cleared, currency, orders, amount from order_counts
    where period = 0 and orders <> 0`,
  import: `select status, imports.rows, orders, imported, duplicates, conflicts, rejected, skipped, products_created
    from imports where imports.rows > 0 and status <> 'undone'`,
  archived: 'select source, reference, digest from archived_orders',
  action: 'select distinct command from actions',
  setting: "select name, value from settings where name not like 'shop%' and name <> 'settled_until'",
  migration: 'select number, name from orderctl_migrations',
  event: `select orders.reference, kind, state, events.attempt, events.amount from events
    join orders on orders.id = order_id`,
}

/** The random name of a forgotten customer. */
const FORGOTTEN = /forgotten-\w+/g

/** Every fact that must be the same with and without a fault. */
export async function readBooks(rows: Rows): Promise<string[]> {
  const lines: string[] = []
  for (const [name, statement] of Object.entries(TABLES))
    lines.push(...(await rows(statement)).map((row) => [name, ...Object.values(row)].map(String).join(' ')))
  return lines.map((text) => text.replace(FORGOTTEN, 'forgotten')).sort()
}

/** Where our tables and the provider's ledger disagree on the money that moved. */
export async function compareMoney(rows: Rows, entries: readonly LedgerEntry[]): Promise<string[]> {
  const columns = 'idempotency_key, amount, currency, gateway_reference'
  const captured = await rows(`select 'captured' as type, ${columns} from payments where status = 'captured'`)
  const refunded = await rows(`select 'refunded' as type, ${columns} from refunds where status = 'refunded'`)
  const ours = [...captured, ...refunded].map((row) => Object.values(row).join(' '))
  const theirs = entries
    .filter(({ status }) => status !== 'declined')
    .map(({ status, key, amount, currency, reference }) => [status, key, amount, currency, reference].join(' '))
  return differences('provider', ours, theirs)
}

/** @param state of the events, if not any */
export async function readEvents(rows: Rows, state = '%'): Promise<string[]> {
  const all = await rows(`select token, order_id, kind from events where state like '${state}'`)
  return all.map(({ token, order_id, kind }) => `evt_${token}_${order_id} order.${kind}`).sort()
}

/** The events that arrived. @throws if an event came with two contents */
export function readReceived(received: readonly Received[]): string[] {
  const contents = new Map<string, string>()
  for (const event of received) {
    const content = JSON.stringify(event)
    if ((contents.get(event.id) ?? content) !== content) throw new Error(`${event.id} came with two contents`)
    contents.set(event.id, content)
  }
  return [...new Set(received.map(({ id, type }) => `${id} ${type}`))].sort()
}

/** What is only in one of both lists; empty if they are equal. */
export function differences(what: string, expected: readonly string[], found: readonly string[]): string[] {
  const left = [...found]
  const missing = expected.filter((text) => {
    const at = left.indexOf(text)
    if (at >= 0) left.splice(at, 1)
    return at < 0
  })
  return [...missing.map((text) => `${what}: missing ${text}`), ...left.map((text) => `${what}: not expected ${text}`)]
}
