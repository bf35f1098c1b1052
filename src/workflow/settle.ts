// The second transaction of a batch: what the gateway said becomes money, stock and sales figures, under the fence of
// the lease. Each outcome stands here beside what it undoes or makes final.

import type { Expression, Kysely } from 'kysely'
import { databaseTime } from '../database/engine.js'
import { packIds, packRows } from '../database/packed-rows.js'
import { Prepared } from '../database/prepared.js'
import { isAmong, rowSource } from '../database/row-source.js'
import type { Schema } from '../database/schema.js'
import { inTransaction } from '../database/transaction.js'
import type { OrderId } from '../domain/ids.js'
import { leaveQueue } from '../queue/due-orders.js'
import type { Wanting } from './allocate.js'
import type { Answer } from './charge.js'
import { type Claim, heldUnder } from './claim.js'
import { addToSales } from './sales.js'
import { settleStock } from './stock.js'

export interface SettleOptions {
  /** After so many charges without an answer, an order waits for a person. */
  readonly attempts: number
}

export interface Settled {
  readonly completed: number
  readonly rolledBack: number
  /** The gateway gave no answer: asked again later. */
  readonly postponed: number
}

/** Before the first asking again; doubles each time. */
const BACKOFF_MS = 1000
const LONGEST_BACKOFF_MS = 300_000

/**
 * Settles the orders that the lease is still on. Those that another worker has taken over meanwhile are left to it: it
 * asks the gateway with the same keys and gets the same answers.
 */
export async function settle(
  db: Kysely<Schema>,
  claim: Claim,
  answers: readonly Answer[],
  options: SettleOptions,
): Promise<Settled> {
  return inTransaction(db, async (trx) => {
    const held = new Set(await heldUnder(trx, claim.orders, claim))
    const mine = answers.filter(({ order }) => held.has(order))
    const now = await databaseTime(trx)
    const sold = await complete(trx, mine, now)
    const refused = await rollBack(trx, mine, now)
    await leaveQueue(trx, [...sold, ...refused])
    const postponed = await postpone(trx, mine, options, now)
    // Last, since others wait for the same sales figures and the same few products.
    await addToSales(trx, packIds(sold))
    await settleStock(trx, { sold, released: refused })
    return { completed: sold.length, rolledBack: refused.length, postponed }
  })
}

/** The money is in. Returns the orders that are sold: they count, and their stock leaves. */
async function complete(db: Kysely<Schema>, answers: readonly Answer[], now: number): Promise<readonly Wanting[]> {
  const captured = answers.flatMap(({ order: { id, attempt, items }, outcome }) =>
    outcome.status === 'captured' ? [{ id, attempt, items, reference: outcome.reference }] : [],
  )
  if (captured.length === 0) return []
  await recordCaptures.run(db, { captured: packRows(CAPTURED, captured).json, now })
  await markCompleted.run(db, { ids: packIds(captured), now })
  return captured
}

interface Captured {
  readonly id: OrderId
  readonly attempt: number
  readonly reference: string
}

const CAPTURED = { id: 'integer', attempt: 'integer', reference: 'text' } as const

const recordCaptures = new Prepared<{ captured: string; now: number }>((db, value) =>
  db
    .updateTable('payments')
    .from(rowSource<Captured, 'row'>(db, 'row', { columns: CAPTURED, json: value('captured') }))
    .set((eb) => ({
      status: 'captured',
      gateway_reference: eb.ref('row.reference'),
      message: null,
      answered_at: value('now'),
    }))
    .whereRef('payments.order_id', '=', 'row.id')
    .whereRef('payments.attempt', '=', 'row.attempt'),
)

const markCompleted = new Prepared<{ ids: string; now: number }>((db, value) =>
  db
    .updateTable('orders')
    .set({ status: 'completed', settled_at: value('now') })
    .where(isAmong(db, 'id', value('ids'))),
)

/** The money was refused. Returns the orders whose stock comes back. */
async function rollBack(db: Kysely<Schema>, answers: readonly Answer[], now: number): Promise<readonly Wanting[]> {
  const declined = answers.flatMap(({ order: { id, attempt, items }, outcome }) =>
    outcome.status === 'declined' ? [{ id, attempt, items, message: outcome.message }] : [],
  )
  if (declined.length === 0) return []
  const rows = packRows(UNPAID, declined).json
  await recordRefusals.run(db, { declined: rows, now })
  await markRolledBack.run(db, { declined: rows, now })
  return declined
}

interface Unpaid {
  readonly id: OrderId
  readonly attempt: number
  readonly message: string
}

const UNPAID = { id: 'integer', attempt: 'integer', message: 'long text' } as const

function unpaid(db: Kysely<Schema>, json: Expression<string>) {
  return rowSource<Unpaid, 'row'>(db, 'row', { columns: UNPAID, json })
}

const recordRefusals = new Prepared<{ declined: string; now: number }>((db, value) =>
  db
    .updateTable('payments')
    .from(unpaid(db, value('declined')))
    .set((eb) => ({ status: 'declined', message: eb.ref('row.message'), answered_at: value('now') }))
    .whereRef('payments.order_id', '=', 'row.id')
    .whereRef('payments.attempt', '=', 'row.attempt'),
)

const markRolledBack = new Prepared<{ declined: string; now: number }>((db, value) =>
  db
    .updateTable('orders')
    .from(unpaid(db, value('declined')))
    .set((eb) => ({
      status: 'rolled_back',
      reason: 'declined',
      message: eb.ref('row.message'),
      settled_at: value('now'),
    }))
    .whereRef('orders.id', '=', 'row.id'),
)

/** Nobody knows: stock and intent stay, and the same key is asked again later, or by a person. */
async function postpone(
  db: Kysely<Schema>,
  answers: readonly Answer[],
  { attempts }: SettleOptions,
  now: number,
): Promise<number> {
  const unknown = answers.flatMap(({ order: { id, attempt }, outcome }) =>
    outcome.status === 'unknown' ? [{ id, attempt, message: outcome.message }] : [],
  )
  if (unknown.length === 0) return 0
  await recordSilence.run(db, { unknown: packRows(UNPAID, unknown).json, now })
  const payments = await db
    .selectFrom('payments')
    .innerJoin('orders', (join) =>
      join.onRef('orders.id', '=', 'payments.order_id').onRef('orders.attempt', '=', 'payments.attempt'),
    )
    .where(isAmong(db, 'payments.order_id', packIds(unknown)))
    .select(['payments.order_id', 'payments.unanswered', 'payments.message'])
    .execute()
  const rows = payments.map(({ order_id, unanswered, message }) => ({
    id: order_id,
    due_at: now + Math.min(BACKOFF_MS * 2 ** (unanswered - 1), LONGEST_BACKOFF_MS),
    reason: unanswered >= attempts ? ('payment_unknown' as const) : null,
    message,
  }))
  const unanswered = rowSource(db, 'row', packRows(UNANSWERED, rows))
  await db
    .updateTable('orders')
    .from(unanswered)
    .set((eb) => ({ reason: eb.ref('row.reason'), message: eb.ref('row.message') }))
    .whereRef('orders.id', '=', 'row.id')
    .execute()
  await db
    .updateTable('due_orders')
    .from(unanswered)
    .set((eb) => ({ lease_token: null, due_at: eb.ref('row.due_at'), claims: 0 }))
    .whereRef('due_orders.order_id', '=', 'row.id')
    .execute()
  const givenUp = rows.filter((row) => row.reason !== null)
  await leaveQueue(db, givenUp)
  return unknown.length
}

const UNANSWERED = { id: 'integer', due_at: 'integer', reason: 'text', message: 'long text' } as const

const recordSilence = new Prepared<{ unknown: string; now: number }>((db, value) =>
  db
    .updateTable('payments')
    .from(unpaid(db, value('unknown')))
    .set((eb) => ({
      status: 'unknown',
      message: eb.ref('row.message'),
      unanswered: eb('payments.unanswered', '+', 1),
      answered_at: value('now'),
    }))
    .whereRef('payments.order_id', '=', 'row.id')
    .whereRef('payments.attempt', '=', 'row.attempt'),
)
