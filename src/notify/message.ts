// What a receiver gets for an event: the body that Standard Webhooks recommends.
import { amountsAsNumbers } from '../domain/money.js'
import type { ClaimedEvent } from './outbox.js'

/** A message as it is sent, to a webhook or to a command. */
export interface Message {
  /** The same each time that the event is sent, so that a receiver can ignore repetitions. */
  readonly id: string
  readonly type: string
  readonly body: string
}

export function eventId({ token, order_id }: Pick<ClaimedEvent, 'token' | 'order_id'>): string {
  return `evt_${token}_${order_id}`
}

/** Returns the parts of an event's id; undefined if it is none. */
export function readEventId(id: string) {
  const [, token, order] = /^evt_([\w-]{12})_(\d{1,15})$/.exec(id) ?? []
  return token === undefined ? undefined : { token, order_id: Number(order) }
}

export function messageOf(event: ClaimedEvent): Message {
  const { source, customer_id, kind, attempt, reason, message, currency, amount } = event
  const data = {
    order_id: event.reference,
    source,
    customer_id,
    attempt,
    reason,
    message,
    amount: { currency, minor: amount },
    currency,
    payment_reference: event.payment_reference,
    ...(kind === 'refunded' ? { refund_reference: event.refund_reference } : {}),
  }
  return messageFor(eventId(event), `order.${kind}`, event.occurred_at, data)
}

/** Returns the message that `notify test` sends. */
export function testMessage(token: string, now: number): Message {
  return messageFor(`evt_${token}`, 'orderctl.test', now, { message: 'A test by orderctl notify test.' })
}

function messageFor(id: string, type: string, timestamp: number, data: object): Message {
  const body = { id, type, timestamp: new Date(timestamp).toISOString(), data }
  return { id, type, body: JSON.stringify(body, amountsAsNumbers) }
}
