// The systems whose exports are read as they are. Columns that a file does not have are ignored, so one mapping serves
// all headers of a system.
import { FIELDS, type Mapping } from './mapping.js'

export interface Export extends Omit<Mapping, 'preset'> {
  /** What it reads, for lists. */
  readonly reads: string
  /** A file is the system's if it has all columns of one of these headers. */
  readonly headers: readonly (readonly string[])[]
}

/** What orderctl has always read, named for its fields. */
export const OWN_COLUMNS = FIELDS.filter((field) => field !== 'line_total')

/** By the names of their presets, in the order in which lists show them. */
export const EXPORTS: Readonly<Record<string, Export>> = {
  orderctl: {
    reads: 'the nine columns of orderctl',
    headers: [OWN_COLUMNS],
    columns: Object.fromEntries(OWN_COLUMNS.map((field) => [field, [field]])),
    lineTotals: ['line_total'],
    guests: false,
    unsold: false,
  },
  // Shopify: Orders > Export. An order has a line per item; only its first line has the fields of the order.
  shopify: {
    reads: 'Shopify, orders export',
    headers: [['Name', 'Lineitem quantity', 'Lineitem name']],
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
  // WooCommerce, by its export plugins: a line per item, or a line per order with its items packed into `line_item_1`
  // and so on (WebToffee). A line's total is before coupons: `sub_total`, where the file has it.
  woocommerce: {
    reads: 'WooCommerce, order export plugins',
    headers: [
      ['order_number', 'order_currency', 'quantity', 'item_total'],
      ['order_number', 'order_currency', 'line_item_1'],
      ['Order Number', 'Order Status', 'Quantity (- Refund)', 'Item Cost'],
    ],
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
  // Amazon: the reports All Orders, New Orders and Amazon Fulfilled Shipments. `item-price` is the total of the line. A
  // pending order is not paid, and often has no price yet. Quotes are ordinary characters: an inch mark ends no cell.
  amazon: {
    reads: 'Amazon, reports All Orders, New Orders, Fulfilled Shipments',
    headers: [
      ['amazon-order-id', 'purchase-date', 'quantity', 'item-price'],
      ['order-id', 'order-item-id', 'purchase-date', 'quantity-purchased', 'item-price'],
      ['amazon-order-id', 'shipment-item-id', 'purchase-date', 'quantity-shipped', 'item-price'],
    ],
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
  // eBay: orders report of Seller Hub. `Sold For` is for one unit. Above the items of an order with several stands a
  // line that sums them up: it has no item number. The report ends with the number of records and the seller.
  ebay: {
    reads: 'eBay, orders report',
    headers: [['Sales Record Number', 'Item Number', 'Quantity', 'Sold For', 'Sale Date']],
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
  // Etsy: sold order items. Dates are month first in every country.
  etsy: {
    reads: 'Etsy, sold order items',
    headers: [['Sale Date', 'Item Name', 'Buyer', 'Quantity', 'Price', 'Listing ID', 'Order ID']],
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
  // Square: item sales detail. `Gross Sales` is the total of the line before discounts. A refund may name the
  // transaction of the sale.
  square: {
    reads: 'Square, item sales detail',
    headers: [['Date', 'Time', 'Item', 'Qty', 'Gross Sales', 'Transaction ID']],
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
  // Toast: the report Item Selection Details. `Gross Price` is the total of the line, before discounts. `Order #`
  // starts again each day; `Order Id` does not.
  toast: {
    reads: 'Toast, report Item Selection Details',
    headers: [['Order Id', 'Order #', 'Menu Item', 'Gross Price', 'Net Price', 'Qty', 'Void?']],
    columns: {
      order_id: ['Order Id'],
      product_name: ['Menu Item'],
      quantity: ['Qty'],
      line_total: ['Gross Price'],
      order_date: ['Order Date'],
    },
    skip: [{ reason: 'voided', column: 'Void?', is: ['true', 'yes'] }],
  },
  // Superstore: Tableau's sample and the BI exports that copy its columns. `Sales` is the total of the line, and its
  // discount is already deducted.
  superstore: {
    reads: 'Superstore (Tableau) and BI exports like it',
    headers: [['Order ID', 'Order Date', 'Product ID', 'Sales', 'Quantity', 'Discount', 'Profit']],
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
  // Online Retail and Online Retail II (UCI). The number of a cancelled invoice starts with C.
  'online-retail': {
    reads: 'Online Retail (UCI)',
    headers: [
      ['InvoiceNo', 'StockCode', 'Quantity', 'InvoiceDate', 'UnitPrice'],
      ['Invoice', 'StockCode', 'Quantity', 'InvoiceDate', 'Price'],
    ],
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
