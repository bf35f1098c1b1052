// Imports whose transactions overlap with those of other imports, or of workers.

import type { Kysely, Transaction } from 'kysely'
import { expect } from 'vitest'
import type { Schema } from '../../src/database/schema.js'
import type { Day } from '../../src/domain/business-day.js'
import type { ImportId, OrderId } from '../../src/domain/ids.js'
import type { Currency } from '../../src/domain/money.js'
import { EXIT } from '../../src/errors.js'
import { packChunk } from '../../src/import/chunk-rows.js'
import { beginRun, insertRun, removeUnusedNames } from '../../src/import/import-record.js'
import { ItemNumbers } from '../../src/import/items.js'
import { storeChunk } from '../../src/import/store.js'
import { undoImport } from '../../src/import/undo.js'
import { reachVerdicts } from '../../src/import/verdicts.js'
import { EmbeddedQueue } from '../../src/queue/embedded.js'
import { describeOnServerEngines } from '../support/engine-shop.js'
import { csv, line } from '../support/lines.js'
import { whileLocked } from '../support/locks.js'

describeOnServerEngines('an import', (test) => {
  test('that is resumed continues after the chunk that its killed process was committing', async ({ shop }) => {
    const wanted = { source: 'web', file: '/orders.csv', resume: true, discard: false }
    const { id } = await insertRun(shop.db, wanted)
    await shop.rows('update imports set lease_until = 0, byte_offset = 1')
    const resumed = await whileLocked(
      shop,
      (last) => last.updateTable('imports').set({ byte_offset: 4711 }).where('id', '=', id).execute(),
      () => beginRun(shop.db, wanted, 'UTC'),
    )
    expect(resumed).toMatchObject({ kind: 'started', run: { id, byte_offset: 4711 } })
  })

  type TwoImports = readonly [first: ImportId, second: ImportId]
  const removing = (trx: Transaction<Schema>, [first]: TwoImports) => removeUnusedNames(trx, first)
  const storing = (trx: Transaction<Schema>, [, second]: TwoImports) => storeAnOrder(trx, second)
  const stored = { orders: 1, lines: 1, productsCreated: 1 }

  test.for([
    ['that ends keeps the customer and the product that another one is using', storing, removing, 0],
    ['adds the customer and the product that another one is removing', removing, storing, stored],
  ] as const)('%s', async ([, one, other, result], { shop }) => {
    const { id: first } = await insertRun(shop.db, { source: 'web', file: '/web.csv' })
    const { id: second } = await insertRun(shop.db, { source: 'till', file: '/till.csv' })
    // The first created a customer and a product for an order that was removed.
    await storeAnOrder(shop.db, first, 'web')
    await shop.db.deleteFrom('order_lines').execute()
    await shop.db.deleteFrom('orders').execute()
    const returned = await whileLocked<unknown>(
      shop,
      (trx) => one(trx, [first, second]),
      () => shop.db.transaction().execute<unknown>((trx) => other(trx, [first, second])),
    )
    expect(returned).toEqual(result)
    const whole = await shop.rows(
      `select reference, customers.customer_id, sku, delta from orders
       join customers on customers.id = orders.customer_id
       join order_lines on order_lines.order_id = orders.id
       join products on products.id = order_lines.product_id
       join stock_adjustments on stock_adjustments.product_id = products.id`,
    )
    expect(whole).toEqual([{ reference: 'A-1', customer_id: 'C-1', sku: 'S-1', delta: 5 }])
  })
})

describeOnServerEngines('workers and an import', (test) => {
  test('in progress do not delay its end', async ({ shop }) => {
    await shop.importing(csv(line({ order: 'A-1' }), line({ order: 'A-2' }), ...MANY))
    const again = [{ order: 'A-1' }, { order: 'A-2', customer: 'C-2', sku: 'S-2' }, { order: 'A-3' }]
    const file = shop.file('again.csv', csv(...again.map(line)))
    const { code, stderr } = await whileLocked(shop, lockAsClaim, () => shop.runWith({}, 'import', file), {
      waits: false,
    })
    expect(code, stderr).toBe(EXIT.partly)
    expect(await shop.rows('select imported, duplicates, conflicts from imports where id = 2')).toEqual([
      { imported: 1, duplicates: 1, conflicts: 1 },
    ])
    expect(await shop.rows("select sku from products where sku in ('S-1', 'S-2')")).toEqual([{ sku: 'S-1' }])
    await shop.expectAuditClean()
  })

  test('are not delayed by its end', async ({ shop }) => {
    await shop.importing(csv(line({ order: 'A-1' }), line({ order: 'A-2' })))
    const run = await insertRun(shop.db, { source: 'default', file: '/again.csv' })
    await storeAnOrder(shop.db, run.id, 'default')
    const { code, stderr } = await whileLocked(
      shop,
      async (ending) => {
        const verdicts = await reachVerdicts(ending, run, {
          update: false,
          timeZone: 'UTC',
          numbers: new ItemNumbers([], { preset: null, columns: {} }),
          report: () => {},
          reportConflicts: undefined,
        })
        expect(verdicts).toMatchObject({ duplicates: 1, conflicts: 0, rejected: 0 })
      },
      () => shop.runWith({}, 'work', '--drain'),
      { waits: false },
    )
    expect(code, stderr).toBe(0)
    expect(await shop.statuses()).toEqual({ completed: 2 })
  })

  test('in progress do not delay the undo of an unfinished import', async ({ shop }) => {
    const cutOff = await insertRun(shop.db, { source: 'till', file: '/till.csv' })
    await storeAnOrder(shop.db, cutOff.id)
    await shop.rows('update imports set lease_until = 0')
    await shop.importing(csv(...MANY))
    const first = Number(await shop.value("select min(id) from orders where source = 'default'")) as OrderId
    await whileLocked(
      shop,
      (worker) => worker.selectFrom('orders').selectAll().where('id', '>=', first).forUpdate().execute(),
      () => undoImport(shop.db, new EmbeddedQueue(shop.db), cutOff.id),
      { waits: false },
    )
    expect(await shop.rows('select distinct source from orders')).toEqual([{ source: 'default' }])
    expect(await shop.value('select count(*) from orders')).toBe(MANY.length)
    await shop.expectAuditClean()
  })
})

/** So many that MySQL looks them up by their ids. Of a few rows, it reads and locks the whole table. */
const MANY = Array.from({ length: 300 }, (_, n) => line({ order: `M-${n}`, sku: `M-${n}` }))

/** Locks what a claim of every order locks. */
async function lockAsClaim(worker: Transaction<Schema>): Promise<void> {
  for (const table of ['due_orders', 'orders', 'products'] as const) {
    await worker.selectFrom(table).selectAll().forUpdate().execute()
  }
}

function storeAnOrder(db: Kysely<Schema>, importId: ImportId, source = 'till') {
  const order = { reference: 'A-1', customer_id: 'C-1', ordered_at: '2025-01-15T10:00:00', total: 1000 }
  const customers = [{ customer_id: 'C-1', name: 'Ann' }]
  const chunk = packChunk({
    customers,
    newCustomers: customers,
    products: [{ sku: 'S-1', name: 'Widget' }],
    orders: [{ ...order, business_day: '2025-01-15' as Day, currency: 'USD' as Currency }],
    lines: [{ reference: 'A-1', line_number: 2, sku: 'S-1', quantity: 1, unit_price: 100_000, total: 1000 }],
    rejectedOrders: [],
  })
  return storeChunk(db, chunk, { importId, source, initialStock: 5, now: 1 })
}
