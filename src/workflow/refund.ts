// Refunds captured payments. Each refund is stored before the gateway is asked, and asked for under its own key. A
// process asks for a refund under a lease; if it dies, another one asks again with the same key.
import type { Kysely } from 'kysely'
import pMap from 'p-map'
import type { Config } from '../config/config.js'
import { recordAction } from '../database/actions.js'
import { readFirstUse } from '../database/backups.js'
import { databaseTime, forUpdate } from '../database/engine.js'
import { packIds, packRows } from '../database/packed-rows.js'
import { isAmong, rowSource } from '../database/row-source.js'
import type { Schema } from '../database/schema.js'
import { inTransaction, inTransactionOnce } from '../database/transaction.js'
import { type LeaseToken, type OrderId, refundKey } from '../domain/ids.js'
import type { LeaseEnd } from '../domain/lease-end.js'
import { OPEN_REFUND_STATUSES } from '../domain/order.js'
import { HOUR_MS } from '../domain/time.js'
import { askUnderKey, isOldKey } from '../payments/ask.js'
import { type Gateway, LATE, type Refund, type RefundOutcome } from '../payments/gateway.js'
import { lockOrders } from '../queue/due-orders.js'
import { newToken, renewLease, whileRenewing } from './lease.js'
import { type ClaimedRefund, type SettledRefund, type SettleRefundOptions, settleRefunds } from './refund-settle.js'
import { amountText, interrupted, judgeRefunds, type RefundRequest, type Stated } from './refundable.js'

export interface RefundOptions extends SettleRefundOptions {
  readonly leaseMs: number
  /** Maximum number of open requests. */
  readonly inFlight: number
  /** After this many milliseconds, the outcome is unknown. */
  readonly timeoutMs: number
  /** How long gateways remember a key; later, they would refund again. Older refunds are looked up first. */
  readonly keyLifetimeMs: number
}

/** Passes a gateway to `use`. */
type UseGateway = <Result>(use: (gateway: Gateway) => Promise<Result>) => Promise<Result>

const INTENT = [
  ...(['order_id', 'number', 'customer_id', 'idempotency_key', 'amount', 'currency', 'status', 'restock'] as const),
  ...(['created_at', 'lease_token', 'due_at'] as const),
] as const

/** Refunds per transaction. */
const PAGE = 500

/**
 * Stores a refund for each order that allows one, or takes over its unfinished refund, and takes the lease.
 *
 * @returns the verdict on each order, in id order; `token`, for finishing what was begun
 */
export async function beginRefunds(
  db: Kysely<Schema>,
  ids: readonly OrderId[],
  request: RefundRequest & { readonly reason?: string | undefined },
  { leaseMs }: Pick<RefundOptions, 'leaseMs'>,
) {
  const token = newToken()
  const begin = async (trx: Kysely<Schema>) => {
    await lockOrders(trx, ids)
    // A worker that claims due refunds locks only these.
    const open = trx
      .selectFrom('refunds')
      .where(isAmong(trx, 'order_id', ids))
      .where('status', 'in', OPEN_REFUND_STATUSES)
    await forUpdate(trx, open.orderBy('order_id').select('order_id')).execute()
    const now = await databaseTime(trx)
    const judged = await judgeRefunds(trx, ids, request, now)
    const held = { lease_token: token, due_at: now + leaseMs }
    const begun = judged.flatMap(({ order, verdict }) => {
      if (verdict.kind !== 'begin' || order.chargeKey === null) return []
      const number = order.count + 1
      return [{ ...order, number, key: refundKey(order.chargeKey, number), amount: verdict.amount }]
    })
    const rows = begun.map(({ id, number, key, amount }) => ({ id, number, key, amount: amount.minor }))
    const columns = { id: 'integer', number: 'integer', key: 'text', amount: 'integer' } as const
    if (rows.length > 0)
      await trx
        .insertInto('refunds')
        .columns(INTENT)
        .expression((eb) =>
          eb
            .selectFrom(rowSource(trx, 'row', packRows(columns, rows)))
            .innerJoin('orders', 'orders.id', 'row.id')
            .select(['orders.id', 'row.number', 'orders.customer_id', 'row.key', 'row.amount', 'orders.currency'])
            .select([eb.val('pending' as const).as('status'), eb.lit(request.restock ? 1 : 0).as('restock')])
            .select([eb.val(now).as('created_at'), eb.val(token).as('lease_token'), eb.val(held.due_at).as('due_at')]),
        )
        .execute()
    const resumed = judged.filter(({ verdict }) => verdict.kind === 'finish').map(({ order }) => order)
    await trx
      .updateTable('refunds')
      .set({ ...held, unanswered: 0 })
      .where(isAmong(trx, 'order_id', packIds(resumed)))
      .where('status', 'in', OPEN_REFUND_STATUSES)
      .execute()
    const changed = [...begun, ...resumed].map(({ id }) => id)
    if (changed.length > 0) {
      const [only] = begun
      const amount = begun.length === 1 && only ? amountText(only.amount) : undefined
      const details = request.stated ? `stated as ${request.stated.status}` : amount
      await recordAction(trx, { command: 'orders refund', reason: request.reason, details }, changed)
    }
    return judged
  }
  return { token, verdicts: await inTransactionOnce(db, begin, interrupted) }
}

/**
 * Finishes every due refund: those whose process died, and those with an unknown outcome. Returns how many.
 *
 * @param signal ends it before the next page
 */
export async function finishDueRefunds(
  db: Kysely<Schema>,
  useGateway: UseGateway,
  options: RefundOptions,
  signal?: AbortSignal,
): Promise<number> {
  let finished = 0
  // A gateway that hangs takes longer to fail than the refunds take to be due again, so each is asked for once.
  const dueBy = await databaseTime(db)
  while (!signal?.aborted) {
    const token = await claimDue(db, dueBy, options)
    if (!token) break
    finished += (await useGateway((gateway) => finishRefunds(db, gateway, token, options))).length
  }
  return finished
}

/** Takes the lease on refunds that were due by then. @returns undefined if there are none */
async function claimDue(
  db: Kysely<Schema>,
  dueBy: number,
  { leaseMs }: RefundOptions,
): Promise<LeaseToken | undefined> {
  // Read before the transaction, which blocks all other writers of a file.
  const due = await db.selectFrom('refunds').where('due_at', '<=', dueBy).select('order_id as id').limit(PAGE).execute()
  if (due.length === 0) return undefined
  const token = newToken()
  const claimed = await inTransaction(db, async (trx) => {
    const now = await databaseTime(trx)
    const rows = trx
      .selectFrom('refunds')
      .where(isAmong(trx, 'order_id', packIds(due)))
      .where('due_at', '<=', dueBy)
    const locked = await forUpdate(trx, rows.orderBy('order_id').select('order_id as id'), 'skip').execute()
    await trx
      .updateTable('refunds')
      .set({ lease_token: token, due_at: now + leaseMs })
      .where(isAmong(trx, 'order_id', packIds(locked)))
      .where('due_at', '<=', dueBy)
      .execute()
    return locked.length
  })
  return claimed > 0 ? token : undefined
}

/** Asks the gateway for the refunds under the lease, and settles those that are still under it. Returns these. */
export async function finishRefunds(
  db: Kysely<Schema>,
  gateway: Gateway,
  token: LeaseToken,
  options: RefundOptions,
): Promise<readonly SettledRefund[]> {
  const { leaseMs, inFlight } = options
  const refunds = await readClaimed(db, token)
  const now = await databaseTime(db)
  const lease = { token, orders: refunds, leaseMs }
  const asked = performance.now()
  const since = (await renewLease(db, 'refunds', lease)) ? asked : Number.NEGATIVE_INFINITY
  const answers = await whileRenewing(db, 'refunds', { ...lease, since }, (leaseEnd) => {
    // Without the lease, a person may have settled the refund, and begun another one.
    const ask = async (refund: ClaimedRefund) => ({
      refund,
      outcome: leaseEnd.hasPassed() ? LATE : await askFor(gateway, refund, { ...options, now, leaseEnd }),
    })
    return pMap(refunds, ask, { concurrency: inFlight })
  })
  return settleRefunds(db, token, answers, options)
}

/** Settles the refunds under the lease as a person states. Returns those that are still under it. */
export async function settleAsStated(db: Kysely<Schema>, token: LeaseToken, outcome: Stated, options: RefundOptions) {
  const refunds = await readClaimed(db, token)
  return settleRefunds(
    db,
    token,
    refunds.map((refund) => ({ refund, outcome })),
    options,
  )
}

async function readClaimed(db: Kysely<Schema>, token: LeaseToken): Promise<ClaimedRefund[]> {
  const firstUseOf = await readFirstUse(db)
  const refunds = await db
    .selectFrom('refunds')
    .innerJoin('payments', 'payments.order_id', 'refunds.order_id')
    .innerJoin('orders', 'orders.id', 'refunds.order_id')
    .where('payments.status', '=', 'captured')
    .where('refunds.due_at', 'is not', null)
    .where('refunds.lease_token', '=', token)
    .orderBy('refunds.order_id')
    .select(['refunds.order_id as id', 'refunds.idempotency_key as key', 'refunds.amount', 'refunds.currency'])
    .select(['refunds.created_at as createdAt', 'refunds.unanswered', 'refunds.restock'])
    .select(['payments.idempotency_key as chargeKey', 'orders.ordered_at as orderedAt'])
    .select((eb) => eb.fn.coalesce('payments.gateway_reference', eb.val('')).as('chargeReference'))
    .execute()
  return refunds.map((refund) => ({ ...refund, firstUse: firstUseOf(refund.createdAt, refund.orderedAt) }))
}

/** Never rejects: a request that fails has an unknown outcome. */
function askFor(
  gateway: Gateway,
  { key, amount, currency, firstUse, chargeKey, chargeReference }: ClaimedRefund,
  { timeoutMs, keyLifetimeMs, now, leaseEnd }: RefundOptions & { readonly now: number; readonly leaseEnd: LeaseEnd },
): Promise<RefundOutcome> {
  const charge = { key: chargeKey, reference: chargeReference }
  const refund: Refund = { key, charge, amount: { currency, minor: amount } }
  return askUnderKey({
    what: 'refund',
    isOld: isOldKey(firstUse, now, keyLifetimeMs),
    ask: () => gateway.refund(refund, timeoutMs, { leaseEnd }),
    lookUp: () => gateway.lookUpRefund(refund, timeoutMs, { leaseEnd }),
  })
}

export function refundOptionsOf(config: Config): RefundOptions {
  return {
    leaseMs: config['workflow.leaseMs'],
    inFlight: config['payments.maxInFlight'],
    timeoutMs: config['payments.timeoutMs'],
    keyLifetimeMs: config['payments.keyLifetimeHours'] * HOUR_MS,
    attempts: config['workflow.attempts'],
    timeZone: config.timeZone,
  }
}
