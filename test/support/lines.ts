// Lines of an orders file.

/** The nine columns of the README. */
export const HEADER =
  'order_id,customer_id,customer_name,product_sku,product_name,quantity,unit_price,currency,order_date'

const DEFAULTS = {
  order: 'A-1',
  customer: 'C-1',
  name: 'Ann',
  sku: 'S-1',
  product: 'Widget',
  quantity: 1 as number | string,
  price: '10.00',
  currency: 'USD',
  date: '2025-01-15 10:00:00',
}

export type LineDraft = Partial<typeof DEFAULTS>

/** One line of an orders file. */
export function line(draft: LineDraft = {}): string {
  return Object.values({ ...DEFAULTS, ...draft }).join(',')
}

export function csv(...lines: string[]): string {
  return `${[HEADER, ...lines].join('\n')}\n`
}
