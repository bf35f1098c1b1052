// The status and the date of an order as tables show them.
import { clockAt, shortClock } from '../domain/business-day.js'
import type { OrderStatus } from '../domain/order.js'
import { type Ink, type Part, part } from '../terminal/line.js'

export const STATUS_LABELS: Readonly<Record<OrderStatus, string>> = {
  pending: 'pending',
  reserved: 'reserved',
  payment_processing: 'processing',
  completed: 'completed',
  failed: 'failed',
  rolled_back: 'rolled back',
}

export const STATUS_INKS: Partial<Record<OrderStatus, Ink>> = {
  completed: 'good',
  failed: 'bad',
  rolled_back: 'warning',
}

/** Shown in place of the status of a row. */
export function statusPart({ status }: { readonly status: OrderStatus }): Part {
  return part(STATUS_LABELS[status], STATUS_INKS[status])
}

/** Returns what is shown in place of the order date of a row. A date without `Z` is the shop's local time. */
export function orderDateIn(timeZone: string) {
  const now = clockAt(Date.now(), timeZone)
  return ({ order_date }: { readonly order_date: string }) =>
    shortClock(order_date.endsWith('Z') ? clockAt(Date.parse(order_date), timeZone) : order_date.replace('T', ' '), now)
}
