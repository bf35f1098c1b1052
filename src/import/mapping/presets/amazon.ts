// Amazon: the reports All Orders, New Orders and Amazon Fulfilled Shipments. `item-price` is the total of the line. A
// pending order is not paid, and often has no price yet. Quotes are ordinary characters: an inch mark ends no cell.
import type { Preset } from './preset.js'

export const amazon: Preset = {
  name: 'amazon',
  reads: 'Amazon, reports All Orders, New Orders, Fulfilled Shipments',
  headers: [
    ['amazon-order-id', 'purchase-date', 'quantity', 'item-price'],
    ['order-id', 'order-item-id', 'purchase-date', 'quantity-purchased', 'item-price'],
    ['amazon-order-id', 'shipment-item-id', 'purchase-date', 'quantity-shipped', 'item-price'],
  ],
  mapping: {
    preset: 'amazon',
    columns: {
      order_id: ['amazon-order-id', 'order-id'],
      customer_id: ['buyer-email'],
      customer_name: ['buyer-name'],
      product_sku: ['sku'],
      product_name: ['product-name'],
      quantity: ['quantity', 'quantity-purchased', 'quantity-shipped'],
      line_total: ['item-price'],
      currency: ['currency'],
      order_date: ['purchase-date'],
    },
    quotes: false,
    skip: [
      { reason: 'cancelled', column: 'order-status', is: ['cancelled', 'canceled'] },
      { reason: 'cancelled', column: 'item-status', is: ['cancelled', 'canceled'] },
      { reason: 'pending', column: 'order-status', is: ['pending'] },
    ],
  },
}
