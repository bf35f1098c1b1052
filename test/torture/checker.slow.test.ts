// The checker of torture runs accepts a sound shop, and finds each fault that is made on purpose.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import SqliteDatabase from 'better-sqlite3'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Provider } from '../support/provider.js'
import { Receiver } from '../support/receiver.js'
import { check, type Evidence } from './checker/check.js'
import { TortureShop } from './crew.js'
import { catalogue, MAPPING, orderFiles } from './order-files.js'
import { readReports } from './reports.js'

const ORDERS = 40

let database: SqliteDatabase.Database
let evidence: Evidence
const opened: { close(): unknown }[] = []
afterAll(async () => {
  for (const thing of opened) await thing.close()
})

beforeAll(async () => {
  const provider = await Provider.start('--decline', '0.2')
  const receiver = await Receiver.open()
  // The shop's folder is only known once it exists.
  const environment: Record<string, string> = { ...provider.environment, ...receiver.environment }
  const shop = new TortureShop(environment)
  opened.push(shop, provider, receiver)
  const path = join(shop.folder, 'orders.sqlite')
  environment['ORDERCTL_DATABASE_URL'] = `sqlite:${path}`
  const files = orderFiles(ORDERS, 1)
  const mapping = shop.file('mapping.json', MAPPING)
  const products = catalogue(1000)
  await shop.migrate()
  await shop.run('products', 'import', shop.file('products.csv', products))
  for (const { name, source, text } of files)
    await shop.run('import', shop.file(name, text), '--source', source, '--map', mapping)
  expect(await shop.run('work', '--drain')).toMatchObject({ code: 0 })
  database = new SqliteDatabase(path)
  opened.unshift(database)
  const paid = database.prepare("select reference, source from orders where status = 'completed' and total > 0").get()
  const { reference, source } = paid as { reference: string; source: string }
  await shop.run('orders', 'refund', reference, '--source', source, '--restock')
  await shop.run('products', 'adjust', 'S-05', '7', '--reason', 'adjustment 1')
  await shop.run('work', '--drain')
  evidence = {
    databaseUrl: `sqlite:${path}`,
    files,
    catalogue: products,
    ledger: provider.entries,
    received: receiver.received.map(({ id }) => id),
    answers: [{ args: ['products', 'adjust', 'S-05', '7', '--reason', 'adjustment 1'], code: 0, result: {} }],
    reports: await readReports(async (...args) => (await shop.json(...args)).result),
  }
})

test('a sound shop keeps every promise', async () => {
  expect(await check(evidence)).toEqual([])
  expect(evidence.ledger.some(({ status }) => status === 'declined')).toBe(true)
})

const ONE = (where: string) => `(select min(id) from orders where ${where})`
const SOLD = ONE("status = 'completed' and total > 0")

/** A change of the database, and what the checker says. */
const FAULTS: Record<string, readonly [string, RegExp]> = {
  'a lost order': [`update orders set reference = 'gone' where id = ${SOLD}`, /is lost/],
  'an order that is not settled': [
    `update orders set status = 'pending', settled_at = null where id = ${SOLD}`,
    /still/,
  ],
  'other lines than in the file': [`update order_lines set quantity = 9 where order_id = ${SOLD}`, /is in no file/],
  'a miscounted import': [
    'update imports set duplicates = duplicates + 1, imported = imported - 1',
    /import 1 .*imported/,
  ],
  'a payment that the provider does not know': [
    `update payments set gateway_reference = 'ch_0' where order_id = ${SOLD}`,
    /the provider has/,
  ],
  'a refund that was not made': ["update refunds set amount = amount - 1, status = 'refunded'", /refund \(provider/],
  'a refund that is open': ["update refunds set status = 'unknown'", /is still unknown/],
  'stock that was not sold': ["update products set on_hand = on_hand + 1 where sku = 'S-09'", /S-09 has .* on hand/],
  'stock that stays reserved': ["update products set reserved = 1 where sku = 'S-09'", /S-09 has 1 units reserved/],
  'an adjustment booked twice': [
    `insert into stock_adjustments (product_id, delta, reason, adjusted_at)
     select product_id, delta, reason, adjusted_at from stock_adjustments where reason = 'adjustment 1'`,
    /booked 2 times/,
  ],
  'an adjustment without a cause': [
    `insert into stock_adjustments (product_id, delta, reason, adjusted_at) select 1, 5, 'magic', 0`,
    /magic: expected none, found 5/,
  ],
  'sales that are not booked': [
    `delete from sales_by_customer where customer_id = (select customer_id from orders where id = ${SOLD})`,
    /orders by customer/,
  ],
  'units booked twice': ['update sales_by_product set units = 2 * units', /units by product/],
  'an event that is lost': [`delete from events where order_id = ${SOLD}`, /attempts 1 ended in $/],
  'an attempt that ended twice': [
    `insert into events select order_id, destination, number + 10, token, kind, attempt, reason, message, occurred_at,
       amount, reference, state, next_at, lease_token, deliveries, error from events where order_id = ${SOLD}`,
    /ended in completed \(1\),/,
  ],
  'an event that is not delivered': [`update events set state = 'waiting' where order_id = ${SOLD}`, /is waiting/],
}

test.each(Object.keys(FAULTS))('finds %s', async (fault) => {
  const [statement = '', found] = FAULTS[fault] ?? []
  const path = `${database.name}-${fault}`
  writeFileSync(path, database.serialize())
  const copy = new SqliteDatabase(path)
  copy.pragma('synchronous = off')
  copy.pragma('foreign_keys = off')
  copy.pragma('ignore_check_constraints = on')
  copy.exec(statement)
  copy.close()
  const violations = await check({ ...evidence, databaseUrl: `sqlite:${path}` })
  expect(violations.join('\n')).toMatch(new RegExp(found ?? '', 'm'))
})

test('finds a charge that was made twice, and one that nobody asked for', async () => {
  const charge = evidence.ledger.find(({ status }) => status === 'captured')
  if (!charge) throw new Error('nothing was captured')
  const twice = [...evidence.ledger, { ...charge, key: `${charge.key}0`, reference: 'ch_1' }]
  const violations = (await check({ ...evidence, ledger: twice })).join('\n')
  expect(violations).toMatch(/was captured 2 times/)
  expect(violations).toMatch(/which no payment has/)
})

test('finds an event that never arrived, and events in another order', async () => {
  expect((await check({ ...evidence, received: evidence.received.slice(1) })).join()).toMatch(/never arrived/)
  expect((await check({ ...evidence, received: evidence.received.toReversed() })).join()).toMatch(/before an earlier/)
})

test('finds a refund and a cancellation that were only told', async () => {
  const [sold] = evidence.ledger
  const told = { order_id: `${sold?.order}`, source: `${sold?.source}`, gateway_reference: 're_0' }
  const answer = (result: string) => ({ args: ['orders'], code: 0, result: { orders: [{ ...told, result }] } })
  const violations = await check({ ...evidence, answers: [answer('refunded'), answer('cancelled')] })
  expect(violations.join('\n')).toMatch(/no refund re_0/)
  expect(violations.join('\n')).toMatch(/was cancelled, and is/)
})

test('finds wrong KPIs and ranks', async () => {
  const { kpis, customers, products } = evidence.reports
  const altered = (document: unknown) => JSON.parse(JSON.stringify(document).replace(/("order_count":)(\d)/, '$15$2'))
  const wrong = (board: ReadonlyMap<string, unknown>) =>
    new Map([...board].map(([currency, document]) => [currency, altered(document)]))
  const reports = { kpis: altered(kpis), customers: wrong(customers), products: wrong(products) }
  const violations = (await check({ ...evidence, reports })).join('\n')
  for (const part of [/KPI of/, /rank of customers in/, /rank of products in/]) expect(violations).toMatch(part)
})
