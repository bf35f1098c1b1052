// Toast: the report Item Selection Details. `Gross Price` is the total of the line, before discounts. `Order #` starts
// again each day; `Order Id` does not.
import type { Preset } from './preset.js'

export const toast: Preset = {
  name: 'toast',
  reads: 'Toast, report Item Selection Details',
  headers: [['Order Id', 'Order #', 'Menu Item', 'Gross Price', 'Net Price', 'Qty', 'Void?']],
  mapping: {
    preset: 'toast',
    columns: {
      order_id: ['Order Id'],
      product_name: ['Menu Item'],
      quantity: ['Qty'],
      line_total: ['Gross Price'],
      order_date: ['Order Date'],
    },
    skip: [{ reason: 'voided', column: 'Void?', is: ['true', 'yes'] }],
  },
}
