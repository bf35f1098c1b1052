// Shopify: Orders > Export. An order has a line per item; only its first line has the fields of the order.
import type { Preset } from './preset.js'

export const shopify: Preset = {
  name: 'shopify',
  reads: 'Shopify, orders export',
  headers: [['Name', 'Lineitem quantity', 'Lineitem name']],
  mapping: {
    preset: 'shopify',
    columns: {
      order_id: ['Name'],
      customer_id: ['Email', 'Billing Name'],
      customer_name: ['Billing Name'],
      product_sku: ['Lineitem sku'],
      product_name: ['Lineitem name'],
      quantity: ['Lineitem quantity'],
      unit_price: ['Lineitem price'],
      currency: ['Currency'],
      order_date: ['Created at'],
    },
    continued: true,
    skip: [
      { reason: 'cancelled', column: 'Cancelled at', cell: 'filled' },
      { reason: 'voided', column: 'Financial Status', is: ['voided'] },
      { reason: 'refunded', column: 'Financial Status', is: ['refunded'] },
    ],
  },
}
