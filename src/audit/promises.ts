// The promises: what must always hold. Each is one SQL comparison with a row per order, product, customer, import or
// archive.
import { type Expression, expressionBuilder, type RawBuilder, sql } from 'kysely'
import type { Database } from '../database/connection.js'
import type { Schema } from '../database/schema.js'
import { groupBy } from '../domain/batches.js'
import { CURRENCIES, currencyDecimals, PRICE_DECIMALS } from '../domain/money.js'
import { HOLDING_STATUSES } from '../domain/order.js'
import { mayBeDue } from '../queue/due-orders.js'
import { ordersOfOpenImports } from '../workflow/customer-orders.js'
import { customerSalesParts, freshOnHand, freshOrderCounts, freshReserved, productSalesParts } from './derivations.js'

export interface Comparison {
  /** Key of the order, product, customer, import or archive. */
  readonly id: number
  /** Promises about money count orders or lines, so that two currencies are never added. */
  readonly expected: number
  readonly actual: number
  /** 1 or 0. */
  readonly differs: number
}

export interface DataPromise {
  /** Stable, for scripts. */
  readonly name: string
  readonly about: string
  /** The subject that the ids identify; null if there is none. */
  readonly of: 'order' | 'product' | 'customer' | 'import' | 'archive' | null
  compare(db: Database): RawBuilder<Comparison>
}

/** What reports read instead of the orders. */
export const FIGURE_PROMISES: readonly DataPromise[] = [
  {
    name: 'customer_sales',
    about: 'sales by customer match completed orders',
    of: 'customer',
    compare: (db) => compareSales(customerSalesParts(db), 'sales_by_customer', 'customer_id', 'orders'),
  },
  {
    name: 'product_sales',
    about: 'sales by product match completed orders',
    of: 'product',
    compare: (db) => compareSales(productSalesParts(db), 'sales_by_product', 'product_id', 'units'),
  },
  { name: 'order_counts', about: 'counts of orders match the orders', of: null, compare: compareCounts },
  { name: 'customer_orders', about: 'orders are listed by customer', of: null, compare: compareCustomerOrders },
]

export const PROMISES: readonly DataPromise[] = [
  { name: 'references', about: 'rows that orders refer to exist', of: 'order', compare: references },
  {
    name: 'order_totals',
    about: 'order total is the sum of its lines',
    of: 'order',
    compare: () => sql`select orders.id, ${holdsIf(sql`orders.total = coalesce(sum(order_lines.total), 0)`)}
      from orders left join order_lines on order_lines.order_id = orders.id group by orders.id`,
  },
  {
    name: 'order_lines',
    about: 'every order has at least one line',
    of: 'order',
    compare: () => sql`select orders.id, ${holdsIf(sql`count(order_lines.order_id) > 0`)}
      from orders left join order_lines on order_lines.order_id = orders.id group by orders.id`,
  },
  { name: 'line_totals', about: 'line total is quantity x price, rounded half up', of: 'order', compare: lineTotals },
  { name: 'payments', about: 'completed orders are captured once, others never', of: 'order', compare: payments },
  { name: 'refunds', about: 'refunds do not exceed the payment', of: 'order', compare: refunds },
  {
    name: 'leases',
    about: 'orders in progress are queued, settled ones are not',
    of: 'order',
    // Pending orders may be absent from the queue. An order in progress is in it, unless it needs review.
    compare: () => sql`select orders.id,
      ${holdsIf(sql`(${mayBeDue(expressionBuilder<Schema, 'orders'>())}) = (due_orders.order_id is not null)`)}
      from orders left join due_orders on due_orders.order_id = orders.id where orders.status <> 'pending'`,
  },
  {
    name: 'imports',
    about: 'every line that was read is counted once',
    of: 'import',
    compare: () =>
      equal(
        sql.ref('rows'),
        sql`imported + updated + duplicates + conflicts + rejected + skipped`,
        sql`imports where status = 'finished'`,
      ),
  },
  {
    name: 'stock_on_hand',
    about: 'stock is adjustments minus units sold',
    of: 'product',
    compare: (db) => stock('on_hand', freshOnHand(db)),
  },
  {
    name: 'stock_reserved',
    about: 'reserved units match live reservations',
    of: 'product',
    compare: (db) => stock('reserved', freshReserved(db)),
  },
  {
    name: 'reservations',
    about: 'orders have reserved exactly their units',
    of: 'order',
    compare: reservations,
  },
  {
    name: 'archives',
    about: 'archived orders are known, and no longer stored',
    of: 'archive',
    compare: () =>
      equal(
        sql.ref('archives.orders'),
        sql`coalesce(found, 0)`,
        sql`archives left join (
          select archive_id, count(*) as found from archived_orders as gone
          join customers on customers.id = gone.customer_id and customers.source = gone.source
          where not exists (select 1 from orders where orders.source = gone.source
            and orders.reference = gone.reference) group by archive_id) as known on known.archive_id = archives.id`,
      ),
  },
  ...FIGURE_PROMISES,
]

function differsUnless(condition: Expression<unknown>) {
  return sql`case when ${condition} then 0 else 1 end as differs`
}

/** For a condition: expects 1, and finds 1 if it holds. */
function holdsIf(condition: Expression<unknown>) {
  return sql`1 as expected, case when ${condition} then 1 else 0 end as actual, ${differsUnless(condition)}`
}

/** Compares two expressions per row. @param rows the FROM clause; its rows have an id */
function equal(expected: RawBuilder<unknown>, actual: RawBuilder<unknown>, rows: RawBuilder<unknown>) {
  const differs = differsUnless(sql`${expected} = ${actual}`)
  return sql<Comparison>`select id, ${expected} as expected, ${actual} as actual, ${differs} from ${rows}`
}

/** Each table with the column that holds the order's key, and the tables that its columns refer to. */
const REFERENCES: readonly (readonly [string, string, Readonly<Record<string, string>>, RawBuilder<unknown>?])[] = [
  // A customer belongs to one source.
  ['orders', 'id', { customer_id: 'customers', import_id: 'imports' }, sql`customers.source = referring.source`],
  ['order_lines', 'order_id', { order_id: 'orders', product_id: 'products' }],
  ['stock_reservations', 'order_id', { order_id: 'orders', product_id: 'products' }],
  ['payments', 'order_id', { order_id: 'orders' }],
  ['payment_references', 'order_id', { order_id: 'orders' }],
  // Reports by customer read the customer of the refund.
  [
    'refunds',
    'order_id',
    { order_id: 'orders', customer_id: 'customers' },
    sql`orders.customer_id = referring.customer_id`,
  ],
  ['due_orders', 'order_id', { order_id: 'orders' }],
  ['events', 'order_id', { order_id: 'orders' }],
  ['order_changes', 'order_id', { order_id: 'orders', import_id: 'imports' }],
]

/**
 * SQLite enforces some of this with foreign keys; on a server, nothing does (`onServer` in database/engine.ts). Each
 * row counts for its order's key, even if that order does not exist. References of archived orders have no key.
 */
function references() {
  const tables = REFERENCES.map(([table, key, targets, condition]) => {
    const targetOf = Object.entries(targets)
    const joins = targetOf.map(
      ([column, target]) =>
        sql`left join ${sql.table(target)} on ${sql.ref(`${target}.id`)} = referring.${sql.ref(column)}`,
    )
    const found = targetOf.map(([, target]) => sql`${sql.ref(`${target}.id`)} is not null`)
    if (condition) found.push(condition)
    return sql`select referring.${sql.ref(key)} as id, ${holdsIf(sql.join(found, sql` and `))}
      from ${sql.table(table)} as referring ${sql.join(joins, sql` `)} where referring.${sql.ref(key)} is not null`
  })
  return sql<Comparison>`${sql.join(tables, sql` union all `)}`
}

/**
 * In integers: the exact total is at most half a minor unit below the line's total, or less than half above it. A line
 * without a unit price has the total of its file.
 */
function lineTotals() {
  // One minor unit of the order's currency on the scale of prices: 100 for a cent, 10,000 for a yen.
  const minorUnits = [...groupBy(CURRENCIES, currencyDecimals)].map(([decimals, currencies]) => {
    const codes = sql.join(currencies.map((currency) => sql.lit(currency)))
    return sql`when orders.currency in (${codes}) then ${sql.lit(10 ** (PRICE_DECIMALS - decimals))}`
  })
  const holds = sql`unit_price is null or (2 * unit_price * quantity >= (2 * line.total - 1) * minor and
    2 * unit_price * quantity < (2 * line.total + 1) * minor)`
  return sql<Comparison>`select id, ${holdsIf(holds)} from (
    select orders.id, unit_price, quantity, order_lines.total, case ${sql.join(minorUnits, sql` `)} end as minor
    from order_lines join orders on orders.id = order_lines.order_id) as line`
}

/**
 * A completed order is captured once, or never if its total is zero. A payment_processing order has an open intent; no
 * other has, so a cancelled order is never charged later.
 */
function payments() {
  const count = (condition: RawBuilder<unknown>) => sql`sum(case when ${condition} then 1 else 0 end)`
  const captured = sql`payments.status = 'captured'`
  const correct = sql`${captured} and payments.amount = orders.total and payments.currency = orders.currency`
  const open = sql`payments.status in ('pending', 'unknown') and payments.attempt = orders.attempt`
  const expected = sql`case when status = 'completed' and (total > 0 or captured > 0) then 1 else 0 end`
  const intended = sql`case when status = 'payment_processing' then 1 else 0 end`
  const holds = sql`captured = ${expected} and correct = captured and intents = ${intended}`
  return sql<Comparison>`select id, ${expected} as expected, captured as actual, ${differsUnless(holds)} from (
    select orders.id, orders.status, orders.total,
      ${count(captured)} as captured, ${count(correct)} as correct, ${count(open)} as intents
    from orders left join payments on payments.order_id = orders.id group by orders.id) as charge`
}

/** All refunds of an order but the declined ones, in its currency, are at most its captured payment. */
function refunds() {
  const holds = sql`amount <= coalesce(captured, 0) and currencies = 1 and refunds.currency = payments.currency`
  return sql<Comparison>`select refunds.id, ${holdsIf(holds)} from (
    select order_id as id, sum(case when status = 'declined' then 0 else amount end) as amount,
      min(currency) as currency, count(distinct currency) as currencies from refunds group by order_id) as refunds
    left join (select order_id, amount as captured, currency from payments where status = 'captured') as payments
    on payments.order_id = refunds.id`
}

function stock(figure: 'on_hand' | 'reserved', fresh: Expression<unknown>) {
  const rows = sql`products join ${fresh} as fresh on fresh.product_id = products.id`
  return equal(sql.ref('fresh.units'), sql.ref(`products.${figure}`), rows)
}

/** The units of an order's lines are reserved by its current attempt only. */
function reservations() {
  const holding = sql`orders.status in (${sql.join([...HOLDING_STATUSES, 'completed'])})`
  const units = sql`(
    select orders.id, product_id, attempt, quantity as wanted, 0 as held
    from orders join order_lines on order_lines.order_id = orders.id where ${holding} union all
    select orders.id, product_id, stock_reservations.attempt, 0, quantity
    from stock_reservations join orders on orders.id = stock_reservations.order_id
    where ${holding} and stock_reservations.attempt >= orders.attempt) as units group by id, product_id, attempt`
  return equal(sql`sum(wanted)`, sql`sum(held)`, units)
}

/** Each key must have a stored row with the sums of its parts. `counted` is the column that is summed. */
function compareSales(parts: Expression<unknown>, table: keyof Schema, key: string, counted: string) {
  const columns = sql`day, currency, ${sql.ref(key)} as id, ${sql.ref(counted)} as counted, orders, revenue`
  const sumOf = (side: 1 | -1) => sql`sum(case when side = ${sql.lit(side)} then counted else 0 end)`
  const difference = (column: string) => sql`sum(side * ${sql.ref(column)}) = 0`
  const holds = sql`min(side) = -1 and max(side) = 1 and ${sql.join(['counted', 'orders', 'revenue'].map(difference), sql` and `)}`
  return sql<Comparison>`select id, ${sumOf(1)} as expected, ${sumOf(-1)} as actual, ${differsUnless(holds)} from (
    select ${columns}, 1 as side from ${parts} as parts union all
    select ${columns}, -1 as side from ${sql.table(table)}) as sales group by day, currency, id`
}

/** A state without orders may lack a row, or have one with zeros. */
function compareCounts(db: Database) {
  const key = sql`period, source, status, reason, cleared, currency`
  const sumOf = (side: 1 | -1) => sql`sum(case when side = ${sql.lit(side)} and period = 0 then orders else 0 end)`
  const holds = sql`sum(side * orders) = 0 and sum(side * amount) = 0`
  return sql<Comparison>`select 0 as id, ${sumOf(1)} as expected, ${sumOf(-1)} as actual, ${differsUnless(holds)} from (
    select ${key}, orders, amount, 1 as side from ${freshOrderCounts(db)} as fresh union all
    select ${key}, orders, amount, -1 as side from order_counts) as counts group by ${key}`
}

/** Compares the numbers of orders and a checksum: each pair of customer and order would have to be looked up. */
function compareCustomerOrders(db: Database) {
  const open = ordersOfOpenImports(db)
  const sums = (order: string, rows: RawBuilder<unknown>) => sql`(
    select count(*) as orders, coalesce(sum(customer_id * ${sql.ref(order)} % 1000000007), 0) as pairs from ${rows})`
  const stored = sums('id', sql`orders where import_id not in (${open.select('imports.id')})`)
  const listed = sums('order_id', sql`customer_orders where order_id not in (${open.select('orders.id')})`)
  const holds = sql`stored.orders = listed.orders and stored.pairs = listed.pairs`
  return sql<Comparison>`select 0 as id, stored.orders as expected, listed.orders as actual, ${differsUnless(holds)}
    from ${stored} as stored cross join ${listed} as listed`
}
