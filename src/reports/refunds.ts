// Lists refunds. Rows have the names of the JSON output.
import { sql } from 'kysely'
import type { Database } from '../database/connection.js'
import { countRows } from '../database/count-rows.js'
import { isAmong } from '../database/row-source.js'
import { inSnapshot } from '../database/transaction.js'
import { OPEN_REFUND_STATUSES, type RefundStatus } from '../domain/order.js'
import type { Period } from './leaderboards.js'

/** What a person sees of a refund: `review` is an unknown outcome that no process asks for again. */
export const REFUND_STATES = ['pending', 'unknown', 'review', 'refunded', 'declined'] as const
export type RefundState = (typeof REFUND_STATES)[number]

export interface RefundFilter extends Period {
  readonly status?: RefundState | undefined
  readonly source?: string | undefined
}

/** Newest first. A period is of the days on which amounts were refunded. `total` also counts those beyond the limit. */
export function listRefunds(db: Database, { status, source, from, to }: RefundFilter, limit: number) {
  return inSnapshot(db, async (trx) => {
    let matching = trx.selectFrom('refunds').innerJoin('orders', 'orders.id', 'refunds.order_id')
    if (status !== undefined) {
      const stored: RefundStatus = status === 'review' ? 'unknown' : status
      matching = matching.where('refunds.status', '=', stored)
      if (stored === 'unknown') matching = matching.where('due_at', status === 'review' ? 'is' : 'is not', null)
    }
    if (source !== undefined) matching = matching.where('orders.source', '=', source)
    if (from !== undefined) matching = matching.where('day', '>=', from)
    if (to !== undefined) matching = matching.where('day', '<=', to)
    const total = await countRows(matching)
    const newest = await matching
      .select(['orders.reference as order_id', 'orders.source', ...REFUND_COLUMNS])
      .orderBy('refunds.created_at', 'desc')
      .orderBy('refunds.order_id', 'desc')
      .limit(limit)
      .execute()
    return { total, refunds: newest.map(({ order_id, source, ...refund }) => ({ order_id, source, ...rowOf(refund) })) }
  })
}

/** The refunds of orders, the oldest first. */
export async function refundsOf(db: Database, ids: string) {
  const refunds = db.selectFrom('refunds').select(REFUND_COLUMNS)
  return (
    await refunds
      .where(isAmong(db, 'refunds.order_id', ids))
      .orderBy('number')
      .execute()
  ).map(rowOf)
}

/** Counts the refunds whose outcome is unknown and that no process asks for again. */
export function countRefundsToReview(db: Database): Promise<number> {
  const open = db
    .selectFrom('refunds')
    // Literals, since SQLite does not use the partial index for parameters.
    .where((eb) => eb.or(OPEN_REFUND_STATUSES.map((status) => eb('status', '=', sql.lit(status)))))
  return countRows(open.where('due_at', 'is', null))
}

const REFUND_COLUMNS = [
  'refunds.number as refund',
  'refunds.idempotency_key',
  'refunds.status',
  'refunds.currency',
  'refunds.amount',
  'refunds.restock',
  'refunds.gateway_reference',
  'refunds.message',
  'refunds.unanswered',
  'refunds.created_at',
  'refunds.answered_at',
  'refunds.day',
  'refunds.due_at',
] as const

type RefundRow = Awaited<ReturnType<ReturnType<typeof selectColumns>['executeTakeFirstOrThrow']>>

const selectColumns = (db: Database) => db.selectFrom('refunds').select(REFUND_COLUMNS)

function rowOf({ restock, created_at, answered_at, due_at, ...refund }: RefundRow) {
  const state: RefundState = refund.status === 'unknown' && due_at === null ? 'review' : refund.status
  return {
    ...refund,
    status: state,
    amount: { currency: refund.currency, minor: refund.amount },
    restock: restock === 1,
    asked_at: new Date(created_at),
    answered_at: answered_at === null ? null : new Date(answered_at),
  }
}
