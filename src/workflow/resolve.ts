// `failed resolve`: settles orders whose charge has an unknown outcome, as a person saw it at the payment provider.
import type { Kysely } from 'kysely'
import { recordAction } from '../database/actions.js'
import type { Database } from '../database/connection.js'
import { packIds } from '../database/packed-rows.js'
import { isAmong } from '../database/row-source.js'
import type { Schema } from '../database/schema.js'
import { settlementTime } from '../database/settlement-time.js'
import type { OrderId } from '../domain/ids.js'
import { orderWords } from '../domain/shell.js'
import { changeOrders, isHeldByWorker, type OrderState, type Refusal, refuseSettled, withItems } from './order-state.js'
import { takeReferences } from './references.js'
import { book, prepareBooking } from './settle.js'

interface Resolution {
  /** The gateway's reference of the captured charge of each order; undefined if nothing was charged. */
  readonly captured?: ReadonlyMap<OrderId, string> | undefined
  /** As the person gave it. */
  readonly reason?: string | undefined
  readonly isDryRun?: boolean
}

/**
 * Completes the orders as captured charges do, or rolls the orders back as declined ones. An order that a worker
 * holds, or that was settled since, stays as it is.
 *
 * @returns for each order that is not resolved, why
 */
export function resolveOrders(
  db: Database,
  ids: readonly OrderId[],
  resolution: Resolution,
): Promise<ReadonlyMap<OrderId, Refusal>> {
  const { captured, isDryRun = false } = resolution
  const judge = async (trx: Kysely<Schema>, order: OrderState, now: number) => {
    const charge = captured?.get(order.id)
    return refusalOf(order, now) ?? (charge === undefined ? undefined : refuseReference(trx, order, charge, isDryRun))
  }
  const apply = (trx: Kysely<Schema>, orders: readonly OrderState[]) => settleResolved(trx, orders, resolution)
  return changeOrders(db, ids, { judge, apply }, isDryRun)
}

async function settleResolved(
  trx: Kysely<Schema>,
  orders: readonly OrderState[],
  { captured, reason }: Resolution,
): Promise<void> {
  await trx
    .updateTable('orders')
    .set({ reason: null, message: null })
    .where(isAmong(trx, 'id', packIds(orders)))
    .execute()
  const message = ['resolved as not charged', ...(reason === undefined ? [] : [reason])].join(': ')
  const settled = (await withItems(trx, orders)).map(({ id, attempt, items }) => ({ id, attempt, items }))
  const outcomes =
    captured === undefined
      ? { captured: [], declined: settled.map((order) => ({ ...order, message })) }
      : { captured: settled.map((order) => ({ ...order, reference: captured.get(order.id) ?? '' })), declined: [] }
  await takeReferences(trx, outcomes.captured)
  await book(trx, prepareBooking(outcomes), await settlementTime(trx))
  const action = { command: 'failed resolve', reason } as const
  for (const { id, reference } of outcomes.captured)
    await recordAction(trx, { ...action, details: `captured as ${reference}` }, [id])
  const declined = outcomes.declined.map(({ id }) => id)
  if (declined.length > 0) await recordAction(trx, { ...action, details: 'not charged' }, declined)
}

/** Refuses a reference that another payment has. If two people name it for two orders, the second one waits. */
async function refuseReference(
  trx: Kysely<Schema>,
  { id }: OrderState,
  captured: string,
  isDryRun: boolean,
): Promise<Refusal | undefined> {
  const paid = trx
    .selectFrom('payments')
    .innerJoin('orders', 'orders.id', 'payments.order_id')
    .where('payments.gateway_reference', '=', captured)
    .where('payments.status', '=', 'captured')
    .select('orders.reference')
    .limit(1)
  const other = await paid.executeTakeFirst()
  if (!other && (isDryRun || !(await takeReferences(trx, [{ id, reference: captured }])).has(id))) return undefined
  const message = `The reference ${captured} belongs to the payment of ${other ? `order ${other.reference}` : 'another order'} already.`
  return { code: 'reference_used', message, fix: "Compare order and amount in the provider's dashboard." }
}

function refusalOf(order: OrderState, now: number): Refusal | undefined {
  const { reference, payment } = order
  const name = orderWords(order)
  const settled = refuseSettled(order, `See its payment with: orderctl orders show ${name}`)
  if (settled) return settled
  if (isHeldByWorker(order, now)) {
    const message = `A worker is charging order ${reference} right now.`
    return {
      code: 'being_charged',
      message,
      fix: `Wait for its outcome: orderctl orders show ${name}`,
      retryable: true,
    }
  }
  if (payment !== null) return undefined
  const next = `Cancel it (orderctl orders cancel ${name}), or see how it continues: orderctl orders show ${name}`
  return { code: 'not_charged_yet', message: `Order ${reference} has not been charged yet.`, fix: next }
}
