// Square: item sales detail. `Gross Sales` is the total of the line before discounts. A refund may name the transaction
// of the sale.
import type { Preset } from './preset.js'

export const square: Preset = {
  name: 'square',
  reads: 'Square, item sales detail',
  headers: [['Date', 'Time', 'Item', 'Qty', 'Gross Sales', 'Transaction ID']],
  mapping: {
    preset: 'square',
    columns: {
      order_id: ['Transaction ID'],
      customer_id: ['Customer ID', 'Customer Name'],
      customer_name: ['Customer Name'],
      product_sku: ['SKU'],
      product_name: ['Item'],
      quantity: ['Qty'],
      line_total: ['Gross Sales'],
      order_date: ['Date', 'Time'],
    },
    skip: [
      { reason: 'return', column: 'Event Type', is: ['refund'] },
      { reason: 'return', column: 'Qty', startsWith: '-' },
    ],
  },
}
