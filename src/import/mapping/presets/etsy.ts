// Etsy: sold order items. Dates are month first in every country.
import type { Preset } from './preset.js'

export const etsy: Preset = {
  name: 'etsy',
  reads: 'Etsy, sold order items',
  headers: [['Sale Date', 'Item Name', 'Buyer', 'Quantity', 'Price', 'Listing ID', 'Order ID']],
  mapping: {
    preset: 'etsy',
    columns: {
      order_id: ['Order ID'],
      customer_id: ['Buyer'],
      product_sku: ['SKU'],
      product_name: ['Item Name'],
      quantity: ['Quantity'],
      unit_price: ['Price'],
      currency: ['Currency'],
      order_date: ['Sale Date'],
    },
    dateOrder: 'mdy',
  },
}
