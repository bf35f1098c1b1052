// Superstore: Tableau's sample and the BI exports that copy its columns. `Sales` is the total of the line, and its
// discount is already deducted.
import type { Preset } from './preset.js'

export const superstore: Preset = {
  name: 'superstore',
  reads: 'Superstore (Tableau) and BI exports like it',
  headers: [['Order ID', 'Order Date', 'Product ID', 'Sales', 'Quantity', 'Discount', 'Profit']],
  mapping: {
    preset: 'superstore',
    columns: {
      order_id: ['Order ID'],
      customer_id: ['Customer ID'],
      customer_name: ['Customer Name'],
      product_sku: ['Product ID'],
      product_name: ['Product Name'],
      quantity: ['Quantity'],
      line_total: ['Sales'],
      order_date: ['Order Date'],
    },
  },
}
