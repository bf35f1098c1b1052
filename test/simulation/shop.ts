// The stock and the orders with which a simulated shop begins.
import type { Plan } from './plan.js'
import type { Store } from './store.js'
import type { World } from './world.js'

const CUSTOMERS = 3

/** Cents of each product. */
const PRICES = [250, 1000, 1999] as const

/** Adds products with little stock, and orders that fall due one after another. @returns their references */
export function openShop({ sqlite }: Store, world: World, { orders, chaosMs }: Plan): string[] {
  const { dice } = world
  const references: string[] = []
  const insert = (table: string, row: Readonly<Record<string, unknown>>) => {
    const names = Object.keys(row)
    const places = names.map((name) => `:${name}`)
    return sqlite.prepare(`insert into ${table} (${names}) values (${places})`).run(row).lastInsertRowid
  }
  sqlite.transaction(() => {
    const lease = { lease_token: 'x', lease_until: 0, host: 'shop', pid: 1, started_at: 1, ended_at: 1 }
    insert('imports', { source: 'default', file: 'orders.csv', status: 'finished', ...lease })
    for (let number = 1; number <= CUSTOMERS; number++) {
      insert('customers', { source: 'default', customer_id: `C-${number}`, name: 'Ann', import_id: 1 })
    }
    for (const [index] of PRICES.entries()) {
      const on_hand = dice.between(orders / 2, 2 * orders)
      insert('products', { sku: `SKU-${index + 1}`, name: 'Tea', on_hand })
      insert('stock_adjustments', { product_id: index + 1, delta: on_hand, reason: 'initial', adjusted_at: 1 })
    }
    for (let number = 1; number <= orders; number++) {
      const isFree = dice.chance(0.05)
      const lines = Array.from({ length: dice.between(1, 3) }, (_, index) => {
        const product = dice.between(1, PRICES.length)
        const [quantity, cents] = [dice.between(1, 3), isFree ? 0 : (PRICES[product - 1] ?? 0)]
        const line = { line_number: index + 1, product_id: product, quantity }
        return { ...line, unit_price: cents * 100, total: quantity * cents }
      })
      const reference = `A-${number}`
      references.push(reference)
      const day = `2025-02-0${dice.between(1, 3)}`
      const customer_id = dice.between(1, CUSTOMERS)
      const id = insert('orders', {
        ...{ import_id: 1, source: 'default', reference, customer_id, currency: 'USD' },
        ...{
          total: lines.reduce((sum, { total }) => sum + total, 0),
          ordered_at: `${day}T10:00:00`,
          business_day: day,
        },
      })
      for (const line of lines) insert('order_lines', { order_id: id, ...line })
      insert('customer_orders', { customer_id, order_id: id })
      insert('due_orders', { order_id: id, due_at: world.wallTime() + dice.between(-chaosMs, chaosMs) })
    }
    const state = { period: 0, source: 'default', status: 'pending', reason: '', cleared: 0, currency: '' }
    insert('order_counts', { ...state, orders, amount: 0 })
  })()
  return references
}
