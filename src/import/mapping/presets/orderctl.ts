// The nine columns that orderctl has always read.
import type { Preset } from './preset.js'

export const orderctl: Preset = {
  name: 'orderctl',
  reads: 'the nine columns of orderctl',
  headers: [
    [
      'order_id',
      'customer_id',
      'customer_name',
      'product_sku',
      'product_name',
      'quantity',
      'unit_price',
      'currency',
      'order_date',
    ],
  ],
  mapping: {
    preset: 'orderctl',
    columns: {
      order_id: ['order_id'],
      customer_id: ['customer_id'],
      customer_name: ['customer_name'],
      product_sku: ['product_sku'],
      product_name: ['product_name'],
      quantity: ['quantity'],
      unit_price: ['unit_price'],
      currency: ['currency'],
      order_date: ['order_date'],
    },
    guests: false,
  },
}
