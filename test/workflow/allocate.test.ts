// Which orders get stock, as a property.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { OrderId, ProductId } from '../../src/domain/ids.js'
import { allocate } from '../../src/workflow/stock.js'

const orderIds = fc.integer({ min: 1, max: 30 })
const item = fc
  .record({ productId: fc.integer({ min: 1, max: 5 }), quantity: fc.integer({ min: 1, max: 9 }) })
  .map(({ productId, quantity }) => ({ productId: productId as ProductId, quantity }))
const batch = fc
  .uniqueArray(
    fc
      .record({ id: orderIds, items: fc.uniqueArray(item, { minLength: 1, selector: (one) => one.productId }) })
      .map(({ id, items }) => ({ id: id as OrderId, items })),
    { selector: (order) => order.id },
  )
  .map((orders) => orders.sort((a, b) => a.id - b.id))
const stock = fc.array(fc.nat(20), { minLength: 5, maxLength: 5 })

test('an allocation serves each order in full or not at all, in the order of their ids', () => {
  fc.assert(
    fc.property(batch, stock, (orders, units) => {
      const stock = units.map((available, index) => ({ id: (index + 1) as ProductId, sku: `S-${index}`, available }))
      const { served, short } = allocate(orders, stock)

      const left = [...units]
      const winners: number[] = []
      for (const { id, items } of orders) {
        const after = [...left]
        for (const { productId, quantity } of items) after[productId - 1] = (after[productId - 1] ?? 0) - quantity
        if (after.some((unit) => unit < 0)) continue
        winners.push(id)
        left.splice(0, left.length, ...after)
      }
      expect(served.map((order) => order.id)).toEqual(winners)
      expect(short.map((order) => order.id)).toEqual(orders.map(({ id }) => id).filter((id) => !winners.includes(id)))
    }),
  )
})
