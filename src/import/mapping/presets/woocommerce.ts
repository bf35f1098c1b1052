// WooCommerce, by its export plugins: a line per item, or a line per order with its items packed into `line_item_1` and
// so on (WebToffee). A line's total is before coupons: `sub_total`, where the file has it.
import type { Preset } from './preset.js'

export const woocommerce: Preset = {
  name: 'woocommerce',
  reads: 'WooCommerce, order export plugins',
  headers: [
    ['order_number', 'order_currency', 'quantity', 'item_total'],
    ['order_number', 'order_currency', 'line_item_1'],
    ['Order Number', 'Order Status', 'Quantity (- Refund)', 'Item Cost'],
  ],
  mapping: {
    preset: 'woocommerce',
    columns: {
      order_id: ['order_number'],
      customer_id: ['customer_id', 'customer_email', 'billing_email', 'Email (Billing)'],
      customer_name: ['First Name (Billing)', 'Last Name (Billing)'],
      product_sku: ['sku', 'item.sku'],
      product_name: ['product_name', 'item.name', 'Item Name'],
      quantity: ['quantity', 'item.quantity', 'Quantity (- Refund)'],
      unit_price: ['Item Cost'],
      line_total: ['item_total', 'item.sub_total'],
      currency: ['order_currency'],
      order_date: ['order_date'],
    },
    noCustomer: ['0'],
    skip: ['status', 'Order Status'].flatMap((column) => [
      { reason: 'cancelled', column, is: ['cancelled', 'wc-cancelled'] },
      { reason: 'refunded', column, is: ['refunded', 'wc-refunded'] },
      { reason: 'failed', column, is: ['failed', 'wc-failed'] },
    ]),
    items: { prefix: 'line_item_', separator: '|', assigns: ':' },
  },
}
