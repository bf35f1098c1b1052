// eBay: orders report of Seller Hub. `Sold For` is for one unit. Above the items of an order with several stands a line
// that sums them up: it has no item number. The report ends with the number of records and the seller.
import type { Preset } from './preset.js'

export const ebay: Preset = {
  name: 'ebay',
  reads: 'eBay, orders report',
  headers: [['Sales Record Number', 'Item Number', 'Quantity', 'Sold For', 'Sale Date']],
  mapping: {
    preset: 'ebay',
    columns: {
      order_id: ['Order Number', 'Sales Record Number'],
      customer_id: ['Buyer Username', 'Buyer Name'],
      customer_name: ['Buyer Name'],
      product_sku: ['Custom Label', 'Custom Label (SKU)', 'Item Number'],
      product_name: ['Item Title'],
      quantity: ['Quantity'],
      unit_price: ['Sold For'],
      order_date: ['Sale Date'],
    },
    skip: [
      { reason: 'footer', column: 'Order Number', is: ['record(s) downloaded'] },
      { reason: 'summary', column: 'Item Number', cell: 'blank' },
    ],
    footers: ['Seller ID'],
  },
}
