// The status and the date of an order as tables show them.
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

/** Shown in place of the order date of a row: `2025-01-15T17:41:00` -> `2025-01-15 17:41`. */
export function orderDateLabel({ order_date }: { readonly order_date: string }): string {
  return order_date.replace('T', ' ').slice(0, 'YYYY-MM-DD HH:MM'.length)
}
