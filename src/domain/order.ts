// Order statuses and the transitions between them. The database's CHECK constraint and the diagram in
// docs/architecture.md follow this table; test/drift compares the three.

import type { Currency } from './money.js'

/** Statuses of orders that are not settled yet. */
export const OPEN_STATUSES = ['pending', 'reserved', 'payment_processing'] as const

export const ORDER_STATUSES = [...OPEN_STATUSES, 'completed', 'failed', 'rolled_back'] as const
export type OrderStatus = (typeof ORDER_STATUSES)[number]

interface Transition {
  readonly from: OrderStatus
  readonly to: OrderStatus
  /** `worker`: a step of the workflow. `person`: a command, such as `orderctl failed retry`. */
  readonly by: 'worker' | 'person'
  readonly when: string
}

/** All allowed transitions. A `failed` order never reserved stock; a `rolled_back` order reserved and released it. */
export const TRANSITIONS: readonly Transition[] = [
  { from: 'pending', to: 'reserved', by: 'worker', when: 'stock for every line' },
  { from: 'pending', to: 'failed', by: 'worker', when: 'out of stock' },
  { from: 'pending', to: 'failed', by: 'person', when: 'cancelled' },
  { from: 'reserved', to: 'payment_processing', by: 'worker', when: 'payment intent written' },
  { from: 'reserved', to: 'rolled_back', by: 'worker', when: 'reservation expired' },
  { from: 'payment_processing', to: 'completed', by: 'worker', when: 'captured' },
  { from: 'payment_processing', to: 'rolled_back', by: 'worker', when: 'declined' },
  { from: 'payment_processing', to: 'completed', by: 'person', when: 'resolved as captured' },
  { from: 'payment_processing', to: 'rolled_back', by: 'person', when: 'resolved as not charged, or cancelled' },
  { from: 'failed', to: 'pending', by: 'person', when: 'retried manually' },
  { from: 'rolled_back', to: 'pending', by: 'person', when: 'retried manually' },
]

/** Final statuses without a sale. `orderctl failed retry` retries these orders. */
export const UNSOLD_STATUSES = ['failed', 'rolled_back'] as const satisfies readonly OrderStatus[]

/** Why an order is not completed. Stored with the order; scripts may match on it. */
export const FAILURE_REASONS = [
  'out_of_stock',
  'declined',
  'payment_unknown',
  'expired',
  'poison',
  'cancelled',
] as const
export type FailureReason = (typeof FAILURE_REASONS)[number]

/** Why an open order needs review: its payment outcome is unknown, or its workers died or hung repeatedly. */
export const REVIEW_REASONS = ['payment_unknown', 'poison'] as const satisfies readonly FailureReason[]
export type ReviewReason = (typeof REVIEW_REASONS)[number]

/** Statuses in which the reservations of an order's current attempt are live. */
export const HOLDING_STATUSES = ['reserved', 'payment_processing'] as const satisfies readonly OrderStatus[]

/** Returns the state of a reservation. It is derived from the order, so the two cannot disagree. */
export function reservationState(order: { status: OrderStatus; attempt: number }, attempt: number) {
  if (attempt !== order.attempt) return 'released'
  if (order.status === 'completed') return 'committed'
  return HOLDING_STATUSES.some((status) => status === order.status) ? 'live' : 'released'
}

export const PAYMENT_STATUSES = ['pending', 'captured', 'declined', 'unknown'] as const
export type PaymentStatus = (typeof PAYMENT_STATUSES)[number]

/** What a notification may say about an order. */
export const EVENT_KINDS = ['completed', 'failed', 'rolled_back', 'refunded', 'cancelled', 'needs_review'] as const
export type EventKind = (typeof EVENT_KINDS)[number]

/** Statuses of refunds whose outcome is not known. An order has at most one such refund. */
export const OPEN_REFUND_STATUSES = ['pending', 'unknown'] as const
export const REFUND_STATUSES = [...OPEN_REFUND_STATUSES, 'refunded', 'declined'] as const
export type RefundStatus = (typeof REFUND_STATUSES)[number]

/** The source of imports without `--source`. */
export const DEFAULT_SOURCE = 'default'

/** The content of an order, as it is stored or as a file has it. */
export interface OrderVersion {
  readonly customer_id: string
  readonly ordered_at: string
  readonly currency: Currency
  /** Minor units. */
  readonly total: number
  readonly lines: readonly {
    readonly line_number: number
    readonly sku: string
    readonly quantity: number
    /** Scaled by 10^PRICE_DECIMALS; null if the file has only the total of the line. */
    readonly unit_price: number | null
    /** Minor units. */
    readonly total: number
  }[]
}
