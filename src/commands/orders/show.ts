// `orders show`: an order as key and value, then a table each of its lines, reservations and payments.
import { Args } from '@oclif/core'
import { BaseCommand } from '../../command-line/base-command.js'
import { readId, sourceFlag } from '../../command-line/selection-flags.js'
import { formatAmount, formatPrice, majorUnits } from '../../domain/money.js'
import { type OrderDetail, showOrder } from '../../reports/orders.js'
import type { Table } from '../../terminal/table.js'
import { isoTime } from '../../terminal/text.js'

export interface OrdersShowResult {
  order_id: string
  source: string
  status: string
  reason: string | null
  message: string | null
  attempts: number
  customer_id: string
  customer_name: string
  currency: string
  total: number
  order_date: string
  business_day: string
  /** When a worker may next take it, or while one has it, when its lease ends. */
  due_at: string | null
  settled_at: string | null
  cleared_at: string | null
  lines: { line: number; sku: string; name: string; quantity: number; unit_price: number; total: number }[]
  reservations: { attempt: number; sku: string; quantity: number; state: string; expires_at: string }[]
  payments: {
    attempt: number
    idempotency_key: string
    status: string
    currency: string
    amount: number
    gateway_reference: string | null
    message: string | null
    /** How often the gateway was asked and gave no answer. */
    unanswered: number
    asked_at: string
    answered_at: string | null
  }[]
  import: { id: number; file: string; line: number | null; started_at: string }
}

export default class OrdersShow extends BaseCommand {
  static override summary = 'Show one order whole'
  static override description = 'Its lines, the stock held for it, every payment asked for, and where it came from.'
  static override examples = [
    '<%= config.bin %> orders show 1001',
    '<%= config.bin %> orders show 1001 --source shop-b',
  ]

  static override args = {
    id: Args.string({ description: 'the order, by its id', required: true, ignoreStdin: true, parse: readId }),
  }

  static override flags = { source: sourceFlag }

  async run(): Promise<OrdersShowResult> {
    const { args, flags } = await this.parse(OrdersShow)
    const order = await this.withApp(({ db }) => showOrder(db, args.id, flags.source))
    this.showTable(headerTable(order))
    this.showTable(lineTable(order))
    if (order.reservations.length > 0) this.showTable(reservationTable(order))
    if (order.payments.length > 0) this.showTable(paymentTable(order))
    return orderJson(order)
  }
}

function headerTable(order: OrderDetail): Table {
  const rows: [string, string | null][] = [
    ['status', order.status],
    ['reason', order.reason],
    ['message', order.message],
    ['attempts', String(order.attempt)],
    ['customer', `${order.customer} ${order.customerName}`],
    ['total', `${formatAmount({ currency: order.currency, minor: order.total })} ${order.currency}`],
    ['order date', order.ordered_at],
    ['business day', order.business_day],
    [order.lease_token === null ? 'due at' : 'with a worker until', isoTime(order.due_at)],
    ['settled at', isoTime(order.settled_at)],
    ['cleared at', isoTime(order.cleared_at)],
    ['source', order.source],
    ['import', `${order.import_id} of ${isoTime(order.importedAt)}`],
    ['file', `${order.file}, line ${order.lines[0]?.line_number ?? '–'}`],
  ]
  return {
    columns: [{ heading: 'order' }, { heading: order.reference, flexible: true }],
    rows: rows.filter(([, value]) => value !== null),
  }
}

function lineTable({ lines, currency }: OrderDetail): Table {
  return {
    columns: [
      { heading: 'line', align: 'right' },
      { heading: 'sku' },
      { heading: 'name', flexible: true },
      { heading: 'quantity', align: 'right' },
      { heading: 'unit price', align: 'right' },
      { heading: 'total', align: 'right' },
    ],
    rows: lines.map((line) => [
      line.line_number,
      line.sku,
      line.name,
      line.quantity,
      formatPrice(line.unit_price, currency),
      formatAmount({ currency, minor: line.total }),
    ]),
  }
}

function reservationTable({ reservations }: OrderDetail): Table {
  return {
    columns: [
      { heading: 'attempt', align: 'right' },
      { heading: 'reserved sku' },
      { heading: 'quantity', align: 'right' },
      { heading: 'state' },
      { heading: 'expires at' },
    ],
    rows: reservations.map((held) => [held.attempt, held.sku, held.quantity, held.state, isoTime(held.expires_at)]),
  }
}

function paymentTable({ payments }: OrderDetail): Table {
  return {
    columns: [
      { heading: 'payment key' },
      { heading: 'status' },
      { heading: 'amount', align: 'right' },
      { heading: 'gateway reference' },
      { heading: 'unanswered', align: 'right' },
      { heading: 'asked at' },
      { heading: 'answered at' },
      { heading: 'message', flexible: true },
    ],
    rows: payments.map((payment) => [
      payment.idempotency_key,
      payment.status,
      formatAmount({ currency: payment.currency, minor: payment.amount }),
      payment.gateway_reference,
      payment.unanswered,
      isoTime(payment.created_at),
      isoTime(payment.answered_at),
      payment.message,
    ]),
  }
}

function orderJson(order: OrderDetail): OrdersShowResult {
  const { currency } = order
  return {
    order_id: order.reference,
    source: order.source,
    status: order.status,
    reason: order.reason,
    message: order.message,
    attempts: order.attempt,
    customer_id: order.customer,
    customer_name: order.customerName,
    currency,
    total: majorUnits({ currency, minor: order.total }),
    order_date: order.ordered_at,
    business_day: order.business_day,
    due_at: isoTime(order.due_at),
    settled_at: isoTime(order.settled_at),
    cleared_at: isoTime(order.cleared_at),
    lines: order.lines.map((line) => ({
      line: line.line_number,
      sku: line.sku,
      name: line.name,
      quantity: line.quantity,
      unit_price: Number(formatPrice(line.unit_price, currency)),
      total: majorUnits({ currency, minor: line.total }),
    })),
    reservations: order.reservations.map((held) => ({
      ...held,
      expires_at: new Date(held.expires_at).toISOString(),
    })),
    payments: order.payments.map((payment) => ({
      attempt: payment.attempt,
      idempotency_key: payment.idempotency_key,
      status: payment.status,
      currency: payment.currency,
      amount: majorUnits({ currency: payment.currency, minor: payment.amount }),
      gateway_reference: payment.gateway_reference,
      message: payment.message,
      unanswered: payment.unanswered,
      asked_at: new Date(payment.created_at).toISOString(),
      answered_at: isoTime(payment.answered_at),
    })),
    import: {
      id: order.import_id,
      file: order.file,
      line: order.lines[0]?.line_number ?? null,
      started_at: new Date(order.importedAt).toISOString(),
    },
  }
}
