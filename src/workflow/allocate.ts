// Which orders of a batch get their stock. Pure: figures in, decision out.
import type { OrderId, ProductId } from '../domain/ids.js'

/** Units of one product that an order wants. */
export interface Item {
  readonly productId: ProductId
  readonly quantity: number
}

/** An order and what it wants, each product once. */
export interface Wanting {
  readonly id: OrderId
  readonly items: readonly Item[]
}

interface Shortage {
  readonly id: OrderId
  readonly productId: ProductId
  readonly wanted: number
  readonly available: number
}

interface Allocation<Order> {
  readonly served: readonly Order[]
  /** Orders without stock, each with the first product that was short. */
  readonly short: readonly Shortage[]
}

/**
 * Gives stock to whole orders, in the order given, while it lasts: an order gets all that it names or nothing, and one
 * that goes without leaves its share to those behind it.
 *
 * @param available units of each product that no one holds
 */
export function allocate<Order extends Wanting>(
  orders: readonly Order[],
  available: ReadonlyMap<ProductId, number>,
): Allocation<Order> {
  const left = new Map(available)
  const served: Order[] = []
  const short: Shortage[] = []
  for (const order of orders) {
    const lacking = order.items.find(({ productId, quantity }) => (left.get(productId) ?? 0) < quantity)
    if (lacking) {
      const { productId, quantity } = lacking
      short.push({ id: order.id, productId, wanted: quantity, available: left.get(productId) ?? 0 })
      continue
    }
    for (const { productId, quantity } of order.items) left.set(productId, (left.get(productId) ?? 0) - quantity)
    served.push(order)
  }
  return { served, short }
}
