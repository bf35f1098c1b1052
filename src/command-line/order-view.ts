// An order as tables: details, lines, reservations and payments.
import { currencyDecimals, formatAmount, PRICE_DECIMALS } from '../domain/money.js'
import type { OrderDetail } from '../reports/orders.js'
import type { Table } from '../terminal/table.js'
import { pairs, tableOf, type Value } from './list.js'

export function orderTables(order: OrderDetail): Table[] {
  const reserved = { key: 'sku', heading: 'reserved sku' } as const
  const reservations = tableOf(['attempt', reserved, 'quantity', 'state', 'expires_at'], order.reservations)
  const payments = tableOf(
    [
      'idempotency_key',
      ...(['status', 'amount', 'gateway_reference', 'unanswered'] as const),
      { key: 'asked_at', heading: 'requested at' },
      'answered_at',
      { key: 'message', flexible: true },
    ],
    order.payments,
  )
  return [detailsOf(order), linesOf(order), reservations, payments].filter(({ rows }) => rows.length > 0)
}

function detailsOf(order: OrderDetail): Table {
  const { started_at, id, file, line } = order.import
  const rows: (readonly [string, Value])[] = [
    ['Status', order.status],
    ['Reason', order.reason],
    ['Message', order.message],
    ['Attempts', String(order.attempts)],
    ['Customer', `${order.customer_id} ${order.customer_name}`],
    ['Total', `${formatAmount(order.total)} ${order.currency}`],
    ['Order date', order.order_date],
    ['Business day', order.business_day],
    [order.claimed ? 'Claimed until' : 'Due at', order.due_at],
    ['Settled at', order.settled_at],
    ['Cleared at', order.cleared_at],
    ['Source', order.source],
    ['Import', `${id}, started ${started_at.toISOString()}`],
    ['File', `${file}, line ${line ?? '–'}`],
  ]
  const known = rows.filter(([, value]) => value !== null)
  const { columns, rows: details } = tableOf(pairs('Order', ''), known)
  // tableOf would capitalize the id.
  return { columns: columns.with(1, { heading: order.order_id, flexible: true }), rows: details }
}

function linesOf({ lines, currency }: OrderDetail): Table {
  const decimals = { minimumFractionDigits: currencyDecimals(currency), maximumFractionDigits: PRICE_DECIMALS }
  const price = (line: OrderDetail['lines'][number]) => line.unit_price.toLocaleString('en', decimals)
  const unitPrice = { heading: 'unit price', value: price, align: 'right' } as const
  return tableOf(['line', 'sku', { key: 'name', flexible: true }, 'quantity', unitPrice, 'total'], lines)
}
