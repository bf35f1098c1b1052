// An order's statuses and the moves between them. The database's CHECK and the diagram in docs/architecture.md are made
// from this table; test/drift holds the three together.

/** Statuses that a worker still has to move on. */
export const OPEN_STATUSES = ['pending', 'reserved', 'payment_processing'] as const

export const ORDER_STATUSES = [...OPEN_STATUSES, 'completed', 'failed', 'rolled_back'] as const
export type OrderStatus = (typeof ORDER_STATUSES)[number]

interface Transition {
  readonly from: OrderStatus
  readonly to: OrderStatus
  /** `worker`: a step of the workflow. `person`: `orderctl failed retry`. */
  readonly by: 'worker' | 'person'
  readonly when: string
}

/** Every allowed move. `failed` never held stock; `rolled_back` held it and gave it back. */
export const TRANSITIONS: readonly Transition[] = [
  { from: 'pending', to: 'reserved', by: 'worker', when: 'stock for every line' },
  { from: 'pending', to: 'failed', by: 'worker', when: 'out of stock' },
  { from: 'reserved', to: 'payment_processing', by: 'worker', when: 'payment intent written' },
  { from: 'reserved', to: 'rolled_back', by: 'worker', when: 'reservation expired' },
  { from: 'payment_processing', to: 'completed', by: 'worker', when: 'captured' },
  { from: 'payment_processing', to: 'rolled_back', by: 'worker', when: 'declined' },
  { from: 'failed', to: 'pending', by: 'person', when: 'retried by hand' },
  { from: 'rolled_back', to: 'pending', by: 'person', when: 'retried by hand' },
]

/** Statuses that end without a sale; a person may retry them. */
export const UNSOLD_STATUSES = ['failed', 'rolled_back'] as const satisfies readonly OrderStatus[]

/** Why an order is not sold (yet). Stored with the order, so scripts may match on it. */
export const FAILURE_REASONS = ['out_of_stock', 'declined', 'payment_unknown', 'expired', 'poison'] as const
export type FailureReason = (typeof FAILURE_REASONS)[number]

/** Why an open order waits for a person: the gateway never answered, or its workers died or hung again and again. */
export const REVIEW_REASONS = ['payment_unknown', 'poison'] as const satisfies readonly FailureReason[]
export type ReviewReason = (typeof REVIEW_REASONS)[number]

/** Statuses in which an order holds stock: the reservations of its present attempt are live. */
export const HOLDING_STATUSES = ['reserved', 'payment_processing'] as const satisfies readonly OrderStatus[]

/** What became of a reservation. It follows from its order, so the two cannot disagree. */
export function reservationState(order: { status: OrderStatus; attempt: number }, attempt: number) {
  if (attempt !== order.attempt) return 'released'
  if (order.status === 'completed') return 'committed'
  return HOLDING_STATUSES.some((status) => status === order.status) ? 'live' : 'released'
}

export const PAYMENT_STATUSES = ['pending', 'captured', 'declined', 'unknown'] as const
export type PaymentStatus = (typeof PAYMENT_STATUSES)[number]
