// An order as tables: names and values, lines, reservations, payments.
import { currencyDecimals, formatAmount, PRICE_DECIMALS } from '../domain/money.js'
import type { OrderDetail } from '../reports/orders.js'
import type { Table } from '../terminal/table.js'
import { pairs, tableOf, type Value } from './list.js'

export function orderTables(order: OrderDetail): Table[] {
  const reserved = { key: 'sku', heading: 'reserved sku' } as const
  const held = tableOf(['attempt', reserved, 'quantity', 'state', 'expires_at'], order.reservations)
  const paid = tableOf(
    [
      { key: 'idempotency_key', heading: 'payment key' },
      ...(['status', 'amount', 'gateway_reference', 'unanswered', 'asked_at', 'answered_at'] as const),
      { key: 'message', flexible: true },
    ],
    order.payments,
  )
  return [headerOf(order), linesOf(order), held, paid].filter(({ rows }) => rows.length > 0)
}

function headerOf(order: OrderDetail): Table {
  const { started_at, id, file, line } = order.import
  const rows: (readonly [string, Value])[] = [
    ['status', order.status],
    ['reason', order.reason],
    ['message', order.message],
    ['attempts', String(order.attempts)],
    ['customer', `${order.customer_id} ${order.customer_name}`],
    ['total', `${formatAmount(order.total)} ${order.currency}`],
    ['order date', order.order_date],
    ['business day', order.business_day],
    [order.claimed ? 'with a worker until' : 'due at', order.due_at],
    ['settled at', order.settled_at],
    ['cleared at', order.cleared_at],
    ['source', order.source],
    ['import', `${id} of ${started_at.toISOString()}`],
    ['file', `${file}, line ${line ?? '–'}`],
  ]
  const known = rows.filter(([, value]) => value !== null)
  return tableOf(pairs('order', order.order_id), known)
}

function linesOf({ lines, currency }: OrderDetail): Table {
  const decimals = { minimumFractionDigits: currencyDecimals(currency), maximumFractionDigits: PRICE_DECIMALS }
  const price = (line: OrderDetail['lines'][number]) => line.unit_price.toLocaleString('en', decimals)
  const unitPrice = { heading: 'unit price', value: price, align: 'right' } as const
  return tableOf(['line', 'sku', { key: 'name', flexible: true }, 'quantity', unitPrice, 'total'], lines)
}
