// Online Retail and Online Retail II (UCI). The number of a cancelled invoice starts with C.
import type { Preset } from './preset.js'

export const onlineRetail: Preset = {
  name: 'online-retail',
  reads: 'Online Retail (UCI)',
  headers: [
    ['InvoiceNo', 'StockCode', 'Quantity', 'InvoiceDate', 'UnitPrice'],
    ['Invoice', 'StockCode', 'Quantity', 'InvoiceDate', 'Price'],
  ],
  mapping: {
    preset: 'online-retail',
    columns: {
      order_id: ['InvoiceNo', 'Invoice'],
      customer_id: ['CustomerID'],
      product_sku: ['StockCode'],
      product_name: ['Description'],
      quantity: ['Quantity'],
      unit_price: ['UnitPrice', 'Price'],
      order_date: ['InvoiceDate'],
    },
    skip: [
      { reason: 'cancelled', column: 'InvoiceNo', startsWith: 'C' },
      { reason: 'cancelled', column: 'Invoice', startsWith: 'C' },
      { reason: 'return', column: 'Quantity', startsWith: '-' },
    ],
  },
}
