// What a worker does with stock, money and failures, on every database. All figures are computed by hand.

import { expect } from 'vitest'
import { readShop } from '../../src/database/shop.js'
import { describeOnEngines } from '../support/engine-shop.js'
import { csv, line } from '../support/lines.js'

const ALL_CAPTURED = { ORDERCTL_PAYMENT_SUCCESS_RATE: '1' }
const NONE_CAPTURED = { ORDERCTL_PAYMENT_SUCCESS_RATE: '0' }

describeOnEngines(
  'a drain',
  (test) => {
    test('updates stock, payments, KPIs and leaderboards', async ({ shop }) => {
      // 3 x 19.99 + 1 x 0.05 = 60.02; A-2: 2 x 0.0025 = 0.005, rounded half up to 0.01; B-1: 3 x 10.5 JPY = 31.5
      // -> 32. SHORT needs 6 of X, of which A-1 and B-1 leave 5, so it reserves no Y either. Customers who spent the
      // same are ranked by their number of orders, then by the bytes of their ids.
      const twin = (order: string, customer: string, price: string) => line({ order, customer, sku: 'TWIN', price })
      await shop.importing(
        csv(
          line({ order: 'A-1', sku: 'X', quantity: 3, price: '19.99' }),
          line({ order: 'A-2', customer: 'C-2', sku: 'Y', quantity: 2, price: '0.0025' }),
          line({ order: 'B-1', customer: 'C-3', sku: 'X', quantity: 3, price: '10.5', currency: 'JPY' }),
          line({ order: 'A-1', sku: 'Y', quantity: 1, price: '0.05' }),
          line({ order: 'SHORT', customer: 'C-4', sku: 'Y' }),
          line({ order: 'SHORT', customer: 'C-4', sku: 'X', quantity: 6 }),
          line({ order: 'FREE', customer: 'C-5', sku: 'Z', price: '0' }),
          twin('T-1', 'zoe', '7.00'),
          twin('T-2', 'Zoe', '7.00'),
          twin('T-3', 'Änne', '7.00'),
          twin('T-4', 'zz', '3.00'),
          twin('T-5', 'zz', '4.00'),
        ),
        { ORDERCTL_INITIAL_STOCK: '11' },
      )
      const { code, result } = await shop.jsonWith(ALL_CAPTURED, 'work', '--drain')
      expect(code).toBe(0)
      expect(result).toMatchObject({ processed: 10, completed: 9, failed: 1, rolled_back: 0, postponed: 0 })
      const stock = { TWIN: 6, X: 5, Y: 8, Z: 10 }
      expect(await shop.rows('select sku, on_hand, reserved from products order by sku')).toEqual(
        Object.entries(stock).map(([sku, on_hand]) => ({ sku, on_hand, reserved: 0 })),
      )
      expect(await shop.rows("select status, reason, message from orders where reference = 'SHORT'")).toEqual([
        { status: 'failed', reason: 'out_of_stock', message: 'X: 6 ordered, 5 available' },
      ])
      const [kpis, customers, products] = await Promise.all([
        shop.json('kpis', 'daily', '--date', '2025-01-15'),
        shop.json('leaderboard', 'customers'),
        shop.json('leaderboard', 'products'),
      ])
      expect(kpis.result).toMatchObject({
        kpis: [
          { currency: 'JPY', total_revenue: 32, order_count: 1, average_order_value: 32, unique_customers: 1 },
          // 60.02 + 0.01 + 0.00 + 4 x 7.00 = 88.03, over 8 orders of 7 customers: 11.00375.
          { currency: 'USD', total_revenue: 88.03, order_count: 8, average_order_value: 11, unique_customers: 7 },
        ],
      })
      expect(customers.result).toMatchObject({
        currency: 'USD',
        customers: [
          { rank: 1, customer_id: 'C-1', order_count: 1, total_spent: 60.02 },
          { rank: 2, customer_id: 'zz', order_count: 2, total_spent: 7 },
          { rank: 3, customer_id: 'Zoe', order_count: 1, total_spent: 7 },
          { rank: 4, customer_id: 'zoe', order_count: 1, total_spent: 7 },
          { rank: 5, customer_id: 'Änne', order_count: 1, total_spent: 7 },
          { rank: 6, customer_id: 'C-2', order_count: 1, total_spent: 0.01 },
          { rank: 7, customer_id: 'C-5', order_count: 1, total_spent: 0 },
        ],
      })
      expect(products.result).toMatchObject({
        products: [
          { rank: 1, sku: 'TWIN', units_sold: 5, order_count: 5, total_revenue: 28 },
          { rank: 2, sku: 'X', units_sold: 3, order_count: 1, total_revenue: 59.97 },
          { rank: 3, sku: 'Y', units_sold: 3, order_count: 2, total_revenue: 0.06 },
          { rank: 4, sku: 'Z', units_sold: 1, order_count: 1, total_revenue: 0 },
        ],
      })
      expect(await shop.json('rebuild', '--check')).toMatchObject({ code: 0, result: { differences: 0 } })
    })

    test('releases the stock of declined orders, and charges a retried order under a new key', async ({ shop }) => {
      await shop.importing(csv(line({ order: 'A-1' }), line({ order: 'FREE', price: '0' })), {
        ORDERCTL_INITIAL_STOCK: '5',
      })
      await shop.runWith(NONE_CAPTURED, 'work', '--drain')
      expect(await shop.rows('select reference, status, reason from orders order by id')).toEqual([
        { reference: 'A-1', status: 'rolled_back', reason: 'declined' },
        { reference: 'FREE', status: 'completed', reason: null },
      ])
      expect(await shop.rows('select on_hand, reserved from products')).toEqual([{ on_hand: 4, reserved: 0 }])

      await shop.run('failed', 'retry', '--all', '--yes')
      await shop.runWith(ALL_CAPTURED, 'work', '--drain')
      const payments = await shop.rows('select idempotency_key, status from payments order by order_id, attempt')
      const identity = await readShop(shop.db)
      expect(payments).toEqual([
        { idempotency_key: `${identity}:default:A-1:1`, status: 'declined' },
        { idempotency_key: `${identity}:default:A-1:2`, status: 'captured' },
        { idempotency_key: `${identity}:default:FREE:1`, status: 'captured' },
      ])
      expect(await shop.rows('select on_hand, reserved from products')).toEqual([{ on_hand: 3, reserved: 0 }])
      await shop.expectAuditClean()
    })

    test('asks the gateway again under the same key after no answer, then sets the order aside for review', async ({
      shop,
    }) => {
      await shop.importing(csv(...['A-1', 'A-2', 'A-3'].map((order) => line({ order }))))
      const mute = { ORDERCTL_PAYMENT_LATENCY_MS: '500', ORDERCTL_PAYMENT_TIMEOUT_MS: '20', ORDERCTL_ATTEMPTS: '2' }
      expect(await shop.jsonWith(mute, 'work', '--drain', '--wait')).toMatchObject({
        code: 3,
        result: { processed: 0, postponed: 0, needs_review: 3 },
      })
      expect(
        await shop.rows('select status, reason, due_at from orders left join due_orders on order_id = id'),
      ).toEqual(Array(3).fill({ status: 'payment_processing', reason: 'payment_unknown', due_at: null }))
      expect(await shop.rows('select status, unanswered from payments')).toEqual(
        Array(3).fill({ status: 'unknown', unanswered: 2 }),
      )
      expect(await shop.value('select sum(reserved) from products')).toBe(3)
      await shop.expectAuditClean()

      await shop.run('failed', 'retry', '--all', '--yes')
      await shop.runWith(ALL_CAPTURED, 'work', '--drain')
      expect(await shop.statuses()).toEqual({ completed: 3 })
      expect(await shop.value('select count(*) from payments')).toBe(3)
      await shop.expectAuditClean()
    })
  },
  { concurrent: true },
)
