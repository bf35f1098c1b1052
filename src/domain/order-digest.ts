// The digest of what an order file says about an order. An archived order is compared by it with a later file.
import { createHash } from 'node:crypto'
import type { OrderVersion } from './order.js'

type Content = Pick<OrderVersion, 'currency' | 'ordered_at'> & {
  readonly lines: readonly Omit<OrderVersion['lines'][number], 'line_number'>[]
}

/**
 * Returns 128 bits as text. The order of the lines does not matter. The customer is left out and compared on its own,
 * so that nothing in a digest depends on a person.
 */
export function orderDigest({ currency, ordered_at, lines }: Content): string {
  const items = lines.map(({ sku, quantity, unit_price, total }) => JSON.stringify([sku, quantity, unit_price, total]))
  const content = JSON.stringify([currency, ordered_at, items.sort()])
  return createHash('sha256').update(content).digest('base64url').slice(0, 22)
}
