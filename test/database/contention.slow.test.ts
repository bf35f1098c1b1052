// Many processes at one stock: whoever is first gets it, nobody waits for ever, and nobody hears of those who had to step
// back and begin again.

import { expect } from 'vitest'
import type { Outcome } from '../support/cli.js'
import { describeOnEngines } from '../support/engine-shop.js'
import { csv, line } from '../support/lines.js'

describeOnEngines(
  'contention',
  (test, engine) => {
    test('fifty products with a stock of one, 200 orders for each, three workers: fifty are sold', async ({ shop }) => {
      const orders = Array.from({ length: 10_000 }, (_, index) =>
        line({ order: `A-${index}`, customer: `C-${index % 90}`, sku: `RARE-${index % 50}` }),
      )
      await shop.importing(csv(...orders), { ORDERCTL_INITIAL_STOCK: '1' })
      const worker = { ORDERCTL_PAYMENT_SUCCESS_RATE: '1', ORDERCTL_BATCH_SIZE: '100' }
      const ended = await Promise.all([1, 2, 3].map(() => shop.runWith(worker, 'work', '--drain', '--json')))
      expectQuiet(ended)
      const processed = ended.map(({ stdout }) => (JSON.parse(stdout) as { processed: number }).processed)
      expect(processed.reduce((sum, count) => sum + count, 0)).toBe(10_000)
      expect(await shop.statuses()).toEqual({ completed: 50, failed: 9950 })
      const sold = await shop.rows(
        `select sku, on_hand, reserved, count(*) as sold from products
         join order_lines on product_id = products.id join orders on orders.id = order_id
         where status = 'completed' group by sku, on_hand, reserved`,
      )
      expect(sold).toHaveLength(50)
      for (const row of sold) expect(row).toMatchObject({ on_hand: 0, reserved: 0, sold: 1 })
      await shop.expectAuditClean()
    })

    // On SQLite, one transaction writes at a time.
    if (engine === 'sqlite') return
    test('the same customers and products in opposite orders, by imports and workers at once', async ({ shop }) => {
      const stock = { ORDERCTL_INITIAL_STOCK: '100000' }
      const importing = (source: string, file: readonly string[]) =>
        shop.runWith(stock, 'import', shop.file(`${source}.csv`, csv(...file)), '--source', source)
      const forwards = crossing(1500)
      const backwards = [...forwards].reverse()
      expectQuiet(await Promise.all([importing('web', forwards), importing('till', backwards)]))
      expect(await shop.value('select count(*) from products')).toBe(PRODUCTS)
      expect(await shop.value('select count(*) from customers')).toBe(400)

      const worker = { ORDERCTL_PAYMENT_SUCCESS_RATE: '1', ORDERCTL_BATCH_SIZE: '50' }
      expectQuiet(
        await Promise.all([
          shop.runWith(worker, 'work', '--drain'),
          shop.runWith(worker, 'work', '--drain'),
          importing('fair', backwards),
        ]),
      )
      expectQuiet([await shop.runWith(worker, 'work', '--drain')])
      expect(await shop.statuses()).toEqual({ completed: 4500 })
      expect(await shop.value('select sum(on_hand) from products')).toBe(PRODUCTS * 100_000 - 4500 * (1 + 2 + 3 + 1))
      await shop.expectAuditClean()
    })
  },
  { concurrent: true },
)

/** Six that every order is about, and 500 that are new to the database. */
const PRODUCTS = 506

/** Orders of 1, 2 and 3 units of three of the six, in turning order, and of one of the new ones. */
function crossing(count: number): string[] {
  return Array.from({ length: count }, (_, index) => {
    const order = { order: `X-${index}`, customer: `C-${index % 400}` }
    const wanted = [0, 1, 2].map((step) => `S-${(index + step * (index % 2 === 0 ? 1 : 5)) % 6}`)
    return [
      ...wanted.map((sku, step) => line({ ...order, sku, quantity: step + 1 })),
      line({ ...order, sku: `NEW-${index % 500}` }),
    ]
  }).flat()
}

/** All is well, and nothing else is told. */
function expectQuiet(ended: readonly Outcome[]): void {
  for (const { code, stderr } of ended) {
    expect(stderr).not.toMatch(/error|deadlock|again|reached|waiting/i)
    expect(code).toBe(0)
  }
}
