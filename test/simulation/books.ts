// Compares the books of a shop at rest with the provider's ledger and with each other. Plain SQL, which shares no code
// with src; the audit of src is asked as well.
import { auditDatabase } from '../../src/audit/audit.js'
import type { Entry } from './provider.js'
import type { Scene } from './worker-process.js'
import { Actor } from './world.js'

/** Lost claims of an order before it is set aside; see ADR 10. */
const MOST_LOST_CLAIMS = 5

interface Order {
  readonly id: number
  readonly reference: string
  readonly status: string
  readonly total: number
}

/** Each names rows that must not exist. */
const NO_ROWS: Readonly<Record<string, string>> = {
  'an order is not settled': `select reference as name from orders where status not in ('completed', 'failed', 'rolled_back')`,
  'an order is still in the queue': `select order_id as name from due_orders`,
  'a refund has no outcome': `select order_id as name from refunds where status not in ('refunded', 'declined')`,
  'a settled order has an open payment': `select order_id as name from payments where status not in ('captured', 'declined')`,
  'stock is not adjustments minus sales': `select sku as name from products where on_hand <>
    (select coalesce(sum(delta), 0) from stock_adjustments where product_id = products.id) -
    (select coalesce(sum(quantity), 0) from order_lines join orders on orders.id = order_id
     where product_id = products.id and status = 'completed')`,
  'stock is still reserved': `select sku as name from products where reserved <> 0`,
  'stock is negative': `select sku as name from products where on_hand < 0`,
  'units of a refund came back more or less than once': `select reference as name from orders where
    (select count(distinct product_id) from order_lines where order_id = orders.id) *
    (select count(*) from refunds where order_id = orders.id and status = 'refunded' and restock = 1) <>
    (select count(*) from stock_adjustments where reason = 'refund of order ' || reference)`,
  'sales by customer differ from completed orders': `select id as name from (
    select business_day as day, currency, customer_id as id, count(*) as orders, sum(total) as revenue
    from orders where status = 'completed' group by 1, 2, 3
    union all select day, currency, customer_id, -orders, -revenue from sales_by_customer)
    group by day, currency, id having sum(orders) <> 0 or sum(revenue) <> 0`,
  'counts of orders by status differ from the orders': `select source || ' ' || status as name from (
    select source, status, 1 as orders from orders
    union all select source, status, -orders from order_counts where period = 0)
    group by source, status having sum(orders) <> 0`,
  'counts of settled orders differ from the orders': `select quarter as name from (
    select settled_at / 900000 as quarter, status, currency, 1 as orders, total from orders where settled_at is not null
    union all select period / 900000, status, currency, -orders, -amount from order_counts where period > 0)
    group by quarter, status, currency having sum(orders) <> 0 or sum(total) <> 0`,
  'sales by product differ from completed orders': `select id as name from (
    select business_day as day, orders.currency, product_id as id, count(distinct orders.id) as orders,
      sum(quantity) as units, sum(order_lines.total) as revenue
    from orders join order_lines on order_id = orders.id where status = 'completed' group by 1, 2, 3
    union all select day, currency, product_id, -orders, -units, -revenue from sales_by_product)
    group by day, currency, id having sum(orders) <> 0 or sum(units) <> 0 or sum(revenue) <> 0`,
}

export async function checkBooks(scene: Scene): Promise<void> {
  const { store, violations } = scene
  for (const [what, query] of Object.entries(NO_ROWS)) {
    const names = store.rows<{ name: string | number }>(query).map(({ name }) => name)
    if (names.length > 0) violations.push(`${what}: ${names.join(', ')}`)
  }
  for (const order of store.rows<Order>('select id, reference, status, total from orders order by id')) {
    checkMoney(scene, order)
  }
  checkDeaths(scene)
  violations.push(...scene.provider.complaints)
  await audit(scene)
}

/** The provider kept the money of completed orders, once, and no other. It gave back what our refunds say. */
function checkMoney({ store, provider, violations }: Scene, { id, reference, status, total }: Order): void {
  const entries = [...provider.ledger.values()].filter(({ key }) => key.split(':')[2] === reference)
  const captures = entries.filter((entry) => entry.status === 'captured')
  const expected = status === 'completed' && total > 0 ? 1 : 0
  if (captures.length !== expected) {
    violations.push(`order ${reference} is ${status}, and the provider captured it ${captures.length} times`)
  }
  const paid = store.rows<{ key: string; amount: number; reference: string }>(
    `select idempotency_key as key, amount, gateway_reference as reference from payments
     where order_id = ? and status = 'captured' and amount > 0`,
    id,
  )
  if (line(paid) !== line(captures) || captures.some(({ amount }) => amount !== total)) {
    violations.push(`order ${reference}: we have ${line(paid)}, the provider ${line(captures)}`)
  }
  const refunds = store.rows<{ key: string; amount: number; reference: string }>(
    `select idempotency_key as key, amount, gateway_reference as reference from refunds
     where order_id = ? and status = 'refunded'`,
    id,
  )
  const givenBack = entries.filter((entry) => entry.status === 'refunded')
  if (line(refunds) !== line(givenBack)) {
    violations.push(`refunds of ${reference}: we have ${line(refunds)}, the provider ${line(givenBack)}`)
  }
  const sum = givenBack.reduce((all, { amount }) => all + amount, 0)
  if (sum > captures.reduce((all, { amount }) => all + amount, 0)) {
    violations.push(`more was given back for ${reference} than was captured`)
  }
}

function line(entries: readonly Pick<Entry, 'key' | 'amount' | 'reference'>[] | readonly Paid[]): string {
  return (
    entries
      .map(({ key, amount, reference }) => `${key} ${amount} ${reference}`)
      .sort()
      .join(', ') || 'nothing'
  )
}

interface Paid {
  readonly key: string
  readonly amount: number
  readonly reference: string
}

/** A poison order is set aside in time, each time a person retries it. */
function checkDeaths({ store, deaths, violations }: Scene): void {
  for (const [reference, died] of deaths) {
    const [row] = store.rows<{ retries: number }>(
      `select count(*) as retries from actions join action_orders on action_id = actions.id
       join orders on orders.id = action_orders.order_id where reference = ? and command = 'failed retry'`,
      reference,
    )
    const most = MOST_LOST_CLAIMS * (1 + (row?.retries ?? 0))
    if (died > most) violations.push(`poison order ${reference} killed ${died} threads, not at most ${most}`)
  }
}

async function audit({ world, store, violations }: Scene): Promise<void> {
  const actor = new Actor('auditor')
  let isDone = false
  world.as(actor, () => {
    auditDatabase(store.connect(actor), 'UTC')
      .then(({ checks }) => {
        for (const { name, ok, examples } of checks) {
          if (!ok) violations.push(`rebuild --check finds ${name}: ${examples.join(', ')}`)
        }
      })
      .catch((error: unknown) => violations.push(`the audit failed: ${error}`))
      .finally(() => {
        isDone = true
      })
  })
  await world.runUntil(() => isDone)
}
