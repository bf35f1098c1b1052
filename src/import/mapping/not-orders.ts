// Files of well-known systems that are no order files, as data, and rules that recognise others like them. Each refusal
// says what the file has, what it lacks, and what to export instead.
import { type UserError, usageError } from '../../errors.js'
import type { NamedColumns } from './name-columns.js'
import { normalName } from './names.js'

export interface NotOrders {
  /** Completes "This is …". */
  readonly what: string
  /** The reason, a sentence without its subject. */
  readonly why: string
  readonly instead: string
  /** A file is this one if it has all columns of one of these headers. */
  readonly headers: readonly (readonly string[])[]
}

const PAYMENTS = {
  why: 'it has amounts, but no products',
  instead: 'Export the orders, with a line per item, from the shop that took them, and import that file.',
}

const SHOPIFY_ORDERS = 'Export Orders from the Shopify admin instead (Orders > Export), and import that file.'

export const NOT_ORDERS: readonly NotOrders[] = [
  {
    what: 'an Etsy Sold Orders export',
    why: 'it has one line per order, without products and prices',
    instead: 'Export "Order Items" from Etsy instead of "Orders", and import that file.',
    headers: [['Sale Date', 'Order ID', 'Number of Items', 'Order Value', 'Order Total', 'Order Net']],
  },
  {
    what: 'an Etsy statement',
    ...PAYMENTS,
    instead: 'Export "Order Items" from Etsy instead, and import that file.',
    headers: [['Date', 'Type', 'Title', 'Info', 'Currency', 'Amount', 'Fees & Taxes', 'Net']],
  },
  {
    what: 'a Stripe payments export',
    ...PAYMENTS,
    headers: [
      ['id', 'Amount', 'Amount Refunded', 'Captured', 'Fee', 'PaymentIntent ID'],
      ['id', 'Amount', 'Amount Refunded', 'Captured', 'Fee', 'Card ID', 'Customer ID'],
    ],
  },
  {
    what: 'a Stripe balance report',
    ...PAYMENTS,
    headers: [
      ['balance_transaction_id', 'reporting_category', 'gross', 'fee', 'net'],
      ['id', 'Type', 'Source', 'Amount', 'Fee', 'Net', 'Available On (UTC)'],
    ],
  },
  {
    what: 'a PayPal activity export',
    why: 'it lists movements of money (payments, refunds, withdrawals), not products sold',
    instead: PAYMENTS.instead,
    headers: [
      ['Date', 'Time', 'TimeZone', 'Type', 'Gross', 'Fee', 'Net', 'Transaction ID'],
      ['Datum', 'Uhrzeit', 'Zeitzone', 'Brutto', 'Netto', 'Transaktionscode'],
      ['Date', 'Heure', 'Fuseau horaire', 'Net', 'Numéro de transaction'],
      ['Fecha', 'Hora', 'Bruto', 'Neto', 'Id. de transacción'],
    ],
  },
  {
    what: 'an Amazon settlement report',
    why: 'it has a line per amount (price, shipping, commission), not per item sold',
    instead: 'Download the report All Orders from Amazon Seller Central, and import that file.',
    headers: [
      ['settlement-id', 'transaction-type', 'order-id'],
      ['settlement id', 'type', 'order id', 'selling fees'],
    ],
  },
  {
    what: 'a WooCommerce Analytics export',
    why: 'its column Product(s) holds all products of an order in one cell, without prices',
    instead: 'Use an order export plugin for WooCommerce that writes a line per item, and import that file.',
    headers: [['Order #', 'Status', 'Product(s)', 'Items sold', 'Net Sales']],
  },
  {
    what: 'a Shopify payouts export',
    ...PAYMENTS,
    instead: SHOPIFY_ORDERS,
    headers: [
      ['Payout Date', 'Status', 'Charges', 'Refunds', 'Adjustments', 'Total'],
      ['Transaction Date', 'Type', 'Order', 'Payout Status', 'Amount', 'Fee', 'Net'],
    ],
  },
  {
    what: 'a Shopify transactions export',
    ...PAYMENTS,
    instead: SHOPIFY_ORDERS,
    headers: [['Order', 'Name', 'Kind', 'Gateway', 'Status', 'Amount']],
  },
  {
    what: 'a Shopify products export',
    why: 'it lists products, not orders',
    instead: `${SHOPIFY_ORDERS} \`orderctl products import\` reads products.`,
    headers: [['Handle', 'Title', 'Vendor', 'Variant SKU', 'Variant Price']],
  },
  {
    what: 'an eBay transaction report',
    why: 'it has a line per amount (sales, fees, payouts), not per item sold',
    instead: 'Download the orders report from eBay Seller Hub (Orders > All orders), and import that file.',
    headers: [['Transaction creation date', 'Type', 'Order number', 'Net amount', 'Payout date']],
  },
  {
    what: 'a Square transactions export',
    ...PAYMENTS,
    instead: 'Export "Items Detail CSV" from Square instead of transactions, and import that file.',
    headers: [['Date', 'Time', 'Gross Sales', 'Net Sales', 'Total Collected', 'Net Total', 'Transaction ID']],
  },
]

export function notOrdersError({ what, why, instead }: Omit<NotOrders, 'headers'>, file: string): UserError {
  return usageError({
    code: 'not_orders',
    message: `${file} is not an order file. This is ${what}: ${why}.`,
    fix: instead,
  })
}

/** Names of columns that only lists of payments and payouts have. */
const PAYMENT_NAMES = new Set(
  [
    'fee, fees, processing fee, processing fees, transaction fee, transaction fees, payment fee, selling fees, commission, commissions',
    'commission amount, fee amount, net, net total, net payout, payout, payout id, payout date, payout amount, payout status, settlement id',
    'settlement date, settlement amount, amount type, amount description, balance, balance impact, card last4, card last 4, available on',
    'psp reference, iban, bic, account balance, verwendungszweck, buchungstag, buchungstext, wertstellung, gegenkonto',
    'gebühr, gebühren, provision, auszahlung, auszahlungsbetrag, auszahlungsdatum, guthaben, frais, versement, date versement',
    'comisión, comisiones, tarifa, liquidación, comissão, taxa, commissione, commissioni, accredito, kosten, uitbetaling',
  ]
    .join(',')
    .split(',')
    .map(normalName),
)

/** Names of the total of an order, which its items do not have. */
const ORDER_TOTAL_NAMES = new Set(
  [
    'order total, order amount, order value, order subtotal, grand total, grand total base, grand total purchased, total paid, amount paid, total order, order total amount, total paid real',
    'bestellsumme, bestellwert, auftragssumme, auftragswert, rechnungsbetrag, rechnungssumme, total commande, montant commande, total payé',
    'total pedido, total del pedido, importe total del pedido, total do pedido, valor do pedido, totale ordine, importo ordine',
    'ordertotaal, orderbedrag, totaal bestelling, invoice total, invoice amount, total facture, totale fattura',
  ]
    .join(',')
    .split(',')
    .map(normalName),
)

/**
 * Recognises a file that lacks fields of an order line as something else than orders.
 *
 * @param rows some of its records
 * @returns undefined if nothing says that it is something else: then columns are missing
 */
export function looksLike(
  header: readonly string[],
  named: NamedColumns,
  rows: readonly (readonly string[])[],
): Omit<NotOrders, 'headers'> | undefined {
  const hasProducts = (named.product_sku ?? named.product_name) !== undefined
  const names = header.map(normalName)
  const json = named.quantity ? -1 : header.findIndex((_, index) => rows.some((cells) => isJson(cells[index])))
  if (json >= 0) {
    return {
      what: 'a list of orders with their items packed into one cell',
      why: `the items in its column ${header[json]?.trim()} are JSON`,
      instead: 'Write one line per item, with a column each for product, quantity and price, and import that file.',
    }
  }
  const folded = named.quantity ? -1 : header.findIndex((_, index) => rows.some((cells) => isFolded(cells[index])))
  if (folded >= 0) {
    return {
      what: 'a list of orders with their items packed into one cell',
      why: `its column ${header[folded]?.trim()} holds all items of an order`,
      instead: 'Export a line per item, with a column each for product, quantity and price, and import that file.',
    }
  }
  const hasPayments = names.some((name) => PAYMENT_NAMES.has(name))
  if (hasPayments && !(named.unit_price || named.line_total) && !(hasProducts && named.quantity)) {
    return { what: 'a list of payments', ...PAYMENTS }
  }
  const total = header.find((name) => ORDER_TOTAL_NAMES.has(normalName(name))) ?? named.any_total?.[0]?.name
  if (named.order_id && total !== undefined && !hasProducts && !named.quantity && !named.unit_price) {
    return {
      what: 'a list of orders without their items',
      why: `it has one line per order with its total (${total.trim()}), but no products, quantities and prices`,
      instead: 'Export the items of the orders, with a line per item, and import that file.',
    }
  }
  return listWithoutOrders(named, hasProducts)
}

const EXPORT_ORDERS = 'Export the orders, with a line per item, and import that file.'

function listWithoutOrders(named: NamedColumns, hasProducts: boolean): Omit<NotOrders, 'headers'> | undefined {
  if (named.order_id || (named.order_date && named.quantity)) return undefined
  if (hasProducts && (named.quantity || named.any_total) && !named.unit_price) {
    return { what: 'a summary by product', why: 'it has no orders', instead: EXPORT_ORDERS }
  }
  if (hasProducts && named.unit_price && !named.quantity) {
    const instead = `${EXPORT_ORDERS} \`orderctl products import\` reads products.`
    return { what: 'a list of products', why: 'it has no orders and quantities', instead }
  }
  if ((named.customer_key || named.customer_email) && !hasProducts && !named.quantity) {
    return { what: 'a list of customers', why: 'it has no orders and products', instead: EXPORT_ORDERS }
  }
  return undefined
}

/** Whether the columns are those of a payout: its amounts are fees and commissions as well as sales. */
export function hasPaymentColumns(header: readonly string[]): boolean {
  return header.some((name) => PAYMENT_NAMES.has(normalName(name)))
}

const isJson = (cell = '') => /^\s*(\[\s*\{|\{\s*['"])/.test(cell)

/** As in `2× Starter, 1× Basket`, `2 x Tea; 1 x Cup` and `Product SKU: T-1, Product Qty: 2`. */
const isFolded = (cell = '') =>
  /^\s*\d+\s*(×|x\s.+[,;|\n]\s*\d+\s*x\s)|\b(qty|quantity|menge|cantidad|quantité)\s*[:=]\s*\d/i.test(cell)
