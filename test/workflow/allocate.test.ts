// The decision who gets stock, as properties: nothing is given twice, orders are whole, and none waits for nothing.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { OrderId, ProductId } from '../../src/domain/ids.js'
import { allocate, type Demand } from '../../src/workflow/allocate.js'

const orderIds = fc.integer({ min: 1, max: 30 })
const demand = fc.record({ productId: fc.integer({ min: 1, max: 5 }), quantity: fc.integer({ min: 1, max: 9 }) })
const batch = fc
  .uniqueArray(
    fc.record({ id: orderIds, demands: fc.uniqueArray(demand, { minLength: 1, selector: (one) => one.productId }) }),
    { selector: (order) => order.id },
  )
  .map((orders) =>
    orders
      .sort((a, b) => a.id - b.id)
      .flatMap(({ id, demands }) =>
        demands.map(
          ({ productId, quantity }): Demand => ({
            orderId: id as OrderId,
            productId: productId as ProductId,
            quantity,
          }),
        ),
      ),
  )
const stock = fc.array(fc.nat(20), { minLength: 5, maxLength: 5 })

test('an allocation is what going through the orders one by one gives', () => {
  fc.assert(
    fc.property(batch, stock, (demands, units) => {
      const available = new Map(units.map((unit, index) => [(index + 1) as ProductId, unit]))
      const { reserved, short } = allocate(demands, available)

      const left = new Map(available)
      const winners: number[] = []
      for (const id of [...new Set(demands.map((one) => one.orderId))]) {
        const own = demands.filter((one) => one.orderId === id)
        if (own.every((one) => (left.get(one.productId) ?? 0) >= one.quantity)) {
          winners.push(id)
          for (const one of own) left.set(one.productId, (left.get(one.productId) ?? 0) - one.quantity)
        }
      }
      expect(reserved).toEqual(demands.filter((one) => winners.includes(one.orderId)))
      expect(new Set(short.map((one) => one.orderId))).toEqual(
        new Set(demands.map((one) => one.orderId).filter((id) => !winners.includes(id))),
      )
      for (const unit of left.values()) expect(unit).toBeGreaterThanOrEqual(0)
    }),
  )
})
