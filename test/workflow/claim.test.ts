// Claims that cross: what one batch has looked up, another claims before the first can.

import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Database } from '../../src/database/connection.js'
import type { OrderId } from '../../src/domain/ids.js'
import { claim } from '../../src/workflow/claim.js'
import { settle } from '../../src/workflow/settle.js'
import { Shop } from '../support/shop.js'

const OPTIONS = { leaseMs: 30_000, reservationTtlMs: 900_000 }

let shop: Shop
let ids: OrderId[]

beforeEach(async () => {
  shop = await Shop.open()
  ids = []
  for (const reference of ['A-1', 'A-2', 'A-3']) ids.push(shop.order(reference, { lines: [['TEA', 4, 250]] }))
})

afterEach(() => shop.close())

/** The database as a batch sees it to whom something happens between its look and its transaction. */
function meanwhile(db: Database, happens: () => Promise<unknown>): Database {
  const transaction = () => ({
    execute: async (body: Parameters<ReturnType<Database['transaction']>['execute']>[0]) => {
      await happens()
      return db.transaction().execute(body)
    },
  })
  return new Proxy(db, {
    get: (target, name) => {
      if (name === 'transaction') return transaction
      const value = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

test('a claim passes over orders that another batch has claimed since it looked', async () => {
  const late = await claim(
    meanwhile(shop.db, () => claim(shop.db, ids.slice(0, 2), OPTIONS)),
    ids,
    OPTIONS,
  )

  expect(late.count).toBe(1)
  expect(late.orders.map((order) => order.id)).toEqual(ids.slice(2))
  const products = await shop.db.selectFrom('products').select(['on_hand', 'reserved']).execute()
  expect(products).toEqual([{ on_hand: 1000, reserved: 12 }])
  const payments = await shop.db.selectFrom('payments').select('order_id').orderBy('order_id').execute()
  expect(payments.map((payment) => payment.order_id)).toEqual(ids)
})

test('a claim passes over an order that was settled and retried by hand since it looked', async () => {
  const first = ids[0] as OrderId
  const retried = async () => {
    await shop.db.updateTable('orders').set({ attempt: 2 }).where('id', '=', first).execute()
    await shop.db.updateTable('due_orders').set({ due_at: Date.now() }).where('order_id', '=', first).execute()
  }
  const late = await claim(meanwhile(shop.db, retried), ids, OPTIONS)

  expect(late.orders.map(({ id, key }) => [id, key])).toEqual([
    [ids[1], 'default:A-2:1'],
    [ids[2], 'default:A-3:1'],
  ])
})

test('a batch settles only what its lease is still on', async () => {
  const first = await claim(shop.db, ids, OPTIONS)
  // The lease of one of them has run out, and another worker has it.
  await shop.db.updateTable('due_orders').set({ due_at: 1 }).where('order_id', 'in', ids.slice(1, 2)).execute()
  const second = await claim(shop.db, ids, OPTIONS)
  expect(second.orders.map((order) => order.id)).toEqual([ids[1]])

  for (const [batch, completed] of [
    [first, 2],
    [second, 1],
  ] as const) {
    const outcome = { status: 'captured' as const, reference: 'paid' }
    const answers = batch.orders.map((order) => ({ order, outcome }))
    expect(await settle(shop.db, batch, answers, { attempts: 3 })).toMatchObject({ completed })
  }
  const products = await shop.db.selectFrom('products').select(['on_hand', 'reserved']).execute()
  expect(products).toEqual([{ on_hand: 988, reserved: 0 }])
})
