// Each promise that is broken on purpose is found by the check that is about it, and told apart from the others.
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
 * 1003, which is free. In process: 1004 with 7 WIDGET reserved, 1005 with 1 GADGET at the gateway. Not sold: 1006, 1007.
 * Left: 1008.
 */
async function everyStatus() {
  const widget = (quantity: number) => ['WIDGET', quantity, 1000] as const
  await shop.order('1001', { status: 'completed', customer: 'A', lines: [widget(2), ['GADGET', 1, 500]] })
  await shop.order('1002', { status: 'completed', customer: 'A', currency: 'EUR', lines: [widget(1), widget(3)] })
  await shop.order('1003', { status: 'completed', customer: 'B', lines: [['GIFT', 1, 0]] })
  await shop.order('1004', { status: 'reserved', lines: [widget(7)] })
  await shop.order('1005', { status: 'payment_processing', lines: [['GADGET', 1, 500]] })
  await shop.order('1006', { status: 'failed' })
  await shop.order('1007', { status: 'rolled_back' })
  await shop.order('1008')
}

const id = (reference: string) => `(select id from orders where reference = '${reference}')`
const product = (sku: string) => `(select id from products where sku = '${sku}')`

async function run(...statements: string[]) {
  for (const statement of statements) await shop.db.executeQuery(CompiledQuery.raw(statement))
}

/** Name, differences and examples of the checks that fail. */
async function failures() {
  const { checks, differences } = await auditDatabase(shop.db, 'UTC')
  const failed = checks.filter(({ ok }) => !ok)
  expect(differences).toBe(failed.reduce((sum, check) => sum + check.differences, 0))
  return failed.map(({ name, differences, examples }) => [name, differences, ...examples])
}

test('a sound database keeps every promise', async () => {
  const { checks, differences } = await auditDatabase(shop.db, 'UTC')
  expect(differences).toBe(0)
  expect(Object.fromEntries(checks.map((check) => [check.name, [check.ok, check.expected, check.actual]]))).toEqual({
    time_zone: [true, 'UTC', 'UTC'],
    // Eight orders with ten lines, seven reservations and five payments; three are in the queue.
    references: [true, 33, 33],
    order_totals: [true, 8, 8],
    order_lines: [true, 8, 8],
    line_totals: [true, 10, 10],
    // 1001 and 1002; the free 1003 is captured as well, which may be.
    payments: [true, 3, 3],
    // Five settled, two in process.
    leases: [true, 7, 7],
    imports: [true, 3, 3],
    // WIDGET 1,000 - 6, GADGET 1,000 - 1, GIFT 1,000 - 1.
    stock_on_hand: [true, 2992, 2992],
    // 7 WIDGET and 1 GADGET.
    stock_reserved: [true, 8, 8],
    // 2 + 1, 1 + 3 and 1 sold, 7 and 1 in process.
    reservations: [true, 16, 16],
    customer_sales: [true, 3, 3],
    product_sales: [true, 8, 8],
  })
})

test('an empty database keeps every promise', async () => {
  const empty = await Shop.open()
  expect((await auditDatabase(empty.db, 'UTC')).differences).toBe(0)
  await empty.close()
})

/** What is broken, the checks that fail, and those of them that a repair does not mend. */
const BREACHES: readonly {
  readonly what: string
  readonly statements: readonly string[]
  readonly found: readonly (readonly (string | number)[])[]
  readonly left?: readonly (readonly (string | number)[])[]
}[] = [
  {
    what: 'an order without its customer',
    statements: ['pragma foreign_keys = off', `delete from customers where customer_id = 'B'`],
    found: [['references', 1, '1003']],
    left: [['references', 1, '1003']],
  },
  {
    what: 'an order without its import',
    statements: ['pragma foreign_keys = off', `update orders set import_id = 99 where reference = '1008'`],
    found: [['references', 1, '1008']],
    left: [['references', 1, '1008']],
  },
  {
    what: 'a line and a reservation of a product that is not there',
    statements: ['pragma foreign_keys = off', `delete from products where sku = 'GIFT'`],
    found: [['references', 2, '1003']],
    left: [['references', 2, '1003']],
  },
  {
    what: 'a line, a reservation and a payment of orders that are not there',
    statements: [
      'pragma foreign_keys = off',
      `insert into order_lines select 997, line_number, product_id, 1, 100, 1 from order_lines limit 1`,
      `insert into stock_reservations select 998, 1, product_id, 1, 0 from stock_reservations limit 1`,
      `insert into payments (order_id, attempt, idempotency_key, amount, currency, status, created_at)
         values (999, 1, 'x', 1, 'USD', 'pending', 0)`,
    ],
    found: [['references', 3, '#997', '#998', '#999']],
    left: [['references', 3, '#997', '#998', '#999']],
  },
  {
    what: 'the total of a waiting order',
    statements: [`update orders set total = 999 where reference = '1008'`],
    found: [['order_totals', 1, '1008']],
  },
  {
    what: 'the total of a sold order, of which payment and sales tell',
    statements: [`update orders set total = total + 1 where reference = '1001'`],
    found: [
      ['order_totals', 1, '1001'],
      ['payments', 1, '1001'],
      ['customer_sales', 1, 'A'],
    ],
  },
  {
    what: 'an order without lines',
    statements: [`delete from order_lines where order_id = ${id('1008')}`],
    found: [
      ['order_totals', 1, '1008'],
      ['order_lines', 1, '1008'],
    ],
    left: [
      ['order_totals', 1, '1008'],
      ['order_lines', 1, '1008'],
    ],
  },
  {
    what: 'a line total that is not price times quantity',
    statements: [
      `update order_lines set total = 1001 where order_id = ${id('1008')}`,
      `update orders set total = 1001 where reference = '1008'`,
    ],
    found: [['line_totals', 1, '1008']],
    left: [['line_totals', 1, '1008']],
  },
  {
    what: 'a sold order without its payment',
    statements: [`update payments set status = 'declined' where order_id = ${id('1001')}`],
    found: [['payments', 1, '1001']],
    left: [['payments', 1, '1001']],
  },
  {
    what: 'a payment of another currency',
    statements: [`update payments set currency = 'EUR' where order_id = ${id('1001')}`],
    found: [['payments', 1, '1001']],
    left: [['payments', 1, '1001']],
  },
  {
    what: 'money that was kept for an order that was rolled back',
    statements: [`update payments set status = 'captured' where order_id = ${id('1007')}`],
    found: [['payments', 1, '1007']],
    left: [['payments', 1, '1007']],
  },
  {
    what: 'a second captured payment',
    statements: [
      'drop index payments_captured_once',
      `insert into payments select order_id, 2, 'default:1001:2', amount, currency, status, 0, null, null, 0, 0
         from payments where order_id = ${id('1001')}`,
    ],
    found: [['payments', 1, '1001']],
    left: [['payments', 1, '1001']],
  },
  {
    what: 'an order at the gateway without an intent',
    statements: [`delete from payments where order_id = ${id('1005')}`],
    found: [['payments', 1, '1005']],
    left: [['payments', 1, '1005']],
  },
  {
    what: 'a settled order in the hand of a worker',
    statements: [
      `insert into due_orders (order_id, due_at, lease_token) select id, 1, 'somebody' from orders where reference = '1006'`,
    ],
    found: [['leases', 1, '1006']],
    left: [['leases', 1, '1006']],
  },
  {
    what: 'an order in process that no worker will find',
    statements: [`delete from due_orders where order_id = ${id('1005')}`],
    found: [['leases', 1, '1005']],
    left: [['leases', 1, '1005']],
  },
  {
    what: 'an import that lost a line',
    statements: ['pragma ignore_check_constraints = on', 'update imports set rows = 4'],
    found: [['imports', 1, '/orders.csv']],
    left: [['imports', 1, '/orders.csv']],
  },
  {
    what: 'units that nobody adjusted or sold',
    statements: [`update products set on_hand = on_hand - 1 where sku = 'WIDGET'`],
    found: [['stock_on_hand', 1, 'WIDGET']],
  },
  {
    what: 'units reserved for nobody',
    statements: [`update products set reserved = reserved + 1 where sku = 'GIFT'`],
    found: [['stock_reserved', 1, 'GIFT']],
  },
  {
    what: 'two errors that cancel each other out in the sums',
    statements: [
      `update products set on_hand = on_hand - 1 where sku = 'GIFT'`,
      `update products set on_hand = on_hand + 1 where sku = 'GADGET'`,
    ],
    found: [['stock_on_hand', 2, 'GADGET', 'GIFT']],
  },
  {
    what: 'units held for an attempt that is over',
    statements: [`update stock_reservations set attempt = 2 where order_id = ${id('1004')}`],
    found: [
      ['stock_reserved', 1, 'WIDGET'],
      ['reservations', 2, '1004'],
    ],
    left: [['reservations', 2, '1004']],
  },
  {
    what: 'too few units held',
    statements: [
      `update stock_reservations set quantity = 6 where order_id = ${id('1004')}`,
      `update products set reserved = 6 where sku = 'WIDGET'`,
    ],
    found: [['reservations', 1, '1004']],
    left: [['reservations', 1, '1004']],
  },
  {
    what: 'sales of a customer that are not counted',
    statements: [
      `delete from sales_by_customer where customer_id = (select id from customers where customer_id = 'B')`,
    ],
    found: [['customer_sales', 1, 'B']],
  },
  {
    what: 'sales of nobody, also where they sum up to nothing',
    statements: [`insert into sales_by_customer select '2025-01-01', 'USD', customer_id, 0, 0 from orders limit 1`],
    found: [['customer_sales', 1, 'A']],
  },
  {
    what: 'revenue of a customer',
    statements: [`update sales_by_customer set revenue = revenue + 1 where currency = 'EUR'`],
    found: [['customer_sales', 1, 'A']],
  },
  {
    what: 'units sold of a product, on two rows',
    statements: [`update sales_by_product set units = units + 1 where product_id = ${product('WIDGET')}`],
    found: [['product_sales', 2, 'WIDGET']],
  },
  {
    what: 'orders that sold a product',
    statements: [`update sales_by_product set orders = 2 where currency = 'EUR'`],
    found: [['product_sales', 1, 'WIDGET']],
  },
  {
    what: 'a sale on another day',
    statements: [`update sales_by_product set day = '2025-01-16' where currency = 'EUR'`],
    found: [['product_sales', 2, 'WIDGET']],
  },
]

test.each(BREACHES)('found: $what', async ({ statements, found, left = [] }) => {
  await run(...statements)
  expect(await failures()).toEqual(found)
  await repair(shop.db, 'UTC')
  expect(await failures()).toEqual(left)
})

test('stock that cannot be is left for a person to look at', async () => {
  // 6 WIDGET are sold, but only 5 ever came in.
  await run(`update stock_adjustments set delta = 5 where product_id = ${product('WIDGET')}`)
  expect(await failures()).toEqual([['stock_on_hand', 1, 'WIDGET']])
  await repair(shop.db, 'UTC')
  expect(await failures()).toEqual([['stock_on_hand', 1, 'WIDGET']])
})

test('no more than five examples are named', async () => {
  await run('update orders set total = total + 1')
  const { checks } = await auditDatabase(shop.db, 'UTC')
  expect(checks.find(({ name }) => name === 'order_totals')).toMatchObject({
    differences: 8,
    examples: ['1001', '1002', '1003', '1004', '1005'],
  })
})

test('days of another time zone are a difference, not a failure', async () => {
  await run(`insert into settings (name, value) values ('time_zone', 'Europe/Berlin')`)
  expect(await failures()).toEqual([['time_zone', 1]])
})

test('prices finer than their currency round half up once, in currencies of no and of three decimals too', async () => {
  const line = async (reference: string, currency: string, quantity: number, scaled: number, total: number) => {
    const order = await shop.order(reference, { currency, lines: [['SCREW', quantity, 1]] })
    await run(
      `update order_lines set unit_price = ${scaled}, total = ${total} where order_id = ${order}`,
      `update orders set total = ${total} where id = ${order}`,
    )
  }
  // 3 x 0.0050 USD = 0.015, half a cent: 2 cents.
  await line('half', 'USD', 3, 50, 2)
  // 1 x 12.5000 JPY: 13; 1 x 12.4999: 12.
  await line('yen', 'JPY', 1, 125_000, 13)
  await line('less', 'JPY', 1, 124_999, 12)
  // 3 x 0.0015 BHD = 0.0045: 5 thousandths.
  await line('fils', 'BHD', 3, 15, 5)
  // The same, rounded down.
  await line('wrong', 'BHD', 3, 15, 4)
  expect(await failures()).toEqual([['line_totals', 1, 'wrong']])
})
