// The promises: what must always hold. Promises about the same rows share a pass, which reads the rows once.
import { type Expression, expressionBuilder, type RawBuilder, sql } from 'kysely'
import type { Database } from '../database/connection.js'
import type { Schema } from '../database/schema.js'
import { groupBy } from '../domain/batches.js'
import { CURRENCIES, currencyDecimals, PRICE_DECIMALS } from '../domain/money.js'
import { HOLDING_STATUSES } from '../domain/order.js'
import { mayBeDue } from '../queue/due-orders.js'
import { ordersOfOpenImports } from '../workflow/customer-orders.js'
import { customerSalesParts, freshOrderCounts, freshStock, productSalesParts } from './derivations.js'

interface DataPromise {
  /** Stable, for scripts. */
  readonly name: string
  readonly about: string
  /** The condition on each row. */
  readonly holds: RawBuilder<unknown>
  /**
   * The columns that are summed up. Without them, rows are counted: all, and those that hold. Promises about money
   * count orders or lines, so that two currencies are never added.
   */
  readonly figures?: readonly [expected: string, actual: string]
}

export interface Pass {
  /** What the ids of the rows identify; null if nothing. */
  readonly of: 'order' | 'product' | 'customer' | 'import' | 'archive' | null
  /** Selects the rows, each with an id. */
  rows(db: Database): RawBuilder<unknown>
  readonly promises: readonly DataPromise[]
}

/** What reports read instead of the orders. */
export const FIGURE_PASSES: readonly Pass[] = [
  {
    of: 'customer',
    rows: (db) => sales(customerSalesParts(db), 'sales_by_customer', 'customer_id', 'orders', ['revenue']),
    promises: [equal('customer_sales', 'sales by customer match completed orders', sql`expected > 0 and revenue = 0`)],
  },
  {
    of: 'product',
    rows: (db) => sales(productSalesParts(db), 'sales_by_product', 'product_id', 'units', ['orders', 'revenue']),
    promises: [
      equal(
        'product_sales',
        'sales by product match completed orders',
        sql`expected > 0 and orders = 0 and revenue = 0`,
      ),
    ],
  },
  {
    of: null,
    rows: orderCounts,
    promises: [equal('order_counts', 'counts of orders match the orders', sql`orders = 0 and amount = 0`)],
  },
  {
    of: null,
    rows: customerOrders,
    promises: [equal('customer_orders', 'orders are listed by customer', sql`stored_pairs = listed_pairs`)],
  },
]

export const PASSES: readonly Pass[] = [
  {
    of: 'order',
    rows: references,
    promises: [{ name: 'references', about: 'rows that orders refer to exist', holds: sql.ref('found') }],
  },
  {
    of: 'order',
    rows: () => sql`select orders.id, orders.total, sum(order_lines.total) as lines_total
      from orders left join order_lines on order_lines.order_id = orders.id group by orders.id`,
    promises: [
      {
        name: 'order_totals',
        about: 'order total is the sum of its lines',
        holds: sql`total = coalesce(lines_total, 0)`,
      },
      { name: 'order_lines', about: 'every order has at least one line', holds: sql`lines_total is not null` },
    ],
  },
  {
    of: 'order',
    rows: lines,
    promises: [
      {
        name: 'line_totals',
        about: 'line total is quantity x price, rounded half up',
        // In integers: the exact total is at most half a minor unit below the line's total, or less than half above
        // it. A line without a unit price has the total of its file.
        holds: sql`unit_price is null or (2 * unit_price * quantity >= (2 * total - 1) * minor and
          2 * unit_price * quantity < (2 * total + 1) * minor)`,
      },
    ],
  },
  {
    of: 'order',
    rows: payments,
    promises: [equal('payments', 'completed orders are captured once, others never', sql`others = intended`)],
  },
  {
    of: 'order',
    rows: refunds,
    promises: [
      {
        name: 'refunds',
        about: 'refunds do not exceed the payment',
        holds: sql`amount <= coalesce(captured, 0) and currencies = 1 and currency = captured_currency`,
      },
    ],
  },
  {
    of: 'order',
    // Pending orders may be absent from the queue. An order in progress is in it, unless it needs review.
    rows: () => sql`select orders.id, due_orders.order_id as queued,
      (${mayBeDue(expressionBuilder<Schema, 'orders'>())}) as due
      from orders left join due_orders on due_orders.order_id = orders.id where orders.status <> 'pending'`,
    promises: [
      {
        name: 'leases',
        about: 'orders in progress are queued, settled ones are not',
        holds: sql`due = (queued is not null)`,
      },
    ],
  },
  {
    of: 'import',
    rows: () => sql`select id, ${sql.ref('rows')} as expected,
      imported + updated + duplicates + conflicts + rejected + skipped as actual from imports where status = 'finished'`,
    promises: [equal('imports', 'every line that was read is counted once')],
  },
  {
    of: 'product',
    rows: (db) => sql`select id, fresh.on_hand as fresh_on_hand, products.on_hand, fresh.reserved as fresh_reserved,
      products.reserved from products join ${freshStock(db)} as fresh on fresh.product_id = products.id`,
    promises: [
      {
        name: 'stock_on_hand',
        about: 'stock is adjustments minus units sold',
        holds: sql`fresh_on_hand = on_hand`,
        figures: ['fresh_on_hand', 'on_hand'],
      },
      {
        name: 'stock_reserved',
        about: 'reserved units match live reservations',
        holds: sql`fresh_reserved = reserved`,
        figures: ['fresh_reserved', 'reserved'],
      },
    ],
  },
  { of: 'order', rows: reservations, promises: [equal('reservations', 'orders have reserved exactly their units')] },
  {
    of: 'archive',
    rows: () => sql`select archives.id, archives.orders as expected, coalesce(found, 0) as actual
      from archives left join (
        select archive_id, count(*) as found from archived_orders as gone
        join customers on customers.id = gone.customer_id and customers.source = gone.source
        where not exists (select 1 from orders where orders.source = gone.source
          and orders.reference = gone.reference) group by archive_id) as known on known.archive_id = archives.id`,
    promises: [equal('archives', 'archived orders are known, and no longer stored')],
  },
  ...FIGURE_PASSES,
]

/** The columns `expected` and `actual` are equal. @param also what must hold besides */
function equal(name: string, about: string, also?: RawBuilder<unknown>): DataPromise {
  const equals = sql`expected = actual`
  return { name, about, holds: also ? sql`${equals} and ${also}` : equals, figures: ['expected', 'actual'] }
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
    return sql`select referring.${sql.ref(key)} as id, (${sql.join(found, sql` and `)}) as found
      from ${sql.table(table)} as referring ${sql.join(joins, sql` `)} where referring.${sql.ref(key)} is not null`
  })
  return sql.join(tables, sql` union all `)
}

/** `minor` is one minor unit of the order's currency on the scale of prices: 100 for a cent, 10,000 for a yen. */
function lines() {
  const minorUnits = [...groupBy(CURRENCIES, currencyDecimals)].map(([decimals, currencies]) => {
    const codes = sql.join(currencies.map((currency) => sql.lit(currency)))
    return sql`when orders.currency in (${codes}) then ${sql.lit(10 ** (PRICE_DECIMALS - decimals))}`
  })
  return sql`select orders.id, unit_price, quantity, order_lines.total, case ${sql.join(minorUnits, sql` `)} end as minor
    from order_lines join orders on orders.id = order_lines.order_id`
}

/**
 * A completed order is captured once, or never if its total is zero. A payment_processing order has an open intent; no
 * other has, so a cancelled order is never charged later. `others` counts open intents and wrong captures.
 */
function payments() {
  const captured = sql`count(case when payments.status = 'captured' then 1 end)`
  return sql`select orders.id, ${captured} as actual,
      case when orders.status = 'completed' and (orders.total > 0 or ${captured} > 0) then 1 else 0 end as expected,
      case when orders.status = 'payment_processing' then 1 else 0 end as intended,
      count(case when payments.status = 'captured'
        then case when payments.amount = orders.total and payments.currency = orders.currency then null else 1 end
        when payments.status in ('pending', 'unknown') and payments.attempt = orders.attempt then 1 end) as others
    from orders left join payments on payments.order_id = orders.id group by orders.id`
}

/** All refunds of an order but the declined ones, in its currency, are at most its captured payment. */
function refunds() {
  return sql`select refunds.id, amount, currencies, refunds.currency, captured, payments.currency as captured_currency
    from (
      select order_id as id, sum(case when status = 'declined' then 0 else amount end) as amount,
        min(currency) as currency, count(distinct currency) as currencies from refunds group by order_id) as refunds
    left join (select order_id, amount as captured, currency from payments where status = 'captured') as payments
    on payments.order_id = refunds.id`
}

/** The units of an order's lines are reserved by its current attempt only. */
function reservations() {
  const holding = sql`orders.status in (${sql.join([...HOLDING_STATUSES, 'completed'])})`
  return sql`select id, sum(wanted) as expected, sum(held) as actual from (
    select orders.id, product_id, attempt, quantity as wanted, 0 as held
    from orders join order_lines on order_lines.order_id = orders.id where ${holding} union all
    select orders.id, product_id, stock_reservations.attempt, 0, quantity
    from stock_reservations join orders on orders.id = stock_reservations.order_id
    where ${holding} and stock_reservations.attempt >= orders.attempt) as units group by id, product_id, attempt`
}

/**
 * Selects the sums of each key's parts and of its stored row: those of the column `counted` as figures, the
 * differences of the others. A key of parts has sold something, so its stored row may not be missing, nor be zero.
 */
function sales(parts: Expression<unknown>, table: keyof Schema, key: string, counted: string, others: string[]) {
  const columns = others.map((column) => sql.ref(column))
  const joined = (each: (column: RawBuilder<unknown>) => RawBuilder<unknown>) => sql.join(columns.map(each))
  return sql`select id, sum(expected) as expected, sum(actual) as actual, ${joined((one) => sql`sum(${one}) as ${one}`)}
    from (
      select day, currency, ${sql.ref(key)} as id, ${sql.ref(counted)} as expected, 0 as actual, ${joined((one) => one)}
      from ${parts} as parts union all
      select day, currency, ${sql.ref(key)}, 0, ${sql.ref(counted)}, ${joined((one) => sql`-${one}`)}
      from ${sql.table(table)}) as sales group by day, id, currency`
}

/** A state without orders may lack a row, or have one with zeros. */
function orderCounts(db: Database) {
  const key = sql`period, source, status, reason, cleared, currency`
  const sumOf = (side: 1 | -1) => sql`sum(case when side = ${sql.lit(side)} and period = 0 then orders else 0 end)`
  return sql`select 0 as id, ${sumOf(1)} as expected, ${sumOf(-1)} as actual, sum(side * orders) as orders,
      sum(side * amount) as amount from (
    select ${key}, orders, amount, 1 as side from ${freshOrderCounts(db)} as fresh union all
    select ${key}, orders, amount, -1 as side from order_counts) as counts group by ${key}`
}

/** Compares the numbers of orders and a checksum: each pair of customer and order would have to be looked up. */
function customerOrders(db: Database) {
  const open = ordersOfOpenImports(db)
  const sums = (order: string, rows: RawBuilder<unknown>) => sql`(
    select count(*) as orders, coalesce(sum(customer_id * ${sql.ref(order)} % 1000000007), 0) as pairs from ${rows})`
  const stored = sums('id', sql`orders where import_id not in (${open.select('imports.id')})`)
  const listed = sums('order_id', sql`customer_orders where order_id not in (${open.select('orders.id')})`)
  return sql`select 0 as id, stored.orders as expected, listed.orders as actual, stored.pairs as stored_pairs,
    listed.pairs as listed_pairs from ${stored} as stored cross join ${listed} as listed`
}
