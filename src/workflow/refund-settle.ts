// Settles refunds: records the gateway's answers, and puts units back into stock, in one transaction under the fence of
// the lease.
import type { Kysely, Selectable } from 'kysely'
import { databaseTime, forUpdate } from '../database/engine.js'
import { packIds, packRows } from '../database/packed-rows.js'
import { isAmong, rowSource } from '../database/row-source.js'
import type { Schema } from '../database/schema.js'
import { inTransaction } from '../database/transaction.js'
import { backoffMs } from '../domain/backoff.js'
import { dayAt } from '../domain/business-day.js'
import type { IdempotencyKey, LeaseToken, OrderId } from '../domain/ids.js'
import type { Currency } from '../domain/money.js'
import { recordEvents } from '../notify/events.js'
import type { RefundOutcome } from '../payments/gateway.js'
import { FIRST_PAUSE_MS, LONGEST_PAUSE_MS } from './settle.js'
import { returnStock } from './stock.js'

export interface SettleRefundOptions {
  /** Number of requests without an answer after which a refund needs review. */
  readonly attempts: number
  /** The zone of the day on which a refund counts. */
  readonly timeZone: string
}

/** A refund that this process may ask the gateway for. An order has only one, so the order's id names it. */
export interface ClaimedRefund {
  readonly id: OrderId
  readonly key: IdempotencyKey
  readonly amount: number
  readonly currency: Currency
  /** Since when the gateway may know the key. */
  readonly firstUse: number
  readonly unanswered: number
  readonly restock: number
  readonly chargeKey: IdempotencyKey
  readonly chargeReference: string
}

export type RefundAnswer = { readonly refund: ClaimedRefund; readonly outcome: RefundOutcome }

/**
 * Settles those refunds that are still under the lease. If another process has claimed a refund since, it asks with the
 * same key and gets the same answer.
 *
 * @returns these refunds
 */
export async function settleRefunds(
  db: Kysely<Schema>,
  token: LeaseToken,
  answers: readonly RefundAnswer[],
  options: SettleRefundOptions,
): Promise<readonly SettledRefund[]> {
  if (answers.length === 0) return []
  const all = packIds(answers.map(({ refund }) => refund))
  return inTransaction(db, async (trx) => {
    const underLease = trx
      .selectFrom('refunds')
      .where(isAmong(trx, 'order_id', all))
      .where('lease_token', '=', token)
    const locked = await forUpdate(trx, underLease.orderBy('order_id').select('order_id as id')).execute()
    const held = new Set(locked.map(({ id }) => id))
    const now = await databaseTime(trx)
    const known = answers.filter(({ refund }) => held.has(refund.id))
    const settled = known.map((answer) => changeOf(answer, now, options))
    await trx
      .updateTable('refunds')
      .from(rowSource(trx, 'row', packRows(COLUMNS, settled)))
      .set((eb) => ({
        status: eb.ref('row.status'),
        unanswered: eb.ref('row.unanswered'),
        gateway_reference: eb.ref('row.gateway_reference'),
        message: eb.ref('row.message'),
        day: eb.ref('row.day'),
        due_at: eb.ref('row.due_at'),
      }))
      .set({ answered_at: now, lease_token: null })
      .whereRef('refunds.order_id', '=', 'row.id')
      .where('lease_token', '=', token)
      .execute()
    await returnStock(
      trx,
      packIds(settled.filter(({ status, restock }) => status === 'refunded' && restock === 1)),
      now,
    )
    await recordEvents(trx, known.flatMap(refundedBy), 'refunded')
    const toReview = settled.filter(({ status, due_at }) => status === 'unknown' && due_at === null)
    await recordEvents(trx, toReview.map(reviewOf), 'needs_review')
    return settled
  })
}

const COLUMNS = {
  id: 'integer',
  status: 'text',
  unanswered: 'integer',
  gateway_reference: 'text',
  message: 'long text',
  day: 'text',
  due_at: 'integer',
} as const

/** A refund after an answer. It needs review if its status is `unknown` and it is never due. */
export type SettledRefund = Pick<
  Selectable<Schema['refunds']>,
  Exclude<keyof typeof COLUMNS, 'id'> | 'restock' | 'amount'
> &
  Pick<ClaimedRefund, 'id'>

/** The order, as recordEvents takes it, if the amount was refunded. */
function refundedBy({ refund: { id, amount }, outcome }: RefundAnswer) {
  if (outcome.status !== 'refunded') return []
  return [{ id, refund: { amount, reference: outcome.reference, reason: null, message: null } }]
}

function reviewOf({ id, amount, message }: SettledRefund) {
  return { id, refund: { amount, reference: null, reason: 'refund_unknown', message } } as const
}

/** The columns of a refund after an answer. */
function changeOf(
  { refund, outcome }: RefundAnswer,
  now: number,
  { attempts, timeZone }: SettleRefundOptions,
): SettledRefund {
  const { id, amount, restock, unanswered } = refund
  const settled = { id, amount, restock, unanswered, gateway_reference: null, message: null, day: null, due_at: null }
  if (outcome.status === 'refunded') {
    return { ...settled, status: 'refunded', gateway_reference: outcome.reference, day: dayAt(now, timeZone) }
  }
  const { message } = outcome
  if (outcome.status === 'declined') return { ...settled, status: 'declined', message }
  const failures = unanswered + (outcome.notAsked ? 0 : 1)
  const pause = Math.max(backoffMs(unanswered + 1, FIRST_PAUSE_MS, LONGEST_PAUSE_MS), outcome.retryAfterMs ?? 0)
  const due_at = outcome.needsReview || failures >= attempts ? null : now + pause
  return { ...settled, status: 'unknown', message, unanswered: failures, due_at }
}
