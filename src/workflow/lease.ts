// The lease of a batch on its orders, stored in due_orders, and the fence that rejects results of batches that lost it.
import { randomBytes } from 'node:crypto'
import { type Kysely, type SelectQueryBuilder, sql } from 'kysely'
import { startBackground } from '../background.js'
import { databaseTime, forUpdate, writesAlone } from '../database/engine.js'
import { packIds } from '../database/packed-rows.js'
import { type Parameter, Prepared } from '../database/prepared.js'
import { isAmong, withoutIndex } from '../database/row-source.js'
import type { Schema } from '../database/schema.js'
import type { LeaseToken, OrderId } from '../domain/ids.js'
import { LeaseEnd } from '../domain/lease-end.js'

interface Identified {
  readonly id: OrderId
}

/** The tables whose rows are leased. */
type Leased = 'due_orders' | 'refunds'

/** A lease on orders that a batch has claimed, or on their refunds. */
interface Held {
  /** Proves the claim: only its holder may settle them. */
  readonly token: LeaseToken
  readonly orders: readonly Identified[]
  readonly leaseMs: number
}

/** Makes a token of 72 random bits. It is short, since each order in progress stores a copy. */
export function newToken(): LeaseToken {
  return randomBytes(9).toString('base64url') as string as LeaseToken
}

/** Takes the lease on the orders, and counts the claim (see queue/suspects.ts). */
export async function takeLease(trx: Kysely<Schema>, { token, orders, leaseMs }: Held): Promise<void> {
  await lease.run(trx, { ids: packIds(orders), token, until: (await databaseTime(trx)) + leaseMs })
}

const lease = new Prepared<{ ids: string; token: LeaseToken; until: number }>((db, value) =>
  db
    .updateTable('due_orders')
    .set((eb) => ({ lease_token: value('token'), due_at: value('until'), claims: eb('claims', '+', sql.lit(1)) }))
    .where(isAmong(db, 'order_id', value('ids'))),
)

/** Moves the end of a lease. Returns whether all rows are still under it. */
export async function renewLease(
  db: Kysely<Schema>,
  table: Leased,
  { token, orders, leaseMs }: Held,
): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable<Leased>(table)
    .set({ due_at: (await databaseTime(db)) + leaseMs })
    .where(isAmong(db, 'order_id', packIds(orders)))
    .where('lease_token', '=', token)
    .executeTakeFirstOrThrow()
  return Number(numUpdatedRows) === orders.length
}

/**
 * Renews a lease until `act` ends. Rows whose lease is lost in the meantime stay lost.
 *
 * @param lease `since`: when it was asked for, by `performance.now()`
 * @param act gets the end of the lease, which renewals move. It has passed once the lease may have ended, as after the
 * process was suspended, and once a renewal finds a row lost
 */
export async function whileRenewing<Result>(
  db: Kysely<Schema>,
  table: Leased,
  lease: Held & { readonly since: number },
  act: (end: LeaseEnd) => Promise<Result>,
): Promise<Result> {
  const { leaseMs, since } = lease
  const end = new LeaseEnd()
  end.moveTo(since + leaseMs)
  const renewOnce = async () => {
    const asked = performance.now()
    // Once a row is lost, another process or a person may have settled it: the gateway may be asked for nothing more.
    if (await renewLease(db, table, lease)) end.moveTo(asked + leaseMs)
    else end.endNow()
  }
  // If every renewal fails, the fence rejects the late settlement.
  const renewing = startBackground(renewOnce, { pauseMs: () => leaseMs / 3 })
  try {
    return await act(end)
  } finally {
    // Ends before the settlement, which locks the same rows in another order.
    await renewing.end()
  }
}

/** Selects the queue rows of those orders that are due. */
export function dueOrders(db: Kysely<Schema>, value: Parameter<{ now: number; ids: string }>) {
  return db
    .selectFrom('due_orders')
    .where(isAmong(db, 'due_orders.order_id', value('ids')))
    .where(withoutIndex('due_orders.due_at'), '<', value('now'))
}

/**
 * Locks those orders that have not changed since they were read and that no other transaction has locked. A claim, a
 * postponement or a retry sets due_at to a time of its own; the other columns that were read never change.
 */
export async function stillDue<Order extends Identified & { readonly dueAt: number }>(
  trx: Kysely<Schema>,
  orders: readonly Order[],
): Promise<readonly Order[]> {
  // An import makes many orders due at the same time, so this list is short.
  return dueAtTimes(trx, orders, { times: JSON.stringify([...new Set(orders.map(({ dueAt }) => dueAt))]) })
}

const dueAtTimes = lockAmong<{ times: string }>(
  (db, value) =>
    db
      .selectFrom('due_orders')
      .where(isAmong(db, 'order_id', value('ids')))
      .where(isAmong(db, withoutIndex('due_at'), value('times'))),
  'skip',
)

/** The fence: locks those orders that are still under the lease. */
export const heldUnder = lockAmong<{ token: LeaseToken }>(
  (db, value) =>
    db
      .selectFrom('due_orders')
      .where(isAmong(db, 'order_id', value('ids')))
      .where('lease_token', '=', value('token')),
  'wait',
)

/** @param others whether to wait for orders that another transaction has locked, or to skip them */
function lockAmong<Values extends object>(
  query: (
    db: Kysely<Schema>,
    value: Parameter<Values & { ids: string }>,
  ) => SelectQueryBuilder<Schema, 'due_orders', object>,
  others: 'wait' | 'skip',
) {
  const count = new Prepared<Values & { ids: string }, { count: number }>((db, value) =>
    query(db, value).select((eb) => eb.fn.countAll<number>().as('count')),
  )
  const lock = new Prepared<Values & { ids: string }, Identified>((db, value) =>
    forUpdate(db, query(db, value).select('order_id as id').orderBy('order_id'), others),
  )
  return async <Order extends Identified>(trx: Kysely<Schema>, orders: readonly Order[], values: Values) => {
    if (orders.length === 0) return orders
    const all = { ...values, ids: packIds(orders) }
    if (writesAlone(trx)) {
      // Fast path: usually all orders match, and COUNT costs a third of the SELECT.
      const [row] = await count.all(trx, all)
      if (row?.count === orders.length) return orders
    }
    const found = new Set((await lock.all(trx, all)).map((order) => order.id))
    return orders.filter((order) => found.has(order.id))
  }
}
