// An order as tables: details, lines, reservations, payments, refunds, and what people changed.
import { clockAt } from '../domain/business-day.js'
import { type Currency, currencyDecimals, formatAmount, PRICE_DECIMALS } from '../domain/money.js'
import type { OrderDetail } from '../reports/orders.js'
import type { Table } from '../terminal/table.js'
import { pairs, tableOf, type Value } from './list.js'
import { orderDateIn, STATUS_LABELS } from './status-words.js'

/** How a gateway was asked for a payment or a refund, and what it answered. */
const REQUEST_COLUMNS = [
  { key: 'gateway_reference', dropOrder: 3 },
  { key: 'unanswered', varies: true },
  { key: 'asked_at', heading: 'requested at', dropOrder: 1 },
  { key: 'answered_at', dropOrder: 2 },
  { key: 'message', flexible: true },
] as const

/** Columns that `orders show` and `orders refunds` share. */
export const REFUND_COLUMNS = [{ key: 'restock', varies: true }, ...REQUEST_COLUMNS] as const

/** @param timeZone of the instants */
export function orderTables(order: OrderDetail, timeZone: string): Table[] {
  const inZone = { timeZone }
  const reserved = { key: 'sku', heading: 'reserved sku' } as const
  const reservations = tableOf(['attempt', reserved, 'quantity', 'state', 'expires_at'], order.reservations, inZone)
  const payments = tableOf(
    [{ key: 'idempotency_key', minWidth: 24 }, 'status', 'amount', ...REQUEST_COLUMNS],
    order.payments,
    inZone,
  )
  const refunds = tableOf(['refund', 'status', 'amount', ...REFUND_COLUMNS], order.refunds, inZone)
  const actions = tableOf(
    ['at', 'command', { key: 'os_user', heading: 'user' }, 'host', 'reason', { key: 'details', flexible: true }],
    order.actions,
    inZone,
  )
  return [detailsOf(order, timeZone), linesOf(order), reservations, payments, refunds, actions].filter(
    ({ rows }) => rows.length > 0,
  )
}

function detailsOf(order: OrderDetail, timeZone: string): Table {
  const { started_at, id, file, line } = order.import
  const rows: (readonly [string, Value])[] = [
    ['Status', STATUS_LABELS[order.status]],
    ['Reason', order.reason],
    ['Message', order.message],
    ['Attempts', String(order.attempts)],
    ['Customer', [...new Set([order.customer_id, order.customer_name])].join(' ')],
    ['Total', order.total],
    ['Order date', orderDateIn(timeZone)(order)],
    ['Business day', order.business_day],
    [order.claimed ? 'Claimed until' : 'Due at', order.due_at],
    ['Settled at', order.settled_at],
    ['Cleared at', order.cleared_at],
    ...order.changes.map((change) => ['Changed', changeText(change, timeZone)] as const),
    ['Source', order.source],
    ['Imported at', started_at],
    ['Import', id],
    ['File', line === null ? file : `${file}, line ${line}`],
  ]
  const known = rows.filter(([, value]) => value !== null)
  const { columns, rows: details } = tableOf(pairs('Order', ''), known, { timeZone })
  // tableOf would capitalize the id.
  return { columns: columns.with(1, { heading: order.order_id, flexible: true }), rows: details }
}

function changeText({ changed_at, changed_by, import_id, before }: OrderDetail['changes'][number], timeZone: string) {
  const { total, lines } = before
  const items = lines
    .map(({ sku, quantity, unit_price: price, total: { currency, minor } }) =>
      price === null
        ? `${quantity} x ${sku} for ${formatAmount({ currency, minor })}`
        : `${quantity} x ${sku} at ${priceText(price, currency)}`,
    )
    .join(', ')
  const who = `${clockAt(changed_at.getTime(), timeZone)} by ${changed_by}, import ${import_id}`
  return `${who}; before: ${formatAmount(total)} ${total.currency}, customer ${before.customer_id}, ${items}`
}

export function priceText(price: number, currency: Currency): string {
  const decimals = { minimumFractionDigits: currencyDecimals(currency), maximumFractionDigits: PRICE_DECIMALS }
  return price.toLocaleString('en', decimals)
}

function linesOf({ lines, currency }: OrderDetail): Table {
  const price = ({ unit_price }: OrderDetail['lines'][number]) =>
    unit_price === null ? null : priceText(unit_price, currency)
  const unitPrice = { heading: 'unit price', value: price, align: 'right' } as const
  return tableOf(['line', 'sku', { key: 'name', flexible: true }, 'quantity', unitPrice, 'total'], lines)
}
