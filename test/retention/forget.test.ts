// Forgetting a customer: nothing in the database has the id or the name, and nothing else changes.
import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, test as plainTest } from 'vitest'
import type { Database } from '../../src/database/connection.js'
import { namesOf, withoutNames } from '../../src/retention/person.js'
import { describeOnEngines } from '../support/engine-shop.js'
import { FiguresShop, SPENDING } from '../support/figures-shop.js'
import { csv, line } from '../support/lines.js'
import { importJson } from '../support/orders-file.js'
import { recount } from '../support/recount.js'
import { describeWith } from '../support/servers.js'
import { type Shop, test } from '../support/shop.js'

const JANE = { customer: 'jane.doe@example.com', name: 'Jane Doe' }
const STORED = [
  line({ order: '1', ...JANE, quantity: 2 }),
  line({ order: '2', customer: 'C-2', name: 'Ann' }),
  line({ order: '3', ...JANE, price: '5.00' }),
]
const KILL_AT = resolve(import.meta.dirname, '../support/preloaded/kill-at.js')

const CAPTURING = { ORDERCTL_PAYMENT_SUCCESS_RATE: '1' }
const NOTIFYING = { ...CAPTURING, ORDERCTL_NOTIFY_COMMAND: 'true' }

/** Every row of every table, as text. */
async function everything(db: Database): Promise<string> {
  const tables = await db.introspection.getTables()
  const rows = tables.map(({ name }) =>
    db
      .selectFrom(name as 'orders')
      .selectAll()
      .execute(),
  )
  return JSON.stringify(await Promise.all(rows))
}

const expectForgotten = async (db: Database) => expect(await everything(db)).not.toMatch(/jane|doe/i)

const forget = (shop: Pick<Shop, 'json'>, ...flags: string[]) =>
  shop.json('customers', 'forget', JANE.customer, '--yes', ...flags)

describeOnEngines('customers forget', (test) => {
  test('leaves no trace of the person, and every figure as it was', async ({ shop }) => {
    await shop.importing(csv(...STORED))
    // Order 3 was of another price, so that an earlier version of it is kept.
    await shop.importing(csv(line({ order: '3', ...JANE, price: '4.00' })), {}, '--update')
    await shop.runWith(NOTIFYING, 'work', '--drain')
    await shop.run('orders', 'refund', '1', '--amount', '4', '--reason', 'JANE DOE called')
    await shop.run('products', 'adjust', 'S-1', '-1', '--reason', 'sample for jane.doe@example.com')
    await shop.rows("update payments set message = 'card of Jane Doe, not of Jane Doering'")
    // As after a file whose lines inherit values from the line before.
    const inherited = '{"order":{"customer_name":"Jane Doe"},"skipped"'
    await shop.rows(`update imports set reader_state = replace(reader_state, '{"skipped"', '${inherited}')`)
    expect(await shop.value('select reader_state from imports')).toContain('Jane Doe')
    await shop.rows("update events set error = 'no mailbox for Jane.Doe@example.com' where number = 1")
    const ranks = async () => {
      const { result } = await shop.json('leaderboard', 'customers')
      const { customers } = result as { customers: { order_count: number; total_spent: number }[] }
      return customers.map(({ order_count, total_spent }) => [order_count, total_spent])
    }
    expect(await ranks()).toEqual([
      [2, 20],
      [1, 10],
    ])
    const { code, result } = await forget(shop, '--reason', 'a letter by Jane Doe')
    expect({ code, result }).toMatchObject({
      code: 0,
      result: { source: 'default', orders: 2, texts: expect.any(Number) },
    })
    expect(await ranks()).toEqual([
      [2, 20],
      [1, 10],
    ])
    await shop.rows("update payments set message = null where message like '%not of Jane Doering'")
    await expectForgotten(shop.db)
    await shop.expectAuditClean()
    const { placeholder } = result as { placeholder: string }
    expect((await shop.json('orders', 'show', '3')).result).toMatchObject({
      customer_id: placeholder,
      customer_name: 'Forgotten customer',
      changes: [{ before: { customer_id: placeholder, total: 5 } }],
    })
    expect((await shop.json('audit', 'log')).result).toMatchObject({
      actions: [
        {
          ...{ command: 'customers forget', subject: placeholder, details: '2 orders of default' },
          reason: `a letter by ${placeholder}`,
        },
        { command: 'products adjust', reason: `sample for ${placeholder}` },
        { command: 'orders refund', reason: `${placeholder} called` },
        {},
      ],
    })
    // The file again: its orders are known, and nobody is named for them. A new order makes a new customer.
    const stored = [STORED[0] ?? '', STORED[1] ?? '', line({ order: '3', ...JANE, price: '4.00' })]
    const again = shop.file('orders.csv', csv(...stored))
    for (const flags of [['--dry-run'], []]) {
      const { told } = await importJson(shop, again, ...flags)
      expect(told).toMatchObject({ rows: 3, duplicates: 3, conflicts: 0, imported: 0 })
    }
    await expectForgotten(shop.db)
    const { told } = await importJson(shop, shop.file('new.csv', csv(...stored, line({ order: '4', ...JANE }))))
    expect(told).toMatchObject({ duplicates: 3, imported: 1 })
    expect((await shop.json('orders', 'list', '--customer', JANE.customer)).result).toMatchObject({ total: 1 })
    await shop.expectAuditClean()
  })

  test('finds a name whose letters have another case, also beyond ASCII', async ({ shop }) => {
    await shop.importing(csv(line({ customer: 'KD-ÄNNE', name: 'Jörg Müßig' })))
    await shop.json('orders', 'cancel', 'A-1', '--reason', 'JÖRG MÜßIG called', '--yes')
    const { code, result } = await shop.json('customers', 'forget', 'KD-ÄNNE', '--yes')
    expect(code).toBe(0)
    const { placeholder } = result as { placeholder: string }
    const message = await shop.value("select message from orders where reference = 'A-1'")
    expect(message).toBe(`${placeholder} called`)
    expect(await everything(shop.db)).not.toMatch(/jörg|änne/i)
  })
})

describe.concurrent('customers forget', () => {
  test('leaves nothing in the bytes of the database file and its log', async ({ shop }) => {
    await shop.importing(
      csv(...STORED, ...Array.from({ length: 300 }, (_, order) => line({ order: `J-${order}`, ...JANE }))),
    )
    await shop.runWith(CAPTURING, 'work', '--drain')
    const bytes = () =>
      ['', '-wal']
        .map((suffix) => (existsSync(shop.path + suffix) ? readFileSync(shop.path + suffix, 'latin1') : ''))
        .join('')
    expect(bytes()).toContain('Jane Doe')
    expect((await forget(shop)).result).toMatchObject({ orders: 302, erased: true })
    expect(bytes()).not.toMatch(/jane|doe/i)
  })

  test('refuses while an order is open or an import has not ended, and an unknown customer', async ({ shop }) => {
    await shop.importing(csv(...STORED))
    const open = await forget(shop)
    expect(open).toMatchObject({ code: 1, result: { error: { code: 'customer_has_open_orders' } } })
    expect((open.result as { error: { message: string } }).error.message).toContain('1 and 1 more order')
    shop.sqlite.exec("update orders set reason = 'payment_unknown' where reference = '1'")
    expect(await forget(shop)).toMatchObject({ result: { error: { fix: expect.stringContaining('orders show 1') } } })
    shop.sqlite.exec('update orders set reason = null')
    await shop.runWith(CAPTURING, 'work', '--drain')
    shop.import({ status: 'reading', leaseUntil: Date.now() + 60_000 })
    expect(await forget(shop)).toMatchObject({ code: 1, result: { error: { code: 'import_running' } } })
    shop.sqlite.exec('update imports set lease_until = 0')
    expect(await forget(shop)).toMatchObject({ code: 1, result: { error: { code: 'import_unfinished' } } })
    shop.sqlite.exec("update imports set status = 'undoing' where status = 'reading'")
    expect(await forget(shop)).toMatchObject({
      result: { error: { fix: expect.stringMatching(/^Undo it \(orderctl import undo/) } },
    })
    shop.sqlite.exec("delete from imports where status = 'undoing'")
    const unasked = await shop.json('customers', 'forget', JANE.customer)
    expect(unasked).toMatchObject({ code: 2, result: { error: { code: 'confirmation_needed' } } })
    const dry = await forget(shop, '--dry-run')
    expect(dry).toMatchObject({ code: 0, result: { placeholder: null, files: [join(shop.folder, 'orders.csv')] } })
    expect(shop.value('select count(*) from customers where name = ?', JANE.name)).toBe(1)
    expect(await forget(shop)).toMatchObject({ code: 0 })
    expect(await forget(shop)).toMatchObject({ code: 1, result: { error: { code: 'unknown_customer' } } })
  })

  test('lists each file that may name the customer, also if no order of it was stored', async ({ shop }) => {
    const [ann, eve] = [
      line({ order: '1', customer: 'A', name: 'Ann' }),
      line({ order: '2', customer: 'E', name: 'Eve' }),
    ]
    await shop.run('import', shop.file('others.csv', csv(line({ order: '3', customer: 'C-3' }))))
    await shop.run('import', shop.file('undone.csv', csv(ann)))
    await shop.run('import', 'undo', '2', '--yes')
    await shop.run('import', shop.file('stored.csv', csv(ann, eve)))
    await shop.run('import', shop.file('duplicate.csv', csv(ann)))
    await shop.run('import', shop.file('rejected.csv', csv(line({ order: '4', customer: 'A', quantity: 'two' }))))
    await shop.run('import', shop.file('elsewhere.csv', csv(ann)), '--source', 'shop-b')
    await shop.runWith(CAPTURING, 'work', '--drain')
    const { result } = await shop.json('customers', 'forget', 'A', '--source', 'default', '--dry-run')
    const names = ['duplicate.csv', 'rejected.csv', 'rejected.rejects.csv', 'stored.csv', 'undone.csv']
    expect(result).toMatchObject({ files: names.map((name) => join(shop.folder, name)) })
  })

  test('concerns one source only', async ({ shop }) => {
    const sold = { status: 'completed', customer: 'J-1' } as const
    shop.order('1', sold)
    shop.order('2', { ...sold, source: 'shop-b' })
    const both = await shop.json('customers', 'forget', 'J-1', '--yes')
    expect(both).toMatchObject({ code: 2, result: { error: { code: 'ambiguous_customer' } } })
    expect(await shop.json('customers', 'forget', 'J-1', '--source', 'shop-b', '--yes')).toMatchObject({ code: 0 })
    expect(shop.rows('select source, customer_id from customers where name like ?', 'Name of%')).toEqual([
      { source: 'default', customer_id: 'J-1' },
    ])
  })

  test('keeps a conflict about anything else, which names nobody', async ({ shop }) => {
    await shop.importing(csv(...STORED))
    await shop.runWith(CAPTURING, 'work', '--drain')
    await forget(shop)
    shop.file('changed.csv', csv(line({ order: '1', ...JANE, quantity: 3 }), STORED[2] ?? ''))
    for (const flags of [['--dry-run'], ['--update'], []]) {
      const { told } = await importJson(shop, join(shop.folder, 'changed.csv'), ...flags)
      expect(told).toMatchObject({ rows: 2, duplicates: 1, conflicts: 1 })
      expect(told.conflicting_orders).toMatchObject([
        { order_id: '1', differences: [{ field: 'total' }, { field: 'line' }] },
      ])
    }
    await expectForgotten(shop.db)
    // A failed order that is retried is open again, and an update keeps it without a name.
    shop.sqlite.exec("update orders set status = 'failed', reason = 'out_of_stock' where reference = '3'")
    await recount(shop.db)
    await shop.run('failed', 'retry', '3')
    const { told } = await importJson(shop, shop.file('update.csv', csv(line({ order: '3', ...JANE }))), '--update')
    expect(told).toMatchObject({ updated: 1 })
    await expectForgotten(shop.db)
  })

  test('reaches the orders of an archive only in the database', async ({ shop }) => {
    await shop.importing(csv(...STORED))
    await shop.runWith(CAPTURING, 'work', '--drain')
    shop.sqlite.exec('update orders set settled_at = 0')
    await recount(shop.db)
    shop.sqlite.exec("update events set state = 'delivered'")
    const archive = (name: string, ...flags: string[]) =>
      shop.json('orders', 'archive', '--before', '2024-01-01', '--to', name, '--yes', ...flags)
    await archive('other.jsonl', '--source', 'shop-b')
    // Killed after its file was complete, so that another archive removes the orders.
    const killing = { NODE_OPTIONS: `--import ${KILL_AT}`, TEST_KILL_AT: '7' }
    const killed = shop.start(killing, 'orders', 'archive', '--before', '2024-01-01', '--to', 'killed.jsonl', '--yes')
    expect((await killed.ended).code).toBe(null)
    expect(readFileSync(join(shop.folder, 'killed.jsonl'), 'utf8')).toContain('Jane Doe')
    expect(await archive('old.jsonl')).toMatchObject({ code: 0, result: { removed: 3 } })
    const { result } = await forget(shop)
    expect(result).toMatchObject({
      orders: 0,
      files: ['killed.jsonl', 'old.jsonl', 'orders.csv'].map((name) => join(shop.folder, name)),
    })
    const { told } = await importJson(shop, shop.file('orders.csv', csv(...STORED)))
    expect(told).toMatchObject({ duplicates: 3, conflicts: 0, imported: 0 })
    await expectForgotten(shop.db)
    await shop.expectAuditClean()
  })
})

describeWith('redis', 'a forgotten customer', () => {
  plainTest('is under the placeholder in the leaderboards of Redis', async () => {
    const at = await FiguresShop.open()
    const environment = { ORDERCTL_REDIS_URL: at.url, ORDERCTL_REDIS_PREFIX: at.prefix }
    await at.sell('1', 'jane', 1000)
    await at.figures.publish()
    expect(await at.board(SPENDING)).toEqual({ jane: 1000 })
    const { code, result } = await at.shop.jsonWith(environment, 'customers', 'forget', 'jane', '--yes')
    const { placeholder } = result as { placeholder: string }
    expect(code).toBe(0)
    expect(await at.board(SPENDING)).toEqual({ [placeholder]: 1000 })
    await at.close()
  })
})

describe('names in texts', () => {
  plainTest('are replaced as whole words, whatever their case, unless they could be anything', () => {
    const names = namesOf({ customer_id: 'C-17 (old)', name: 'José Núñez' })
    expect(names).toEqual(['José Núñez', 'C-17 (old)'])
    const text = 'JOSÉ NÚÑEZ and José Núñezo; c-17 (OLD), XC-17 (old)'
    expect(withoutNames(text, names, '$&')).toBe('$& and José Núñezo; $&, XC-17 (old)')
    expect(namesOf({ customer_id: '17', name: '17' })).toEqual([])
    expect(namesOf({ customer_id: '100017', name: 'Ann' })).toEqual([])
  })
})
