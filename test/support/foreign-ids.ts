// Two orders whose ids are equal if a database loses the letters that a Latin character set lacks.
import { expect } from 'vitest'
import type { EngineShop } from './engine-shop.js'
import { csv, line } from './lines.js'

/** Imports and settles one, then the other, then imports both again, into an empty database. */
export async function expectKeptApart(shop: EngineShop): Promise<void> {
  const lineOf = (who: string, price: string) =>
    line({ order: `${who}-1`, customer: who, name: `${who} 😀`, sku: `${who}/s`, product: `${who}品`, price })
  const lines = [lineOf('李', '10.00'), lineOf('雷', '500.00')]
  const importing = async (...content: string[]) =>
    (await shop.json('import', shop.file('orders.csv', csv(...content)))).result
  for (const one of lines) {
    expect(await importing(one)).toMatchObject({ orders: 1, imported: 1, duplicates: 0, rejected: 0 })
    await shop.runWith({ ORDERCTL_PAYMENT_SUCCESS_RATE: '1' }, 'work', '--drain')
  }
  expect(await importing(...lines)).toMatchObject({ orders: 0, imported: 0, duplicates: 2, rejected: 0 })

  expect((await shop.json('orders', 'list')).result).toMatchObject({
    total: 2,
    orders: [
      { order_id: '雷-1', customer_id: '雷', customer_name: '雷 😀', status: 'completed', total: 500 },
      { order_id: '李-1', customer_id: '李', customer_name: '李 😀', status: 'completed', total: 10 },
    ],
  })
  const shown = (await shop.json('orders', 'show', '李-1')).result
  expect(shown).toMatchObject({ total: 10, lines: [{ sku: '李/s', name: '李品' }] })
  await shop.expectAuditClean()
}
