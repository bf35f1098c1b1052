// Writes an order file like a shop's: single-line orders, repeat customers, a few hundred products, quoted commas.
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'

/** @param {string} path @param {number} count */
export async function writeOrders(path, count) {
  const out = createWriteStream(path)
  out.write('order_id,customer_id,customer_name,product_sku,product_name,quantity,unit_price,currency,order_date\n')
  for (let index = 0; index < count; index++) {
    const customer = (index * 7919) % 20_000
    const product = (index * 31) % 500
    // Sorted by time, as shops export them: one order every 78 seconds.
    const date = new Date(Date.UTC(2025, 0, 1) + index * 78_000).toISOString().slice(0, 19).replace('T', ' ')
    const line = `ORD-${1_000_000 + index},CUST-${customer},Customer Number ${customer},SKU-${product},"Product ${product}, size ${index % 5}",${1 + (index % 4)},${5 + (index % 200)}.${10 + (index % 90)},USD,${date}\n`
    if (!out.write(line)) await once(out, 'drain')
  }
  out.end()
  await once(out, 'finish')
}
