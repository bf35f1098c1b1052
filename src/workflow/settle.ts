// Settles the orders of a batch in its second transaction: records the gateway's answers in payments, stock and sales
// figures, under the fence of the lease.
import type { Expression, Kysely } from 'kysely'
import { ofCurrentAttempt } from '../database/current-attempt.js'
import { packIds, packRows } from '../database/packed-rows.js'
import { Prepared } from '../database/prepared.js'
import { isAmong, rowSource } from '../database/row-source.js'
import type { Schema } from '../database/schema.js'
import { settlementTime } from '../database/settlement-time.js'
import { inTransaction } from '../database/transaction.js'
import { backoffMs } from '../domain/backoff.js'
import type { LeaseToken, OrderId } from '../domain/ids.js'
import type { FailureReason } from '../domain/order.js'
import { recordEvents } from '../notify/events.js'
import type { Unknown } from '../payments/gateway.js'
import { removeFromQueue } from '../queue/due-orders.js'
import type { Answer } from './charge.js'
import type { ClaimedOrder } from './claim.js'
import { heldUnder } from './lease.js'
import { markNeverAsked } from './never-asked.js'
import { CountChanges, type Counted } from './order-counts.js'
import { takeReferences } from './references.js'
import { addToSales } from './sales.js'
import { changesOfStock, type OrderItems, settleStock } from './stock.js'

export interface SettleOptions {
  /** Number of charges without an answer after which an order needs review. */
  readonly attempts: number
  /** Whether to refuse captures under the reference of another order. */
  readonly checksReferences?: boolean
}

/** Shortest and longest pause before a charge is retried, in milliseconds. */
export const FIRST_PAUSE_MS = 1000
export const LONGEST_PAUSE_MS = 300_000

/**
 * Settles the orders that are still under our lease. If another worker has claimed an order since, it asks the gateway
 * with the same key and gets the same answer.
 */
export async function settle(
  db: Kysely<Schema>,
  { token, askedBefore }: { readonly token: LeaseToken; readonly askedBefore: ReadonlySet<OrderId> },
  answers: readonly Answer[],
  options: SettleOptions,
) {
  if (answers.length === 0) return { completed: 0, rolledBack: 0, postponed: 0 }
  const orders = answers.map(({ order }) => order)
  // Prepared before the transaction, which blocks all other writers of a file. Usually every order is still ours.
  const usual = sortAnswers(answers)
  return inTransaction(db, async (trx) => {
    const held = await heldUnder(trx, orders, { token })
    const mine = held.length === orders.length ? answers : answersTo(held, answers)
    const taken = options.checksReferences ? await findTaken(trx, mine) : undefined
    const sorted = mine === answers && !taken?.size ? usual : sortAnswers(mine, taken)
    const { captured, declined, unknown, notAsked } = sorted
    const now = await settlementTime(trx)
    if (unknown.length > 0) await postpone(trx, unknown, options, now)
    if (notAsked.length > 0) await defer(trx, notAsked, now)
    await markNeverAsked(
      trx,
      notAsked.filter(({ id }) => !askedBefore.has(id)),
    )
    await book(trx, sorted.booking, now)
    const changes = new CountChanges()
    changes.move(captured, PROCESSING, { status: 'completed', settledAt: now })
    changes.move(declined, PROCESSING, { status: 'rolled_back', reason: 'declined', settledAt: now })
    await changes.store(trx)
    return { completed: captured.length, rolledBack: declined.length, postponed: unknown.length }
  })
}

function answersTo(orders: readonly ClaimedOrder[], answers: readonly Answer[]): readonly Answer[] {
  const among = new Set(orders)
  return answers.filter(({ order }) => among.has(order))
}

const PROCESSING = { status: 'payment_processing' } as const

/** Groups answers by what is to be done. @param taken orders whose reference another order has */
function sortAnswers(answers: readonly Answer[], taken?: ReadonlySet<OrderId>) {
  const captured: (Captured & OrderItems & Counted)[] = []
  const declined: (Unpaid & OrderItems & Counted)[] = []
  const unknown: Postponed[] = []
  const notAsked: Deferred[] = []
  for (const { order, outcome } of answers) {
    const { id, attempt, items, source, currency, total } = order
    if (taken?.has(id)) unknown.push({ id, attempt, needsReview: true, message: REFERENCE_TAKEN })
    // Field by field: copies of an object take twice as long, for each order.
    else if (outcome.status === 'captured') {
      const { reference } = outcome
      captured.push({ id, attempt, items, source, currency, total, reference })
    } else if (outcome.status === 'declined') {
      const { message } = outcome
      declined.push({ id, attempt, items, source, currency, total, message })
    } else if (outcome.notAsked) notAsked.push({ id, retryAfterMs: outcome.retryAfterMs })
    else unknown.push({ id, attempt, ...outcome })
  }
  return { captured, declined, unknown, notAsked, booking: prepareBooking({ captured, declined }) }
}

const REFERENCE_TAKEN = 'the gateway reported this charge under the reference of another order'

function findTaken(trx: Kysely<Schema>, answers: readonly Answer[]): Promise<ReadonlySet<OrderId>> {
  const charged = answers.filter(({ order }) => order.total > 0)
  const captures = charged.flatMap(({ order: { id }, outcome }) =>
    outcome.status === 'captured' ? [{ id, reference: outcome.reference }] : [],
  )
  return takeReferences(trx, captures)
}

/** Packs what `book` stores. */
export function prepareBooking({ captured, declined }: Outcomes) {
  return {
    ...{ captured, declined },
    captures: packRows(CAPTURED, captured).json,
    capturedIds: packIds(captured),
    rolledBack: packRows(UNPAID, declined).json,
    stock: changesOfStock({ sold: captured, released: declined }),
  }
}

/**
 * Completes orders whose charge is captured, and rolls back those whose charge is declined. The caller holds the locks
 * of their queue rows, and of the orders if no worker had the lease. The caller counts the orders.
 *
 * @param now see settlementTime
 * @param reason why they are rolled back
 */
export async function book(
  trx: Kysely<Schema>,
  { captured, declined, captures, capturedIds, rolledBack, stock }: ReturnType<typeof prepareBooking>,
  now: number,
  reason: 'declined' | 'cancelled' = 'declined',
): Promise<void> {
  if (captured.length > 0) {
    await recordCaptures.run(trx, { rows: captures, now })
    await markCompleted.run(trx, { ids: capturedIds, now })
  }
  if (declined.length > 0) {
    await recordUnpaid.run(trx, { rows: rolledBack, status: 'declined', unanswered: 0, now })
    await markRolledBack.run(trx, { rows: rolledBack, reason, now })
  }
  await removeFromQueue(trx, [...captured, ...declined])
  await recordEvents(trx, captured, 'completed')
  await recordEvents(trx, declined, reason === 'cancelled' ? 'cancelled' : 'rolled_back')
  // Written last, since other transactions wait for the same sales figures and the same few products.
  if (captured.length > 0) await addToSales(trx, capturedIds)
  await settleStock(trx, stock)
}

interface Outcomes {
  readonly captured: readonly (Captured & OrderItems)[]
  readonly declined: readonly (Unpaid & OrderItems)[]
}

/**
 * Postpones orders whose charge has an unknown outcome. Reservation and payment intent stay. The charge is retried with
 * the same key later or, after the last attempt, once a person retries the order.
 */
async function postpone(
  trx: Kysely<Schema>,
  unknown: readonly Postponed[],
  { attempts }: SettleOptions,
  now: number,
): Promise<void> {
  await recordUnpaid.run(trx, { rows: packRows(UNPAID, unknown).json, status: 'unknown', unanswered: 1, now })
  const payments = await trx
    .selectFrom('payments')
    .innerJoin('orders', ofCurrentAttempt)
    .where(isAmong(trx, 'payments.order_id', packIds(unknown)))
    .select(['payments.order_id as id', 'payments.unanswered', 'payments.message'])
    .execute()
  const wishes = new Map(unknown.map((order) => [order.id, order]))
  const rows = payments.map(({ id, unanswered, message }) => {
    const { retryAfterMs = 0, needsReview = false } = wishes.get(id) ?? {}
    const pauseMs = Math.max(backoffMs(unanswered, FIRST_PAUSE_MS, LONGEST_PAUSE_MS), retryAfterMs)
    const isLast = needsReview || unanswered >= attempts
    return { id, due_at: now + pauseMs, reason: isLast ? ('payment_unknown' as const) : null, message }
  })
  const columns = { id: 'integer', due_at: 'integer', reason: 'text', message: 'long text' } as const
  const postponed = rowSource(trx, 'row', packRows(columns, rows))
  await trx
    .updateTable('orders')
    .from(postponed)
    .set((eb) => ({ reason: eb.ref('row.reason'), message: eb.ref('row.message') }))
    .whereRef('orders.id', '=', 'row.id')
    .execute()
  await trx
    .updateTable('due_orders')
    .from(postponed)
    .set((eb) => ({ lease_token: null, due_at: eb.ref('row.due_at'), claims: 0 }))
    .whereRef('due_orders.order_id', '=', 'row.id')
    .execute()
  const last = rows.filter(({ reason }) => reason !== null)
  await removeFromQueue(trx, last)
  await recordEvents(trx, last, 'needs_review')
}

/**
 * Returns orders to the queue whose charge was not asked for. Order, reservation and payment intent stay. Takes back
 * the claim's count, and no earlier one: these orders are neither settled nor answered.
 */
async function defer(trx: Kysely<Schema>, orders: readonly Deferred[], now: number): Promise<void> {
  const rows = orders.map(({ id, retryAfterMs = 0 }) => ({ id, due_at: now + retryAfterMs }))
  await trx
    .updateTable('due_orders')
    .from(rowSource(trx, 'row', packRows({ id: 'integer', due_at: 'integer' }, rows)))
    .set((eb) => ({ lease_token: null, due_at: eb.ref('row.due_at'), claims: eb('claims', '-', 1) }))
    .whereRef('due_orders.order_id', '=', 'row.id')
    .execute()
}

type Captured = Pick<ClaimedOrder, 'id' | 'attempt'> & { readonly reference: string }
type Unpaid = Pick<ClaimedOrder, 'id' | 'attempt'> & { readonly message: string }
type Postponed = Unpaid & Pick<Unknown, 'retryAfterMs' | 'needsReview'>
type Deferred = Pick<ClaimedOrder, 'id'> & Pick<Unknown, 'retryAfterMs'>

const CAPTURED = { id: 'integer', attempt: 'integer', reference: 'text' } as const
const UNPAID = { id: 'integer', attempt: 'integer', message: 'long text' } as const

function unpaid(db: Kysely<Schema>, json: Expression<string>) {
  return rowSource<Unpaid, 'row'>(db, 'row', { columns: UNPAID, json })
}

const recordCaptures = new Prepared<{ rows: string; now: number }>((db, value) =>
  db
    .updateTable('payments')
    .from(rowSource<Captured, 'row'>(db, 'row', { columns: CAPTURED, json: value('rows') }))
    .set((eb) => ({ status: 'captured', gateway_reference: eb.ref('row.reference') }))
    .set({ message: null, answered_at: value('now') })
    .whereRef('payments.order_id', '=', 'row.id')
    .whereRef('payments.attempt', '=', 'row.attempt'),
)

const recordUnpaid = new Prepared<{ rows: string; status: 'declined' | 'unknown'; unanswered: number; now: number }>(
  (db, value) =>
    db
      .updateTable('payments')
      .from(unpaid(db, value('rows')))
      .set((eb) => ({
        message: eb.ref('row.message'),
        unanswered: eb('payments.unanswered', '+', value('unanswered')),
      }))
      .set({ status: value('status'), answered_at: value('now'), never_asked: 0 })
      .whereRef('payments.order_id', '=', 'row.id')
      .whereRef('payments.attempt', '=', 'row.attempt'),
)

const markCompleted = new Prepared<{ ids: string; now: number }>((db, value) =>
  db
    .updateTable('orders')
    .set({ status: 'completed', settled_at: value('now') })
    .where(isAmong(db, 'id', value('ids'))),
)

const markRolledBack = new Prepared<{ rows: string; reason: FailureReason; now: number }>((db, value) =>
  db
    .updateTable('orders')
    .from(unpaid(db, value('rows')))
    .set((eb) => ({ message: eb.ref('row.message') }))
    .set({ status: 'rolled_back', reason: value('reason'), settled_at: value('now') })
    .whereRef('orders.id', '=', 'row.id'),
)
