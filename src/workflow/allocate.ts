// Which orders of a batch get their stock. Pure: figures in, decision out.
import type { OrderId, ProductId } from '../domain/ids.js'

export interface Demand {
  readonly orderId: OrderId
  readonly productId: ProductId
  readonly quantity: number
}

export interface Shortage {
  readonly orderId: OrderId
  readonly productId: ProductId
  readonly wanted: number
  readonly available: number
}

export interface Allocation {
  readonly reserved: readonly Demand[]
  /** Orders without stock, each with the first product that was short. */
  readonly short: readonly Shortage[]
}

/**
 * Reserves whole orders, in the order given, while stock lasts: an order gets all that it names or nothing, and one that
 * goes without leaves its share to those behind it.
 *
 * @param demands one for each order and product, an order's demands together
 * @param available units of each product that no one holds
 */
export function allocate(demands: readonly Demand[], available: ReadonlyMap<ProductId, number>): Allocation {
  const left = new Map(available)
  const reserved: Demand[] = []
  const short: Shortage[] = []
  for (const order of groupByOrder(demands)) {
    const lacking = order.find(({ productId, quantity }) => (left.get(productId) ?? 0) < quantity)
    if (lacking) {
      const { orderId, productId, quantity } = lacking
      short.push({ orderId, productId, wanted: quantity, available: left.get(productId) ?? 0 })
      continue
    }
    for (const demand of order) {
      left.set(demand.productId, (left.get(demand.productId) ?? 0) - demand.quantity)
      reserved.push(demand)
    }
  }
  return { reserved, short }
}

function groupByOrder(demands: readonly Demand[]): Demand[][] {
  const orders = new Map<OrderId, Demand[]>()
  for (const demand of demands) {
    const order = orders.get(demand.orderId)
    if (order) order.push(demand)
    else orders.set(demand.orderId, [demand])
  }
  return [...orders.values()]
}
