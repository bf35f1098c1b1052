// Each promise that is broken on purpose is found by its own check, and by no other.

import { CompiledQuery } from 'kysely'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { auditDatabase } from '../../src/audit/audit.js'
import { repair } from '../../src/audit/rebuild.js'
import { Shop } from '../support/shop.js'

let shop: Shop
beforeEach(async () => {
  shop = await Shop.open()
  await everyStatus()
})
afterEach(() => shop.close())

/**
 * Sold: 1001 (2 WIDGET at 10.00 and 1 GADGET at 5.00, in USD), 1002 (WIDGET twice on its lines, 1 + 3, in EUR) and
 * 1003, which is free. In progress: 1004 with 7 WIDGET reserved, 1005 with 1 GADGET at the gateway. Not sold: 1006,
 * 1007. Pending: 1008.
 */
async function everyStatus() {
  const widget = (quantity: number) => ['WIDGET', quantity, 1000] as const
  shop.order('1001', { status: 'completed', customer: 'A', lines: [widget(2), ['GADGET', 1, 500]] })
  shop.order('1002', { status: 'completed', customer: 'A', currency: 'EUR', lines: [widget(1), widget(3)] })
  shop.order('1003', { status: 'completed', customer: 'B', lines: [['GIFT', 1, 0]] })
  shop.order('1004', { status: 'reserved', lines: [widget(7)] })
  shop.order('1005', { status: 'payment_processing', lines: [['GADGET', 1, 500]] })
  shop.order('1006', { status: 'failed' })
  shop.order('1007', { status: 'rolled_back' })
  shop.order('1008')
  shop.refund('1001', 2000)
  shop.refund('1001', 9999, { status: 'declined' })
}

const id = (reference: string) => `(select id from orders where reference = '${reference}')`
const product = (sku: string) => `(select id from products where sku = '${sku}')`
const total = (reference: string, to: string) => `update orders set total = ${to} where reference = '${reference}'`
const stock = (sku: string, change: string) => `update products set ${change} where sku = '${sku}'`
const sales = (by: string, change: string) => `update sales_by_${by} set ${change} where currency = 'EUR'`
const payment = (reference: string, change: string) => `update payments set ${change} where order_id = ${id(reference)}`
const remove = (from: string, reference: string) => `delete from ${from} where order_id = ${id(reference)}`

async function run(statements: string) {
  const unguarded = `pragma foreign_keys = off; ${statements}`
  for (const statement of unguarded.split(';')) await shop.db.executeQuery(CompiledQuery.raw(statement))
}

async function failures() {
  const { checks, differences } = await auditDatabase(shop.db, 'UTC')
  const failed = checks.filter(({ ok }) => !ok)
  expect(differences).toBe(failed.reduce((sum, check) => sum + check.differences, 0))
  return failed.map(({ name, differences, examples }) => [name, differences, ...examples])
}

test('skipped lines are counted as read', async () => {
  await run('update imports set rows = 5, skipped = 2')
  expect(await failures()).toEqual([])
})

test('a sound database keeps every promise', async () => {
  const { checks, differences } = await auditDatabase(shop.db, 'UTC')
  expect(differences).toBe(0)
  expect(Object.fromEntries(checks.map((check) => [check.name, [check.ok, check.expected, check.actual]]))).toEqual({
    time_zone: [true, 'UTC', 'UTC'],
    // Eight orders with ten lines, seven reservations, five payments and two refunds; three are in the queue.
    references: [true, 35, 35],
    order_totals: [true, 8, 8],
    order_lines: [true, 8, 8],
    line_totals: [true, 10, 10],
    // 1001 and 1002; the free 1003 is captured as well, which may be.
    payments: [true, 3, 3],
    // 1001, refunded in part.
    refunds: [true, 1, 1],
    // Five settled, two in progress.
    leases: [true, 7, 7],
    imports: [true, 3, 3],
    // WIDGET 1,000 - 6, GADGET 1,000 - 1, GIFT 1,000 - 1.
    stock_on_hand: [true, 2992, 2992],
    // 7 WIDGET and 1 GADGET.
    stock_reserved: [true, 8, 8],
    // 2 + 1, 1 + 3 and 1 sold, 7 and 1 in progress.
    reservations: [true, 16, 16],
    archives: [true, 0, 0],
    customer_sales: [true, 3, 3],
    product_sales: [true, 8, 8],
    order_counts: [true, 8, 8],
    customer_orders: [true, 8, 8],
  })
})

test('an empty database keeps every promise', async () => {
  const empty = await Shop.open()
  expect((await auditDatabase(empty.db, 'UTC')).differences).toBe(0)
  await empty.close()
})

/** A check that fails, with the number of differences and examples. */
type Failure = readonly [check: string, differences: number, ...examples: string[]]

/** What is broken, by which statements, and the checks that fail. */
type Breaches = Record<string, readonly [statements: string, ...found: Failure[]]>

/** A repair corrects these. */
const REPAIRED: Breaches = {
  'the total of a waiting order': [total('1008', '999'), ['order_totals', 1, '1008']],
  'the total of a sold order, on which payment and sales depend': [
    total('1001', 'total + 1'),
    ['order_totals', 1, '1001'],
    ['payments', 1, '1001'],
    ['customer_sales', 1, 'A'],
    ['order_counts', 2],
  ],
  'units never adjusted or sold': [stock('WIDGET', 'on_hand = on_hand - 1'), ['stock_on_hand', 1, 'WIDGET']],
  'units reserved for no order': [stock('GIFT', 'reserved = reserved + 1'), ['stock_reserved', 1, 'GIFT']],
  'two errors that cancel each other out in the sums': [
    `${stock('GIFT', 'on_hand = on_hand - 1')}; ${stock('GADGET', 'on_hand = on_hand + 1')}`,
    ['stock_on_hand', 2, 'GADGET', 'GIFT'],
  ],
  'one more pending order than there are': [
    "update order_counts set orders = orders + 1 where status = 'pending'",
    ['order_counts', 1],
  ],
  'orders that are counted in another period': [
    "update order_counts set period = period + 900000 where period > 0 and status = 'failed'",
    ['order_counts', 2],
  ],
  'an amount that was sold in a period': [
    "update order_counts set amount = amount + 1 where period > 0 and status = 'completed' and currency = 'USD'",
    ['order_counts', 1],
  ],
  'a state that is not counted': ["delete from order_counts where status = 'rolled_back'", ['order_counts', 2]],
  'sales of a customer that are not counted': [
    `delete from sales_by_customer where customer_id = (select id from customers where customer_id = 'B')`,
    ['customer_sales', 1, 'B'],
  ],
  'sales of no order, although they sum up to nothing': [
    `insert into sales_by_customer select '2025-01-01', 'USD', customer_id, 0, 0 from orders limit 1`,
    ['customer_sales', 1, 'A'],
  ],
  'an order that is not listed by customer': [remove('customer_orders', '1008'), ['customer_orders', 1]],
  'an order that is listed under another customer': [
    `update customer_orders set customer_id = (select max(id) from customers) where order_id = ${id('1001')}`,
    ['customer_orders', 1],
  ],
  'revenue of a customer': [sales('customer', 'revenue = revenue + 1'), ['customer_sales', 1, 'A']],
  'orders that sold a product': [sales('product', 'orders = 2'), ['product_sales', 1, 'WIDGET']],
  'a sale on another day': [sales('product', `day = '2025-01-16'`), ['product_sales', 2, 'WIDGET']],
  'units sold of a product, on two rows': [
    `update sales_by_product set units = units + 1 where product_id = ${product('WIDGET')}`,
    ['product_sales', 2, 'WIDGET'],
  ],
}

/** A repair leaves these to a person. */
const LEFT: Breaches = {
  'an order without its customer': ["delete from customers where customer_id = 'B'", ['references', 1, '1003']],
  'an order of no import': ["update orders set import_id = 99 where reference = '1008'", ['references', 1, '1008']],
  'a line and a reservation of no product': ["delete from products where sku = 'GIFT'", ['references', 2, '1003']],
  'a line, a reservation and a payment of no order': [
    `insert into order_lines select 997, line_number, product_id, 1, 100, 1 from order_lines limit 1;
     insert into stock_reservations select 998, 1, product_id, 1, 0 from stock_reservations limit 1;
     insert into payments (order_id, attempt, idempotency_key, amount, currency, status, created_at)
       values (999, 1, 'x', 1, 'USD', 'pending', 0)`,
    ['references', 3, '#997', '#998', '#999'],
  ],
  'an order without lines': [remove('order_lines', '1008'), ['order_totals', 1, '1008'], ['order_lines', 1, '1008']],
  'a line total that is not price times quantity': [
    `update order_lines set total = 1001 where order_id = ${id('1008')}; ${total('1008', '1001')}`,
    ['line_totals', 1, '1008'],
  ],
  'more refunded than paid, with an unknown outcome': [
    `update refunds set amount = 501, status = 'unknown' where status = 'declined'`,
    ['refunds', 1, '1001'],
  ],
  'a refund in another currency': [`update refunds set currency = 'EUR'`, ['refunds', 1, '1001']],
  'a refund to another customer': [
    `update refunds set customer_id = (select id from customers where customer_id = 'B') where status = 'refunded'`,
    ['references', 1, '1001'],
  ],
  'a sold order without its payment': [
    payment('1001', `status = 'declined'`),
    ['payments', 1, '1001'],
    ['refunds', 1, '1001'],
  ],
  'a payment in another currency': [
    payment('1001', `currency = 'EUR'`),
    ['payments', 1, '1001'],
    ['refunds', 1, '1001'],
  ],
  'money kept for an order that was rolled back': [payment('1007', `status = 'captured'`), ['payments', 1, '1007']],
  'an open intent of an order that was rolled back': [payment('1007', `status = 'pending'`), ['payments', 1, '1007']],
  'a second captured payment': [
    `drop index payments_captured_once;
     insert into payments select order_id, 2, 'default:1001:2', amount, currency, status, 0, 0, null, null, 0, 0
       from payments where order_id = ${id('1001')}`,
    ['payments', 1, '1001'],
  ],
  'an order at the gateway without an intent': [remove('payments', '1005'), ['payments', 1, '1005']],
  'a settled order that a worker holds': [
    `insert into due_orders (order_id, due_at, lease_token) select id, 1, 'x' from orders where reference = '1006'`,
    ['leases', 1, '1006'],
  ],
  'an order in progress that no worker will find': [remove('due_orders', '1005'), ['leases', 1, '1005']],
  'an import that lost a line': [
    'pragma ignore_check_constraints = on; update imports set rows = 4',
    ['imports', 1, '/data/sample.csv'],
  ],
  'too few units held': [
    `update stock_reservations set quantity = 6 where order_id = ${id('1004')}; ${stock('WIDGET', 'reserved = 6')}`,
    ['reservations', 1, '1004'],
  ],
  'stock that cannot be: 6 WIDGET are sold, but only 5 ever came in': [
    `update stock_adjustments set delta = 5 where product_id = ${product('WIDGET')}`,
    ['stock_on_hand', 1, 'WIDGET'],
  ],
}

test.each(Object.keys({ ...REPAIRED, ...LEFT }))('finds %s', async (what) => {
  const [statements = '', ...found] = REPAIRED[what] ?? LEFT[what] ?? []
  await run(statements)
  expect(await failures()).toEqual(found)
  await repair(shop.db, 'UTC')
  expect(await failures()).toEqual(what in LEFT ? found : [])
})

test('finds units held for an attempt that is over, and a repair corrects what follows from them', async () => {
  await run(`update stock_reservations set attempt = 2 where order_id = ${id('1004')}`)
  const found: Failure = ['reservations', 2, '1004']
  expect(await failures()).toEqual([['stock_reserved', 1, 'WIDGET'], found])
  await repair(shop.db, 'UTC')
  expect(await failures()).toEqual([found])
})

test('names five examples at most', async () => {
  await run('update orders set total = total + 1')
  expect(await failures()).toContainEqual(['order_totals', 8, '1001', '1002', '1003', '1004', '1005'])
})

test('finds days of another time zone', async () => {
  await run("insert into settings (name, value) values ('time_zone', 'Europe/Berlin')")
  expect(await failures()).toEqual([['time_zone', 1]])
})

test('rounds prices finer than their currency half up, in currencies of zero and three decimals too', async () => {
  for (const [reference, currency, quantity, price, total] of [
    // 3 x 0.0050 USD = 0.015, half a cent: 2 cents.
    ['half', 'USD', 3, 50, 2],
    // 1 x 12.5000 JPY: 13; 1 x 12.4999: 12.
    ['yen', 'JPY', 1, 125_000, 13],
    ['less', 'JPY', 1, 124_999, 12],
    // 3 x 0.0015 BHD = 0.0045: 5 thousandths, and not 4.
    ['fils', 'BHD', 3, 15, 5],
    ['wrong', 'BHD', 3, 15, 4],
  ] as const) {
    const order = shop.order(reference, { currency, lines: [['SCREW', quantity, 1]] })
    await run(`update order_lines set unit_price = ${price}, total = ${total} where order_id = ${order};
      update orders set total = ${total} where id = ${order}`)
  }
  expect(await failures()).toEqual([['line_totals', 1, 'wrong']])
})
