// Many processes that change the same rows: none waits for ever, and none reports the deadlocks after which it retried.

import { expect } from 'vitest'
import type { Outcome } from '../support/cli.js'
import { describeOnEngines } from '../support/engine-shop.js'
import { csv, line } from '../support/lines.js'

describeOnEngines(
  'contention',
  (test, engine) => {
    test('sells each of fifty products with a stock of one once, to 10,000 orders at three workers', async ({
      shop,
    }) => {
      const orders = Array.from({ length: 10_000 }, (_, index) =>
        line({ order: `A-${index}`, customer: `C-${index % 90}`, sku: `RARE-${index % 50}` }),
      )
      await shop.importing(csv(...orders), { ORDERCTL_INITIAL_STOCK: '1' })
      const worker = { ORDERCTL_PAYMENT_SUCCESS_RATE: '1', ORDERCTL_BATCH_SIZE: '100' }
      const ended = await Promise.all([1, 2, 3].map(() => shop.runWith(worker, 'work', '--drain')))
      expectQuiet(ended)
      expect(await shop.statuses()).toEqual({ completed: 50, failed: 9950 })
      expect(await shop.value('select count(*) from products where on_hand = 0 and reserved = 0')).toBe(50)
      await shop.expectAuditClean()
    })

    // SQLite runs one writing transaction at a time.
    if (engine === 'sqlite') return
    test('by imports and workers that name the same customers and products in opposite orders loses nothing', async ({
      shop,
    }) => {
      const stock = { ORDERCTL_INITIAL_STOCK: '100000' }
      const importing = (source: string, file: readonly string[]) =>
        shop.runWith(stock, 'import', shop.file(`${source}.csv`, csv(...file)), '--source', source)
      const forwards = crossing(1500)
      const backwards = [...forwards].reverse()
      expectQuiet(await Promise.all([importing('web', forwards), importing('till', backwards)]))
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
      expect(await shop.value('select sum(on_hand) from products')).toBe(506 * 100_000 - 4500 * (1 + 2 + 3 + 1))
      await shop.expectAuditClean()
    })
  },
  { concurrent: true },
)

/** Orders of 1, 2 and 3 units of three of six products, in alternating order, and of one of 500 others. */
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

function expectQuiet(ended: readonly Outcome[]): void {
  for (const { code, stderr } of ended) {
    expect(stderr).not.toMatch(/error|deadlock|again|reached|waiting/i)
    expect(code).toBe(0)
  }
}
