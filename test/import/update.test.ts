// Orders that are stored with other content than the file has: how the difference is shown, and --update.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect } from 'vitest'
import { describeOnServerEngines } from '../support/engine-shop.js'
import { csv, line } from '../support/lines.js'
import { importJson, importLines, orders, readRejects } from '../support/orders-file.js'
import { test } from '../support/shop.js'

const CHANGED = [
  line({ order: 'A-1', sku: 'S-1', quantity: 2 }),
  line({ order: 'A-1', sku: 'S-3', price: '2.50' }),
  line({ order: 'A-2', customer: 'C-2', date: '2025-01-16' }),
]
const STORED = [line({ order: 'A-1', sku: 'S-1' }), line({ order: 'A-1', sku: 'S-2' }), line({ order: 'A-2' })]

describe.concurrent('a conflict', () => {
  test('shows what is stored and what the file has, field by field, and how to apply it', async ({ shop }) => {
    await importLines(shop, ...STORED)
    shop.file('orders.csv', csv(...CHANGED))
    const { code, stderr } = await shop.run('import', 'orders.csv')
    const rejects = join(shop.folder, 'orders.rejects.csv')
    expect(code).toBe(3)
    expect(stderr).toContain(`line 2: order A-1 is stored with other content (pending):
  total: stored 20.00 USD, file 22.50 USD
  S-1: stored 1 x 10.00, file 2 x 10.00
  S-2: stored 1 x 10.00, file none
  S-3: stored none, file 1 x 2.50
line 4: order A-2 is stored with other content (pending):
  customer_id: stored C-1, file C-2
  order_date: stored 2025-01-15 10:00:00, file 2025-01-16 00:00:00
3 lines differ from stored orders, which were kept. All of them are in ${rejects}.
To apply the file to orders that are still pending: orderctl import ${rejects} --update
`)
    expect(stderr).not.toContain('then import that file')
    const kept = 'conflict: order A-2 is already stored with other content (status pending), which was kept'
    expect(readRejects(rejects).at(-1)).toMatchObject({
      rejected_line: '4',
      rejected_reason: `${kept}; customer_id: stored C-1, file C-2; order_date: stored 2025-01-15 10:00:00, file 2025-01-16 00:00:00`,
    })
  })

  test('is an entry of conflicting_orders under --json; the text shows five orders', async ({ shop }) => {
    const names = Array.from({ length: 40 }, (_, index) => `A-${index}`)
    await importLines(shop, ...names.map((order) => line({ order })))
    shop.file('changed.csv', csv(...names.map((order) => line({ order, quantity: 3 }))))
    for (const flags of [['--dry-run'], []]) {
      const { told } = await importJson(shop, 'changed.csv', ...flags)
      expect(told).toMatchObject({ conflicts: 40, updated: 0 })
      expect(told.conflicting_orders).toHaveLength(30)
      expect(told.conflicting_orders[0]).toEqual({
        order_id: 'A-0',
        line: 2,
        status: 'pending',
        differences: [
          { field: 'total', sku: null, stored: '10.00 USD', file: '30.00 USD' },
          { field: 'line', sku: 'S-1', stored: '1 x 10.00', file: '3 x 10.00' },
        ],
      })
    }
    const { stderr } = await shop.run('import', 'changed.csv', '--dry-run')
    expect(stderr.match(/is stored with other content/g)).toHaveLength(5)
    expect(stderr).toContain('40 lines differ from stored orders, which were kept. These are the first 5 orders.')
  })
})

describe.concurrent('--update', () => {
  test('replaces pending orders, records what they were, and refuses others with their status', async ({ shop }) => {
    await importLines(shop, line({ order: 'SOLD' }))
    await shop.json('work', '--drain')
    const status = String(shop.value('select status from orders'))
    await importLines(shop, ...STORED)
    shop.file('new.csv', csv(...CHANGED, line({ order: 'SOLD', quantity: 9 }), line({ order: 'NEW' })))
    const dry = await importJson(shop, 'new.csv', '--update', '--dry-run')
    const { code, told } = await importJson(shop, 'new.csv', '--update')
    const counts = { rows: 5, orders: 1, imported: 1, updated: 3, duplicates: 0, conflicts: 1, rejected: 0 }
    for (const result of [dry.told, told]) {
      expect(result).toMatchObject({ ...counts, published: 3, conflicting_orders: [{ order_id: 'SOLD', status }] })
    }
    expect(code).toBe(3)
    expect(orders(shop, "reference like 'A-%'")).toEqual([
      ['A-1', 'C-1', 2250, 'USD'],
      ['A-2', 'C-2', 1000, 'USD'],
    ])
    await shop.expectAuditClean()
    const { result } = await shop.json('orders', 'show', 'A-1')
    expect(result).toMatchObject({
      lines: [
        { sku: 'S-1', quantity: 2 },
        { sku: 'S-3', quantity: 1 },
      ],
      changes: [{ import_id: '3', before: { total: 20, lines: [{ sku: 'S-1', quantity: 1 }, { sku: 'S-2' }] } }],
    })
    const { stdout } = await shop.run('orders', 'show', 'A-1')
    expect(stdout.replaceAll(/\s+/g, ' ')).toContain(
      'before: 20.00 USD, customer C-1, 1 x S-1 at 10.00, 1 x S-2 at 10.00',
    )
    expect(await shop.json('work', '--drain')).toMatchObject({ result: { processed: 3 } })
    expect(shop.value("select amount from payments where idempotency_key like '%:default:A-1:1'")).toBe(2250)
    await shop.expectAuditClean()
  })

  test('fixes the conflicts of a rejects file, which is then removed', async ({ shop }) => {
    await importLines(shop, ...STORED)
    await importLines(shop, ...CHANGED)
    const { code, told } = await importJson(shop, 'orders.rejects.csv', '--update')
    expect({ code, ...told }).toMatchObject({ code: 0, rows: 3, updated: 3, conflicts: 0, rejects_file: null })
    expect(() => readFileSync(join(shop.folder, 'orders.rejects.csv'))).toThrow('ENOENT')
  })

  test('makes the orders due after a crash that left them out of the queue', async ({ shop }) => {
    await importLines(shop, ...STORED)
    shop.file('new.csv', csv(...CHANGED))
    shop.sqlite.exec(`create trigger stop before insert on due_orders begin select raise(abort, 'cut off'); end`)
    expect((await shop.run('import', 'new.csv', '--update')).code).toBe(1)
    shop.sqlite.exec('drop trigger stop')
    expect(shop.value('select count(*) from due_orders')).toBe(0)
    const { told } = await importJson(shop, 'new.csv', '--update', '--resume')
    expect(told).toMatchObject({ updated: 3, published: 2 })
    expect(shop.value('select count(*) from due_orders')).toBe(2)
  })
})

describeOnServerEngines('conflicts and --update', (test) => {
  test('replaces pending orders and refuses others with their status', async ({ shop }) => {
    await shop.importing(csv(line({ order: 'SOLD' })))
    await shop.json('work', '--drain')
    await shop.importing(csv(...STORED))
    const file = shop.file('new.csv', csv(...CHANGED, line({ order: 'SOLD', quantity: 9 })))
    const before = await importJson(shop, file)
    expect(before.told).toMatchObject({ conflicts: 4, updated: 0 })
    const { told } = await importJson(shop, file, '--update')
    expect(told).toMatchObject({ conflicts: 1, updated: 3, published: 2, conflicting_orders: [{ order_id: 'SOLD' }] })
    const found = await shop.rows("select reference, total from orders where reference like 'A-%' order by reference")
    expect(found.map(({ reference, total }) => [reference, Number(total)])).toEqual([
      ['A-1', 2250],
      ['A-2', 1000],
    ])
    expect((await shop.json('orders', 'show', 'A-1')).result).toMatchObject({ changes: [{ before: { total: 20 } }] })
    expect(await shop.json('work', '--drain')).toMatchObject({ result: { processed: 2 } })
    await shop.expectAuditClean()
  })
})

test('a price that is the total of its line is one in the lines of a conflict, too', async ({ shop }) => {
  const file = (amount: string) =>
    `Order ID,Customer,SKU,Qty,Price,Total,Currency,Order date\n2,Bob,T-1,3,${amount},${amount},EUR,2025-03-01\n`
  await importJson(shop, shop.file('first.csv', file('30.00')))
  const { rejects_file } = (await importJson(shop, shop.file('second.csv', file('33.00')))).told
  expect(await importJson(shop, String(rejects_file), '--update')).toMatchObject({ told: { updated: 1 } })
  expect(orders(shop)).toEqual([['2', 'Bob', 3300, 'EUR']])
})
