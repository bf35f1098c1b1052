// Writes an order file like a shop's: single-line orders, repeat customers, a few hundred products, quoted commas.
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'

const HEADER = 'order_id,customer_id,customer_name,product_sku,product_name,quantity,unit_price,currency,order_date\n'
/** Milliseconds from one order to the next, while all fit into a year. */
const PAUSE = 78_000
const YEAR = 365 * 86_400_000

/** @param {string} path @param {number} count @param {number} first the number of the first order */
export async function writeOrders(path, count, first = 0) {
  const out = createWriteStream(path)
  out.write(HEADER)
  const pause = Math.min(PAUSE, YEAR / (first + count))
  for (let index = first; index < first + count; index++) {
    const customer = (index * 7919) % 20_000
    const product = (index * 31) % 500
    // Sorted by time, as shops export them.
    const date = new Date(Date.UTC(2025, 0, 1) + index * pause).toISOString().slice(0, 19).replace('T', ' ')
    const line = `ORD-${1_000_000 + index},CUST-${customer},Customer Number ${customer},SKU-${product},"Product ${product}, size ${index % 5}",${1 + (index % 4)},${5 + (index % 200)}.${10 + (index % 90)},USD,${date}\n`
    if (!out.write(line)) await once(out, 'drain')
  }
  out.end()
  await once(out, 'finish')
}
