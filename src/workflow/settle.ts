// The second transaction of a batch: what the gateway said becomes money, stock and sales figures, under the fence of
// the lease. Each outcome stands here beside what it undoes or makes final.
import type { Expression, Kysely } from '../database/kysely.js'
import { packRows } from '../database/packed-rows.js'
import { Prepared } from '../database/prepared.js'
import { idsIn, packedIdsIn, rowSource } from '../database/row-source.js'
import { addToSales } from '../database/sales.js'
import type { Schema } from '../database/schema.js'
import type { LeaseToken, OrderId } from '../domain/ids.js'
import type { PaymentStatus } from '../domain/order.js'
import type { ChargeOutcome } from '../payments/gateway.js'
import { type Claim, type ClaimedOrder, idsJson } from './claim.js'

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
 * Settles the orders that the claim still holds. Those that another worker has taken over meanwhile are left to it: it
 * asks the gateway with the same keys and gets the same answers.
 */
export async function settle(
  db: Kysely<Schema>,
  claim: Claim,
  outcomes: ReadonlyMap<OrderId, ChargeOutcome>,
  options: SettleOptions,
): Promise<Settled> {
  return db.transaction().execute(async (trx) => {
    const held = await stillHeld(trx, claim)
    const orders = claim.orders.filter((order) => held.has(order.id))
    const endedAs = (status: ChargeOutcome['status']) => orders.filter(({ id }) => outcomes.get(id)?.status === status)
    const now = Date.now()
    await recordAnswers(trx, orders, outcomes, now)
    return {
      completed: await complete(trx, endedAs('captured'), now),
      rolledBack: await rollBack(trx, endedAs('declined'), now),
      postponed: await postpone(trx, endedAs('unknown'), options, now),
    }
  })
}

async function stillHeld(db: Kysely<Schema>, claim: Claim): Promise<ReadonlySet<OrderId>> {
  const held = await heldUnder.all(db, { ids: idsJson(claim.orders), token: claim.token })
  return new Set(held.map((order) => order.id))
}

const heldUnder = new Prepared<{ ids: string; token: LeaseToken }, { id: OrderId }>((db, value) =>
  db
    .selectFrom('orders')
    .select('id')
    .where('id', 'in', packedIdsIn<OrderId>(value('ids')))
    .where('lease_token', '=', value('token'))
    .where('status', '=', 'payment_processing'),
)

interface Answer {
  readonly order_id: OrderId
  readonly attempt: number
  readonly status: PaymentStatus
  readonly gateway_reference: string | null
  readonly message: string | null
  readonly unanswered: number
}

async function recordAnswers(
  db: Kysely<Schema>,
  orders: readonly ClaimedOrder[],
  outcomes: ReadonlyMap<OrderId, ChargeOutcome>,
  now: number,
): Promise<void> {
  const answers = orders.flatMap(({ id, attempt }): Answer[] => {
    const outcome = outcomes.get(id)
    if (!outcome) return []
    return [
      {
        order_id: id,
        attempt,
        status: outcome.status,
        gateway_reference: outcome.status === 'captured' ? outcome.reference : null,
        message: outcome.status === 'captured' ? null : outcome.message,
        unanswered: outcome.status === 'unknown' ? 1 : 0,
      },
    ]
  })
  await answer.run(db, { answers: packRows(ANSWER_COLUMNS, answers).json, now })
}

const ANSWER_COLUMNS = ['order_id', 'attempt', 'status', 'gateway_reference', 'message', 'unanswered'] as const

const answer = new Prepared<{ answers: string; now: number }>((db, value) =>
  db
    .updateTable('payments')
    .from(rowSource<Answer, 'answer'>('answer', { columns: ANSWER_COLUMNS, json: value('answers') }))
    .set((eb) => ({
      status: eb.ref('answer.status'),
      gateway_reference: eb.ref('answer.gateway_reference'),
      message: eb.ref('answer.message'),
      unanswered: eb('payments.unanswered', '+', eb.ref('answer.unanswered')),
      answered_at: value('now'),
    }))
    .whereRef('payments.order_id', '=', 'answer.order_id')
    .whereRef('payments.attempt', '=', 'answer.attempt'),
)

/** The money is in: the stock leaves, and the sale counts. */
async function complete(db: Kysely<Schema>, orders: readonly ClaimedOrder[], now: number): Promise<number> {
  if (orders.length === 0) return 0
  const ids = idsJson(orders)
  await markCompleted.run(db, { ids, now })
  await takeStock.run(db, { ids })
  await endReservations.run(db, { ids, state: 'committed' })
  await addToSales(db, ids)
  return orders.length
}

const markCompleted = new Prepared<{ ids: string; now: number }>((db, value) =>
  db
    .updateTable('orders')
    .set({ status: 'completed', settled_at: value('now'), due_at: null, lease_token: null })
    .where('id', 'in', packedIdsIn<OrderId>(value('ids'))),
)

/** Units of each product that the orders hold. */
function unitsHeld(db: Kysely<Schema>, ids: Expression<string>) {
  return db
    .selectFrom('stock_reservations')
    .where('order_id', 'in', packedIdsIn<OrderId>(ids))
    .where('state', '=', 'live')
    .groupBy('product_id')
    .select((eb) => ['product_id', eb.fn.sum<number>('quantity').as('units')])
    .as('held')
}

const takeStock = new Prepared<{ ids: string }>((db, value) =>
  db
    .updateTable('products')
    .from(unitsHeld(db, value('ids')))
    .set((eb) => ({
      on_hand: eb('products.on_hand', '-', eb.ref('held.units')),
      reserved: eb('products.reserved', '-', eb.ref('held.units')),
    }))
    .whereRef('products.id', '=', 'held.product_id'),
)

/** The money was refused: the stock comes back. */
async function rollBack(db: Kysely<Schema>, orders: readonly ClaimedOrder[], now: number): Promise<number> {
  if (orders.length === 0) return 0
  const ids = idsJson(orders)
  await markDeclined.run(db, { ids, now })
  await giveStockBack.run(db, { ids })
  await endReservations.run(db, { ids, state: 'released' })
  return orders.length
}

const markDeclined = new Prepared<{ ids: string; now: number }>((db, value) =>
  db
    .updateTable('orders')
    .set((eb) => ({
      status: 'rolled_back',
      reason: 'declined',
      message: eb
        .selectFrom('payments')
        .whereRef('payments.order_id', '=', 'orders.id')
        .whereRef('payments.attempt', '=', 'orders.attempt')
        .select('payments.message'),
      settled_at: value('now'),
      due_at: null,
      lease_token: null,
    }))
    .where('id', 'in', packedIdsIn<OrderId>(value('ids'))),
)

const giveStockBack = new Prepared<{ ids: string }>((db, value) =>
  db
    .updateTable('products')
    .from(unitsHeld(db, value('ids')))
    .set((eb) => ({ reserved: eb('products.reserved', '-', eb.ref('held.units')) }))
    .whereRef('products.id', '=', 'held.product_id'),
)

const endReservations = new Prepared<{ ids: string; state: 'committed' | 'released' }>((db, value) =>
  db
    .updateTable('stock_reservations')
    .set({ state: value('state') })
    .where('order_id', 'in', packedIdsIn<OrderId>(value('ids')))
    .where('state', '=', 'live'),
)

/** Nobody knows: stock and intent stay, and the same key is asked again later, or by a person. */
async function postpone(
  db: Kysely<Schema>,
  orders: readonly ClaimedOrder[],
  { attempts }: SettleOptions,
  now: number,
): Promise<number> {
  if (orders.length === 0) return 0
  const payments = await db
    .selectFrom('payments')
    .innerJoin('orders', (join) =>
      join.onRef('orders.id', '=', 'payments.order_id').onRef('orders.attempt', '=', 'payments.attempt'),
    )
    .where('payments.order_id', 'in', idsIn(orders.map((order) => order.id)))
    .select(['payments.order_id', 'payments.unanswered', 'payments.message'])
    .execute()
  const rows = payments.map(({ order_id, unanswered, message }) => {
    const givenUp = unanswered >= attempts
    const backoff = Math.min(BACKOFF_MS * 2 ** (unanswered - 1), LONGEST_BACKOFF_MS)
    return {
      order_id,
      due_at: givenUp ? null : now + backoff,
      reason: givenUp ? ('payment_unknown' as const) : null,
      message,
    }
  })
  await db
    .updateTable('orders')
    .from(rowSource('row', packRows(['order_id', 'due_at', 'reason', 'message'], rows)))
    .set((eb) => ({
      lease_token: null,
      due_at: eb.ref('row.due_at'),
      reason: eb.ref('row.reason'),
      message: eb.ref('row.message'),
    }))
    .whereRef('orders.id', '=', 'row.order_id')
    .execute()
  return orders.length
}
