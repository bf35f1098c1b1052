// What happens next to an order, or what a person can do for it.
import type { FailureReason, OrderStatus } from '../domain/order.js'
import { resumeCommand, shellWord, sourceFlag } from '../domain/shell.js'
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
  const retry = `orderctl failed retry ${nameOf(order)}`
  if (status === 'completed') return refundStep(order)
  if (cleared_at !== null) return `Nothing, since it was cleared. To retry it anyway: ${retry}`
  if (status === 'failed' && reason === 'out_of_stock') {
    return `Restock what is short (orderctl products adjust SKU UNITS --reason TEXT), then retry the order: ${retry}`
  }
  if (status === 'failed' || status === 'rolled_back') {
    return `Remove it from the failures (orderctl failed clear ${nameOf(order)}), or retry it: ${retry}`
  }
  if (reason === 'payment_unknown') return `Ask the gateway again for the outcome of the same charge: ${retry}`
  if (reason === 'poison') return `Find out why workers died or hung (see the message), then retry it: ${retry}`
  return openStep(order, now)
}

function refundStep({ refund, ...order }: OrderState): string {
  const again = `orderctl orders refund ${nameOf(order)}`
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
  return 'A worker reserves stock and charges it: orderctl work'
}

function nameOf({ order_id, source }: Pick<OrderState, 'order_id' | 'source'>): string {
  return [shellWord(order_id), ...sourceFlag(source)].join(' ')
}
