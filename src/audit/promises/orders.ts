// What holds for every order: its sums, its payment, and that nobody works on it any more once it is settled.

import { sql } from 'kysely'
import type { Database } from '../../database/connection.js'
import { type Currency, currencyDecimals, PRICE_DECIMALS } from '../../domain/money.js'
import { mayBeDue } from '../../queue/due-orders.js'
import { type DataPromise, differsUnless, oneIf, rightIf } from './promise.js'
import { references } from './references.js'

export const ORDER_PROMISES: readonly DataPromise[] = [
  { name: 'references', about: 'whatever an order names or has is there', of: 'order', compare: references },
  { name: 'order_totals', about: 'an order costs the sum of its lines', of: 'order', compare: orderTotals },
  { name: 'order_lines', about: 'every order has a line', of: 'order', compare: orderLines },
  { name: 'line_totals', about: 'quantity x price, rounded once, half up', of: 'order', compare: lineTotals },
  { name: 'payments', about: 'captured once where sold, else not at all', of: 'order', compare: payments },
  { name: 'leases', about: 'open orders in the queue, no settled ones', of: 'order', compare: leases },
  { name: 'imports', about: 'every line read is accounted for', of: 'import', compare: imports },
]

function orderTotals(db: Database) {
  return db
    .selectFrom('orders')
    .leftJoin('order_lines', 'order_lines.order_id', 'orders.id')
    .groupBy('orders.id')
    .select((eb) => {
      const sum = eb.fn.coalesce(eb.fn.sum<number>('order_lines.total'), eb.lit(0))
      return ['orders.id', ...rightIf(eb('orders.total', '=', sum))]
    })
    .as('compared')
}

function orderLines(db: Database) {
  return db
    .selectFrom('orders')
    .select(({ exists, selectFrom }) => [
      'orders.id',
      ...rightIf(exists(selectFrom('order_lines').select('order_id').whereRef('order_id', '=', 'orders.id'))),
    ])
    .as('compared')
}

/** In whole numbers: scaled price x quantity is less than half a minor unit off, or half of one below. */
function lineTotals(db: Database, currencies: readonly Currency[]) {
  const minor = minorUnit(currencies)
  const exact = sql<number>`2 * order_lines.unit_price * order_lines.quantity`
  const least = sql<number>`(2 * order_lines.total - 1) * ${minor}`
  const beyond = sql<number>`(2 * order_lines.total + 1) * ${minor}`
  return db
    .selectFrom('order_lines')
    .innerJoin('orders', 'orders.id', 'order_lines.order_id')
    .select((eb) => ['orders.id', ...rightIf(eb.and([eb(exact, '>=', least), eb(exact, '<', beyond)]))])
    .as('compared')
}

/** What a minor unit of the order's currency is on the scale of prices: 100 for a cent, 10,000 for a yen. */
function minorUnit(currencies: readonly Currency[]) {
  if (currencies.length === 0) return sql.lit(1)
  const each = currencies.map((currency) => {
    const minor = 10 ** (PRICE_DECIMALS - currencyDecimals(currency))
    return sql`when ${sql.lit(currency)} then ${sql.lit(minor)}`
  })
  return sql`case orders.currency ${sql.join(each, sql` `)} end`
}

/** A sold order's total is captured once, or never if it is zero. An order at the gateway has an open intent. */
function payments(db: Database) {
  const charges = db
    .selectFrom('orders')
    .leftJoin('payments', 'payments.order_id', 'orders.id')
    .groupBy('orders.id')
    .select(({ eb, fn, ref }) => {
      const captured = eb('payments.status', '=', 'captured')
      const ofThisTotal = eb('payments.amount', '=', ref('orders.total'))
        .and('payments.currency', '=', ref('orders.currency'))
        .and(captured)
      const open = eb('payments.status', 'in', ['pending', 'unknown']).and(
        'payments.attempt',
        '=',
        ref('orders.attempt'),
      )
      return [
        'orders.id',
        'orders.status',
        'orders.total',
        fn.sum<number>(oneIf(captured)).as('captured'),
        fn.sum<number>(oneIf(ofThisTotal)).as('correct'),
        fn.sum<number>(oneIf(open)).as('open'),
      ]
    })
  return db
    .selectFrom(charges.as('charge'))
    .select(({ eb, ref }) => {
      const toCharge = eb('total', '>', 0).or('captured', '>', 0)
      const expected = oneIf(eb('status', '=', 'completed').and(toCharge))
      const right = eb('captured', '=', expected)
        .and('correct', '=', ref('captured'))
        .and(eb('status', '<>', 'payment_processing').or('open', '=', 1))
      return ['id', expected.as('expected'), 'captured as actual', differsUnless(right)]
    })
    .as('compared')
}

/** Pending orders may be held back or taken from the queue; one in process is in it, or waits for a person. */
function leases(db: Database) {
  return db
    .selectFrom('orders')
    .leftJoin('due_orders', 'due_orders.order_id', 'orders.id')
    .where('orders.status', '<>', 'pending')
    .select((eb) => {
      const queued = eb('due_orders.order_id', 'is not', null)
      const missing = eb('due_orders.order_id', 'is', null)
      const right = eb.or([eb.and([mayBeDue(eb), queued]), eb.and([eb.not(mayBeDue(eb)), missing])])
      return ['orders.id', ...rightIf(right)]
    })
    .as('compared')
}

function imports(db: Database) {
  const accounted = sql<number>`imported + duplicates + conflicts + rejected`
  return db
    .selectFrom('imports')
    .where('status', '=', 'finished')
    .select((eb) => ['id', 'rows as expected', accounted.as('actual'), differsUnless(eb('rows', '=', accounted))])
    .as('compared')
}
