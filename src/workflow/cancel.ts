// `orders cancel`: settles orders that have not been charged, before a worker charges them.
import type { Kysely } from 'kysely'
import { recordAction } from '../database/actions.js'
import type { Database } from '../database/connection.js'
import { packIds } from '../database/packed-rows.js'
import { isAmong } from '../database/row-source.js'
import type { Schema } from '../database/schema.js'
import { settlementTime } from '../database/settlement-time.js'
import type { OrderId } from '../domain/ids.js'
import { orderWords } from '../domain/shell.js'
import { recordEvents } from '../notify/events.js'
import { removeFromQueue } from '../queue/due-orders.js'
import { changeOrders, isHeldByWorker, type OrderState, type Refusal, refuseSettled, withItems } from './order-state.js'
import { book, prepareBooking } from './settle.js'

interface ChangeOptions {
  /** As the person gave it. */
  readonly reason?: string | undefined
  readonly isDryRun?: boolean
}

/**
 * Cancels the orders. A pending order becomes `failed`; one in progress becomes `rolled_back` and releases its stock.
 * Never cancels an order once the gateway may have been asked to charge it.
 *
 * @returns for each order that is not cancelled, why
 */
export function cancelOrders(
  db: Database,
  ids: readonly OrderId[],
  { reason, isDryRun = false }: ChangeOptions = {},
): Promise<ReadonlyMap<OrderId, Refusal>> {
  const judge = (_: Kysely<Schema>, order: OrderState, now: number) => refusalOf(order, now)
  const apply = (trx: Kysely<Schema>, orders: readonly OrderState[]) => settleCancelled(trx, orders, reason)
  return changeOrders(db, ids, { judge, apply }, isDryRun)
}

async function settleCancelled(
  trx: Kysely<Schema>,
  orders: readonly OrderState[],
  reason: string | undefined,
): Promise<void> {
  const now = await settlementTime(trx)
  const message = reason ?? 'cancelled before it was charged'
  const pending = orders.filter(({ status }) => status === 'pending')
  if (pending.length > 0) {
    await trx
      .updateTable('orders')
      .set({ status: 'failed', reason: 'cancelled', message, settled_at: now })
      .where(isAmong(trx, 'id', packIds(pending)))
      .execute()
    await removeFromQueue(trx, pending)
    await recordEvents(trx, pending, 'cancelled')
  }
  const begun = await withItems(
    trx,
    orders.filter(({ status }) => status !== 'pending'),
  )
  const declined = begun.map(({ id, attempt, items }) => ({ id, attempt, items, message }))
  await book(trx, prepareBooking({ captured: [], declined }), now, 'cancelled')
  await recordAction(
    trx,
    { command: 'orders cancel', reason },
    orders.map(({ id }) => id),
  )
}

/**
 * A payment intent says that a worker may have asked the gateway, even if it died since: nothing is stored between the
 * intent and the request. Exceptions are orders that are free of charge, and those whose workers said that they did not
 * ask.
 */
function refusalOf(order: OrderState, now: number): Refusal | undefined {
  const { reference, source, status, reason, payment, amount, neverAsked, openImports, dueAt } = order
  const name = orderWords(order)
  const refund = `orderctl orders refund ${name}`
  const settled = refuseSettled(order, `Refund it: ${refund}`)
  if (settled) return settled
  if (status === 'pending') {
    // An import that runs may still change, delete or release an order that is not in the queue.
    if (dueAt !== null || Number(openImports) === 0) return undefined
    const message = `Order ${reference} is part of an import of ${source} that has not ended.`
    const fix = 'Finish or undo that import first. See it with: orderctl import list'
    return { code: 'import_unfinished', message, fix, retryable: true }
  }
  if (payment === null || amount === 0 || neverAsked === 1) return undefined
  if (isHeldByWorker(order, now)) {
    const message = `Order ${reference} is being charged right now.`
    return { code: 'being_charged', message, fix: `Refund it once it is completed: ${refund}` }
  }
  const ask = reason === null ? 'orderctl work' : `orderctl failed retry ${name}`
  const resolve = `orderctl failed resolve ${name} --not-charged`
  const fix = `Ask again (${ask}), and refund it if it completes. Or, if the provider shows no charge: ${resolve}`
  return { code: 'charge_unknown', message: `Order ${reference} may have been charged; the outcome is unknown.`, fix }
}
