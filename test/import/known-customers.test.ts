// A run brings the name of a customer once. What other commands do to customers in between loses no order.
import { expect, test } from 'vitest'
import { openScratchDatabase } from '../../src/database/connection.js'
import { unpackRows } from '../../src/database/packed-rows.js'
import type { Day } from '../../src/domain/business-day.js'
import type { Currency } from '../../src/domain/money.js'
import { packChunk } from '../../src/import/chunk-rows.js'
import { insertRun } from '../../src/import/import-record.js'
import { SentNames } from '../../src/import/sent-names.js'
import { storeChunk } from '../../src/import/store.js'

const ANN = { customer_id: 'C-1', name: 'Ann' }

test('a customer is news until an earlier chunk has brought the name', () => {
  const names = new SentNames()
  const isNews = (name: string) => names.add({ customer_id: 'C-1', name })
  // C-1 is a line without a name: it replaces none.
  expect(['C-1', 'C-1', 'Ann', 'Ann', 'C-1', 'Anna', 'Ann'].map(isNews)).toEqual([
    true,
    false,
    true,
    false,
    false,
    true,
    true,
  ])
})

test('an order whose customer was removed after an earlier chunk brings the customer back', async () => {
  const db = await openScratchDatabase()
  try {
    const { id: importId } = await insertRun(db, { source: 'web', file: 'orders.csv' })
    const store = (reference: string, newCustomers: readonly (typeof ANN)[]) => {
      const order = { reference, customer_id: 'C-1', ordered_at: '2025-01-15T10:00:00', total: 1000 }
      const chunk = packChunk({
        customers: [ANN],
        newCustomers,
        products: [{ sku: 'S-1', name: 'Widget' }],
        orders: [{ ...order, business_day: '2025-01-15' as Day, currency: 'USD' as Currency }],
        lines: [{ reference, line_number: 2, sku: 'S-1', quantity: 1, unit_price: 100_000, total: 1000 }],
        rejectedOrders: [],
      })
      expect(unpackRows(chunk.newCustomers)).toEqual(newCustomers)
      return storeChunk(db, chunk, { importId, source: 'web', initialStock: 5, now: 1 })
    }
    await store('A-1', [ANN])
    // As the undo of the import that had created the customer.
    for (const table of ['order_lines', 'orders', 'customers'] as const) await db.deleteFrom(table).execute()
    expect(await store('A-2', [])).toEqual({ orders: 1, lines: 1, productsCreated: 0 })
    const orders = db.selectFrom('orders').innerJoin('customers', 'customers.id', 'orders.customer_id')
    expect(await orders.select(['reference', 'name']).execute()).toEqual([{ reference: 'A-2', name: 'Ann' }])
  } finally {
    await db.destroy()
  }
})
