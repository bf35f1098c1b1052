// Locks and reads orders that a person wants to change, so that no worker and no other person changes them meanwhile.
import type { Kysely } from 'kysely'
import type { Database } from '../database/connection.js'
import { ofCurrentAttempt } from '../database/current-attempt.js'
import { databaseTime, shareNamedLock } from '../database/engine.js'
import { packIds } from '../database/packed-rows.js'
import { isAmong } from '../database/row-source.js'
import type { Schema } from '../database/schema.js'
import { inSnapshot, inTransaction } from '../database/transaction.js'
import { groupBy, inBatches } from '../domain/batches.js'
import type { OrderId } from '../domain/ids.js'
import { orderWords } from '../domain/shell.js'
import type { Problem } from '../errors.js'
import { lockInQueue, lockOrders } from '../queue/due-orders.js'
import { recounting } from './order-counts.js'
import { type OrderItems, reservedItems } from './stock.js'

/** Why an order stays as it is. */
export type Refusal = Pick<Problem, 'code' | 'message' | 'fix' | 'retryable'>

/** What decides whether a person may change an order. */
export type OrderState = Awaited<ReturnType<typeof readStates>>[number]

interface Change {
  /** @returns why the order stays as it is @param now by the database's clock */
  judge(trx: Kysely<Schema>, order: OrderState, now: number): Refusal | undefined | Promise<Refusal | undefined>
  /** Changes the orders that are not refused. Not called in a dry run. */
  apply(trx: Kysely<Schema>, orders: readonly OrderState[]): Promise<void>
}

/** Orders per transaction. */
const PAGE = 1000

/**
 * Changes the orders, page by page, under locks: of two people, or of a person and a worker, one comes first, and the
 * other finds the order as the first one left it. If the process dies, whole pages are changed or not.
 *
 * @returns for each order that is not changed, why
 */
export async function changeOrders(
  db: Database,
  ids: readonly OrderId[],
  change: Change,
  isDryRun: boolean,
): Promise<ReadonlyMap<OrderId, Refusal>> {
  const refused = new Map<OrderId, Refusal>()
  for (const page of inBatches(ids, PAGE)) {
    const judgeAndChange = async (trx: Kysely<Schema>) => {
      const orders = await (isDryRun ? readStates : lockStates)(trx, page)
      const now = await databaseTime(trx)
      const refusals = new Map<OrderId, Refusal>()
      for (const order of orders) {
        const refusal = await change.judge(trx, order, now)
        if (refusal) refusals.set(order.id, refusal)
      }
      const open = orders.filter(({ id }) => !refusals.has(id))
      if (!isDryRun && open.length > 0) await recounting(trx, packIds(open), () => change.apply(trx, open))
      return refusals
    }
    const refusals = await (isDryRun ? inSnapshot(db, judgeAndChange) : inTransaction(db, judgeAndChange))
    for (const [id, refusal] of refusals) refused.set(id, refusal)
  }
  return refused
}

/** Locks the orders' queue rows and the orders. No import begins or is undone meanwhile. */
async function lockStates(trx: Kysely<Schema>, ids: readonly OrderId[]): Promise<readonly OrderState[]> {
  await shareNamedLock(trx, 'turn_imports')
  await lockInQueue(trx, ids)
  await lockOrders(trx, ids)
  return readStates(trx, ids)
}

async function readStates(db: Kysely<Schema>, ids: readonly OrderId[]) {
  return db
    .selectFrom('orders')
    .leftJoin('due_orders', 'due_orders.order_id', 'orders.id')
    .leftJoin('payments', ofCurrentAttempt)
    .where(isAmong(db, 'orders.id', ids))
    .select(['orders.id', 'orders.reference', 'orders.source', 'orders.status', 'orders.reason', 'orders.attempt'])
    .select(['due_orders.due_at as dueAt', 'due_orders.lease_token as leaseToken'])
    .select(['payments.status as payment', 'payments.amount', 'payments.never_asked as neverAsked'])
    .select((eb) => {
      const unfinished = eb.selectFrom('imports').whereRef('imports.source', '=', 'orders.source')
      return unfinished.where('ended_at', 'is', null).select(eb.fn.countAll<number>().as('imports')).as('openImports')
    })
    .execute()
}

/** Refuses a settled order. @param fix what to do if it is completed */
export function refuseSettled({ reference, status, reason, ...order }: OrderState, fix: string): Refusal | undefined {
  if (status === 'completed')
    return { code: 'order_completed', message: `Order ${reference} is completed already.`, fix }
  if (status !== 'failed' && status !== 'rolled_back') return undefined
  const failed = `has ${status === 'failed' ? 'failed' : 'been rolled back'} already (${reason})`
  const message = `Order ${reference} ${reason === 'cancelled' ? 'was cancelled already' : failed}.`
  const show = `orderctl orders show ${orderWords({ reference, source: order.source })}`
  return { code: 'order_settled', message, fix: `See what happened with: ${show}` }
}

/** Whether a worker holds the lease. @param now by the database's clock */
export function isHeldByWorker({ leaseToken, dueAt }: OrderState, now: number): boolean {
  return leaseToken !== null && dueAt !== null && dueAt > now
}

/** Reads the units that the current attempt of each order has reserved. Orders without any have no items. */
export async function withItems<Order extends { readonly id: OrderId }>(
  trx: Kysely<Schema>,
  orders: readonly Order[],
): Promise<(Order & OrderItems)[]> {
  if (orders.length === 0) return []
  const reserved = await reservedItems(trx)
    .where(isAmong(trx, 'orders.id', packIds(orders)))
    .execute()
  const itemsOf = groupBy(reserved, ({ id }) => id)
  return orders.map((order) => ({ ...order, items: itemsOf.get(order.id) ?? [] }))
}
