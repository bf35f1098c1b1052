// Lines of an orders file.

/** The nine columns of the README. */
export const HEADER =
  'order_id,customer_id,customer_name,product_sku,product_name,quantity,unit_price,currency,order_date'

export interface LineDraft {
  readonly order?: string
  readonly customer?: string
  readonly name?: string
  readonly sku?: string
  readonly product?: string
  readonly quantity?: number | string
  readonly price?: string
  readonly currency?: string
  readonly date?: string
}

/** One line of an orders file; what the test does not name is sound. */
export function line(draft: LineDraft = {}): string {
  const { order = 'A-1', customer = 'C-1', name = 'Ann', sku = 'S-1', product = 'Widget', quantity = 1 } = draft
  const { price = '10.00', currency = 'USD', date = '2025-01-15 10:00:00' } = draft
  return [order, customer, name, sku, product, quantity, price, currency, date].join(',')
}

export function csv(...lines: string[]): string {
  return `${[HEADER, ...lines].join('\n')}\n`
}
