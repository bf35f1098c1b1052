// What happens next to an order, or what a person can do for it.
import type { FailureReason, OrderStatus } from '../domain/order.js'
import { orderWords, resumeCommand } from '../domain/shell.js'
import { duration } from '../terminal/text.js'
import type { RefundState } from './refunds.js'

export interface OrderState {
  readonly order_id: string
  readonly source: string
  readonly status: OrderStatus
  readonly reason: FailureReason | null
  readonly cleared_at: number | null
  /** When a worker may claim the order; for a claimed order, the end of its lease. Null if it is not in the queue. */
  readonly due_at: number | null
  readonly claimed: boolean
  /** Its import: the file, and whether all lines were imported. */
  readonly file: string
  readonly isImported: boolean
  /** State of its last refund; undefined without refunds. */
  readonly refund: RefundState | undefined
}

/** A sentence. @param now by the database's clock */
export function nextStep(order: OrderState, now: number): string {
  const { status, reason, cleared_at } = order
  const name = orderWords({ reference: order.order_id, source: order.source })
  const retry = `orderctl failed retry ${name}`
  if (status === 'completed') return refundStep(order)
  if (reason === 'cancelled') return `Nothing, since it was cancelled. To process it after all: ${retry}`
  if (cleared_at !== null) return `Nothing, since it was cleared. To retry it anyway: ${retry}`
  if (status === 'failed' && reason === 'out_of_stock') {
    return `Restock what is short (orderctl products adjust SKU UNITS --reason TEXT), then retry the order: ${retry}`
  }
  if (status === 'failed' || status === 'rolled_back') {
    return `Remove it from the failures (orderctl failed clear ${name}), or retry it: ${retry}`
  }
  if (reason === 'payment_unknown') {
    const resolve = `orderctl failed resolve ${name} --captured REFERENCE, or --not-charged`
    return `Ask the gateway again for the outcome of the same charge: ${retry}. Or state what its dashboard shows: ${resolve}`
  }
  if (reason === 'poison') return `Find out why workers died or hung (see the message), then retry it: ${retry}`
  return openStep(order, now)
}

function refundStep({ refund, ...order }: OrderState): string {
  const again = `orderctl orders refund ${orderWords({ reference: order.order_id, source: order.source })}`
  if (refund === 'review') return `Ask the gateway again for the outcome of the same refund: ${again}`
  if (refund === 'pending' || refund === 'unknown')
    return 'A worker or the scheduler finishes its refund: orderctl work'
  return 'Nothing. The order is complete.'
}

function openStep({ due_at, claimed, isImported, ...order }: OrderState, now: number): string {
  if (due_at === null) {
    if (!isImported) return `It waits for the end of its import. If that was interrupted: ${resumeCommand(order)}`
    return 'It is not in the queue. Return it to the queue: orderctl rebuild queue'
  }
  const wait = duration((due_at - now) / 1000)
  if (claimed && due_at > now) return `A worker is processing it. If that worker stops, another continues in ${wait}.`
  if (claimed) return 'Its worker has stopped. Another one continues: orderctl work'
  if (due_at > now) return `A worker processes it when it is due, in ${wait}: orderctl work`
  if (order.status === 'payment_processing')
    return 'A worker asks the gateway again about the same charge: orderctl work'
  return 'A worker reserves stock and charges it: orderctl work'
}
