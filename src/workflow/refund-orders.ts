// Refunds the orders that a person names: stores the refunds, asks the gateway at once, and says what became of each.
import type { Kysely } from 'kysely'
import { databaseTime } from '../database/engine.js'
import type { Schema } from '../database/schema.js'
import type { OrderId } from '../domain/ids.js'
import type { Money } from '../domain/money.js'
import type { Problem } from '../errors.js'
import type { Gateway } from '../payments/gateway.js'
import { beginRefunds, finishRefunds, type RefundOptions, settleAsStated } from './refund.js'
import type { SettledRefund } from './refund-settle.js'
import {
  amountText,
  askAgain,
  commandFor,
  interrupted,
  isLast,
  judgeRefunds,
  lookFirst,
  type Refundable,
  type RefundRequest,
} from './refundable.js'

interface RefundResult {
  readonly amount?: Money
  readonly gateway_reference?: string | null
  /** Why nothing was refunded, or not yet. */
  readonly refusal?: Problem
}

interface PersonsRequest extends RefundRequest {
  /** For the audit log. */
  readonly reason?: string | undefined
  /** Whether to judge only. */
  readonly isDryRun: boolean
}

/** Refunds each order that allows it. If this process dies on the way, another one finishes what was stored. */
export async function refundOrders(
  db: Kysely<Schema>,
  gateway: Gateway,
  ids: readonly OrderId[],
  request: PersonsRequest,
  options: RefundOptions,
): Promise<ReadonlyMap<OrderId, RefundResult>> {
  if (request.isDryRun) {
    const judged = await judgeRefunds(db, ids, request, await databaseTime(db))
    return new Map(
      judged.map(({ order, verdict }) => {
        return [order.id, verdict.kind === 'refused' ? { refusal: verdict.problem } : { amount: verdict.amount }]
      }),
    )
  }
  const { token, verdicts } = await beginRefunds(db, ids, request, options)
  const { stated } = request
  const finishing = stated ? settleAsStated(db, token, stated, options) : finishRefunds(db, gateway, token, options)
  const settled = await finishing.catch((error: unknown) => {
    throw interrupted(verdicts, error)
  })
  const settledOf = new Map(settled.map((refund) => [refund.id, refund]))
  return new Map(
    verdicts.map(({ order, verdict }) => {
      if (verdict.kind === 'refused') return [order.id, { refusal: verdict.problem }]
      const refund = settledOf.get(order.id)
      if (refund && stated) return [order.id, { amount: verdict.amount, gateway_reference: refund.gateway_reference }]
      return [order.id, resultOf(order, verdict.amount, refund)]
    }),
  )
}

/** @param settled undefined if another process has taken the refund over */
function resultOf(order: Refundable, amount: Money, settled: SettledRefund | undefined): RefundResult {
  const subject = `the refund of ${amountText(amount)} for order ${order.reference}`
  if (settled?.status === 'refunded') return { amount, gateway_reference: settled.gateway_reference }
  if (settled?.status === 'declined') {
    return {
      refusal: {
        code: 'refund_declined',
        message: `The gateway declined ${subject}: ${settled.message}.`,
        fix: `Find out why in the gateway's dashboard. The refund is recorded: ${commandFor('show', order)}`,
      },
    }
  }
  const reason = settled?.message ?? 'another process has taken it over'
  const needsReview = settled?.due_at === null
  return {
    refusal: {
      code: 'refund_unknown',
      message: `The outcome of ${subject} is unknown: ${reason}.`,
      ...(isLast(order, amount) ? nextForLast(order, needsReview) : nextForPart(order, needsReview)),
    },
  }
}

type Next = Pick<Problem, 'fix' | 'retryable'>

function nextForLast(order: Refundable, needsReview: boolean): Next {
  const fix = needsReview
    ? `Ask again: ${commandFor('refund', order)}`
    : 'It is asked again under the same key, by `orderctl work`, `orderctl schedule` or this command.'
  return { fix, retryable: true }
}

/** Once the refund is made, the same command makes another one of what is left. */
function nextForPart(order: Refundable, needsReview: boolean): Next {
  if (needsReview) return { fix: askAgain(order), retryable: false }
  const asked = 'It is asked again under the same key, by `orderctl work` or `orderctl schedule`.'
  return { fix: `${asked} ${lookFirst(order)}`, retryable: false }
}
