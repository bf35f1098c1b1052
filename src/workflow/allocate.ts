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

export interface Stock {
  readonly id: ProductId
  readonly sku: string
  /** Units on hand that are not reserved. */
  readonly available: number
}

/** An order that gets no stock, and why: `TEA: 3 wanted, 2 available`. */
export interface OutOfStock {
  readonly id: OrderId
  readonly message: string
}

export interface Allocation<Order> {
  readonly served: readonly Order[]
  readonly short: readonly OutOfStock[]
}

/**
 * Gives stock to whole orders, in the order given, while it lasts: an order gets everything that it names or nothing, and
 * then leaves its share to the orders behind it.
 */
export function allocate<Order extends Wanting>(orders: readonly Order[], stock: readonly Stock[]): Allocation<Order> {
  const left = new Map(stock.map(({ id, available }) => [id, available]))
  const leftOf = (id: ProductId) => left.get(id) ?? 0
  const served: Order[] = []
  const short: OutOfStock[] = []
  for (const order of orders) {
    const { id, items } = order
    const lacking = items.find(({ productId, quantity }) => leftOf(productId) < quantity)
    if (lacking) {
      const { productId, quantity } = lacking
      const sku = stock.find((product) => product.id === productId)?.sku
      short.push({ id, message: `${sku}: ${quantity} wanted, ${leftOf(productId)} available` })
      continue
    }
    for (const { productId, quantity } of items) left.set(productId, leftOf(productId) - quantity)
    served.push(order)
  }
  return { served, short }
}
