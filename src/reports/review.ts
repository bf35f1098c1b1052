// What a person is told about orders that need review.
import { groupThousands } from '../domain/money.js'
import type { ReviewReason } from '../domain/order.js'

const FIXES: Readonly<Record<ReviewReason, string>> = {
  payment_unknown: 'Ask the gateway again with `orderctl failed retry --reason payment_unknown`.',
  poison:
    'See which orders with `orderctl failed list --reason poison` and why in the logs of their workers; then `orderctl failed retry --reason poison`.',
}

/** `3 (payment_unknown: 2, poison: 1)`, and what to do about each; for none, `0` and what to do when there are some. */
export function describeReview(orders: ReadonlyMap<ReviewReason, number>): {
  count: number
  text: string
  fix: string
} {
  const count = [...orders.values()].reduce((sum, some) => sum + some, 0)
  const parts = [...orders].map(([reason, some]) => `${reason}: ${groupThousands(some)}`)
  const reasons: ReviewReason[] = count === 0 ? ['payment_unknown'] : [...orders.keys()]
  return {
    count,
    text: count === 0 ? '0' : `${groupThousands(count)} (${parts.join(', ')})`,
    fix: reasons.map((reason) => FIXES[reason]).join(' '),
  }
}
