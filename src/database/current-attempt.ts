// Joins an order with what belongs to its current attempt.
import type { JoinBuilder } from 'kysely'
import type { Schema } from './schema.js'

/** @example db.selectFrom('orders').leftJoin('payments', ofCurrentAttempt) */
export function ofCurrentAttempt<Tables extends Pick<Schema, 'orders' | 'payments'>>(
  join: JoinBuilder<Tables, 'orders' | 'payments'>,
) {
  return join.onRef('payments.order_id', '=', 'orders.id').onRef('payments.attempt', '=', 'orders.attempt')
}
