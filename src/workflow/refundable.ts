// What can be refunded of an order, and why not.
import { type Kysely, sql } from 'kysely'
import { asError } from '../background.js'
import { isAmong } from '../database/row-source.js'
import type { Schema } from '../database/schema.js'
import type { OrderId } from '../domain/ids.js'
import { type Currency, formatAmount, type Money, readAmount } from '../domain/money.js'
import { OPEN_REFUND_STATUSES } from '../domain/order.js'
import { orderWords } from '../domain/shell.js'
import { EXIT, errorCode, type Problem, UserError } from '../errors.js'
import type { RefundOutcome } from '../payments/gateway.js'
import { reasonIn, sqlCause } from '../servers/recognise.js'

export interface RefundRequest {
  /** As typed, in the currency of the order. If undefined, all that is left. */
  readonly amount?: string | undefined
  /** Whether the order's units go back into stock. */
  readonly restock: boolean
  /** What the provider's dashboard shows of the refund with an unknown outcome. No other refund changes then. */
  readonly stated?: Stated | undefined
}

export type Stated = Extract<RefundOutcome, { readonly status: 'refunded' | 'declined' }>

/** `finish` asks again for the refund whose outcome is not known, under the same key. */
type Verdict =
  | { readonly kind: 'begin' | 'finish'; readonly amount: Money }
  | { readonly kind: 'refused'; readonly problem: Problem }

/** An order with its captured payment and its refunds. */
export type Refundable = Awaited<ReturnType<typeof readRefundable>>[number]

/** Reads orders in id order. */
function readRefundable(db: Kysely<Schema>, ids: readonly OrderId[]) {
  const refunds = db
    .selectFrom('refunds')
    .where(isAmong(db, 'order_id', ids))
    .groupBy('order_id')
    .select((eb) => {
      const isOpen = eb('status', 'in', OPEN_REFUND_STATUSES)
      return [
        'order_id',
        eb.fn.countAll<number>().as('count'),
        eb.fn.sum<number | null>('amount').filterWhere('status', '<>', 'declined').as('taken'),
        eb.fn.sum<number | null>('amount').filterWhere(isOpen).as('open'),
        eb.fn.sum<number | null>('restock').filterWhere(isOpen).as('openRestock'),
        // One process holds the lease of the open refund; its end is due_at.
        eb.fn.max<number | null>('due_at').filterWhere('lease_token', 'is not', null).as('heldUntil'),
      ]
    })
  return db
    .selectFrom('orders')
    .leftJoin('payments', (join) =>
      join.onRef('payments.order_id', '=', 'orders.id').on('payments.status', '=', sql.lit('captured')),
    )
    .leftJoin(refunds.as('refunded'), 'refunded.order_id', 'orders.id')
    .where(isAmong(db, 'orders.id', ids))
    .orderBy('orders.id')
    .select(['orders.id', 'orders.reference', 'orders.source', 'orders.status', 'orders.customer_id'])
    .select(['orders.currency', 'payments.idempotency_key as chargeKey'])
    .select((eb) => [
      eb.fn.coalesce('payments.amount', eb.lit(0)).as('captured'),
      eb.fn.coalesce('refunded.count', eb.lit(0)).as('count'),
      eb.fn.coalesce('refunded.taken', eb.lit(0)).as('taken'),
      'refunded.open',
      'refunded.openRestock',
      'refunded.heldUntil',
    ])
    .execute()
}

/** Decides what a request does to each order, in id order. @param now by the database's clock */
export async function judgeRefunds(db: Kysely<Schema>, ids: readonly OrderId[], request: RefundRequest, now: number) {
  const orders = await readRefundable(db, ids)
  return orders.map((order) => ({ order, verdict: judge(order, request, now) }))
}

function judge(order: Refundable, request: RefundRequest, now: number): Verdict {
  const { currency, captured, taken, open } = order
  if (order.status !== 'completed') return refuse(notCompleted(order))
  const left = { currency, minor: captured - taken }
  const wanted = request.amount === undefined ? undefined : readAmount(request.amount, currency)
  if (request.amount !== undefined && !wanted?.minor) return refuse(badAmount(request.amount, currency))
  if (open !== null) {
    const amount = { currency, minor: open }
    const differs = (wanted && wanted.minor !== open) || (request.restock && !order.openRestock)
    if ((order.heldUntil ?? 0) > now) return refuse(inProgress(order, amount, differs || isLast(order, amount)))
    return differs ? refuse(unfinished(order, amount)) : { kind: 'finish', amount }
  }
  if (request.stated) return refuse(nothingOpen(order))
  if (left.minor === 0) return refuse(nothingLeft(order))
  const amount = wanted ?? left
  if (amount.minor > left.minor) return refuse(tooMuch(order, amount, left))
  if (request.restock && amount.minor < left.minor) return refuse(partialRestock(left))
  return { kind: 'begin', amount }
}

/**
 * Whether the refund leaves nothing. Otherwise, a command that is repeated although its refund was made in the meantime
 * makes another one.
 */
export function isLast({ captured, taken, open }: Refundable, amount: Money): boolean {
  return captured - taken + (open ?? 0) === amount.minor
}

const refuse = (problem: Problem): Verdict => ({ kind: 'refused', problem })

/** Formats the amount with its currency: `12.50 USD`. */
export function amountText(amount: Money): string {
  return `${formatAmount(amount)} ${amount.currency}`
}

export function commandFor(command: string, { reference, source }: Refundable): string {
  return `orderctl orders ${command} ${orderWords({ reference, source })}`
}

function notCompleted(order: Refundable): Problem {
  const { reference, status } = order
  const paid = status === 'payment_processing' ? 'it may have been charged already' : 'nothing was paid'
  return {
    code: 'order_not_completed',
    message: `Order ${reference} is not completed (${status.replaceAll('_', ' ')}); ${paid}.`,
    fix: `See what happens to it next: ${commandFor('show', order)}`,
  }
}

function badAmount(text: string, currency: Currency): Problem {
  const example = formatAmount({ currency, minor: 1250 })
  return {
    code: 'bad_amount',
    message: `Amount "${text}" is not an amount in ${currency}.`,
    fix: `Use digits and a decimal point, such as --amount ${example}.`,
    exit: EXIT.usage,
  }
}

const openRefund = (order: Refundable, amount: Money) =>
  `Refund ${order.count} of order ${order.reference} (${amountText(amount)})`

/** @param retryable whether the same command makes no second refund once this one is made */
function inProgress(order: Refundable, amount: Money, retryable: boolean): Problem {
  return {
    code: 'refund_in_progress',
    message: `${openRefund(order, amount)} is in progress in another process.`,
    fix: `See its outcome: ${commandFor('show', order)}`,
    retryable,
  }
}

function unfinished(order: Refundable, amount: Money): Problem {
  return {
    code: 'refund_unfinished',
    message: `${openRefund(order, amount)} is not finished: its outcome is unknown.`,
    fix: isLast(order, amount) ? `Finish it first: ${commandFor('refund', order)}` : askAgain(order),
  }
}

/** How to ask again for a refund that leaves an amount. */
export function askAgain(order: Refundable): string {
  const [show, refund] = [commandFor('show', order), commandFor('refund', order)]
  return `Look first whether it is still open (${show}). If so, ask again: ${refund}`
}

/** What to do before a refund of a part is repeated. */
export function lookFirst(order: Refundable): string {
  return `Before you repeat this command, look whether it was refunded: ${commandFor('show', order)}`
}

/**
 * Returns the error after the database failed while refunds were stored or settled. A refund of a part, of which the
 * command makes only one, must not be repeated blindly; all others may be.
 */
export function interrupted(
  verdicts: readonly { readonly order: Refundable; readonly verdict: Verdict }[],
  cause: unknown,
): Error {
  const part = verdicts.find(({ order, verdict }) => verdict.kind !== 'refused' && !isLast(order, verdict.amount))
  const isFault = errorCode(cause) !== undefined || sqlCause(cause) !== undefined
  if (!part || part.verdict.kind === 'refused' || !isFault) return asError(cause)
  const { order, verdict } = part
  const problem: Problem = {
    code: 'outcome_unknown',
    message: `The database failed during the refund of ${amountText(verdict.amount)} for order ${order.reference} (${reasonIn(cause)}). It may have been made.`,
    fix: `If it is stored, \`orderctl work\` or \`orderctl schedule\` finishes it. ${lookFirst(order)}`,
  }
  return new UserError(problem, { cause })
}

function nothingOpen(order: Refundable): Problem {
  return {
    code: 'no_open_refund',
    message: `Order ${order.reference} has no refund with an unknown outcome.`,
    fix: `See its refunds: ${commandFor('show', order)}`,
  }
}

function nothingLeft(order: Refundable): Problem {
  const { reference, currency, captured, taken } = order
  return {
    code: 'nothing_to_refund',
    message:
      taken === 0
        ? `Nothing was paid for order ${reference}.`
        : `Order ${reference} is already refunded: ${amountText({ currency, minor: captured })}.`,
    fix: `See its payments and refunds: ${commandFor('show', order)}`,
  }
}

function tooMuch(order: Refundable, amount: Money, left: Money): Problem {
  const paid = `${amountText({ ...left, minor: order.captured })} paid`
  const refunded = order.taken === 0 ? '' : `, ${amountText({ ...left, minor: order.taken })} refunded`
  return {
    code: 'refund_too_large',
    message: `${amountText(amount)} is more than is left of order ${order.reference} (${paid}${refunded}).`,
    fix: `Refund at most ${formatAmount(left)}, or leave out --amount to refund all that is left.`,
  }
}

function partialRestock(left: Money): Problem {
  return {
    code: 'partial_restock',
    message: '--restock puts all units of an order back into stock, so it needs a refund of all that is left.',
    fix: `Leave out --amount (${amountText(left)}), or adjust the stock with orderctl products adjust.`,
    exit: EXIT.usage,
  }
}
