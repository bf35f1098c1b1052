// Claims that cross: one batch reads orders that another claims before the first one can.

import { afterEach, beforeEach, expect, test } from 'vitest'
import { openDatabase } from '../../src/database/connection.js'
import type { OrderId } from '../../src/domain/ids.js'
import { claim } from '../../src/workflow/claim.js'
import { settle } from '../../src/workflow/settle.js'
import { whenFirstRead } from '../support/figures-shop.js'
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

/** A claim during which something happens after it first reads the due orders, and before its transaction. */
async function claimWith(happens: () => Promise<unknown>) {
  const db = await openDatabase({ kind: 'sqlite', path: shop.path })
  return claim(whenFirstRead(db, 'due_orders', happens), ids, OPTIONS).finally(() => db.destroy())
}

test('a claim skips orders that another batch has claimed after it read them', async () => {
  const late = await claimWith(() => claim(shop.db, ids.slice(0, 2), OPTIONS))

  expect(late.count).toBe(1)
  expect(late.orders.map((order) => order.id)).toEqual(ids.slice(2))
  const products = await shop.db.selectFrom('products').select(['on_hand', 'reserved']).execute()
  expect(products).toEqual([{ on_hand: 1000, reserved: 12 }])
  const payments = await shop.db.selectFrom('payments').select('order_id').orderBy('order_id').execute()
  expect(payments.map((payment) => payment.order_id)).toEqual(ids)
})

test('a claim skips an order that was settled and retried manually after it read it', async () => {
  const first = ids[0] as OrderId
  const late = await claimWith(async () => {
    await shop.db.updateTable('orders').set({ attempt: 2 }).where('id', '=', first).execute()
    await shop.db.updateTable('due_orders').set({ due_at: Date.now() }).where('order_id', '=', first).execute()
  })

  expect(late.orders.map(({ id, key }) => [id, key])).toEqual([
    [ids[1], `${shop.identity}:default:A-2:1`],
    [ids[2], `${shop.identity}:default:A-3:1`],
  ])
})

test('a batch settles only the orders that its lease still holds', async () => {
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
