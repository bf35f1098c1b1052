// The events that wait for delivery: which process may send which, and what became of it. The events of an order are
// sent in their order, one at a time; those of different orders are independent.
import { randomBytes } from 'node:crypto'
import { type Kysely, type Selectable, sql, type UpdateObject } from 'kysely'
import type { Database } from '../database/connection.js'
import { databaseTime, forUpdate } from '../database/engine.js'
import { packRows } from '../database/packed-rows.js'
import { rowSource } from '../database/row-source.js'
import type { Schema } from '../database/schema.js'
import { inTransaction } from '../database/transaction.js'
import { backoffMs } from '../domain/backoff.js'
import type { LeaseToken } from '../domain/ids.js'
import type { DestinationName } from './events.js'

type EventRow = Selectable<Schema['events']>
export type EventKey = Pick<EventRow, 'order_id' | 'destination' | 'number'>

/** A row with what a receiver wants to know about its order. */
export type ClaimedEvent = Awaited<ReturnType<typeof readEvents>>[number]

export interface Claim {
  readonly token: LeaseToken
  readonly events: readonly ClaimedEvent[]
}

/** Shortest and longest pause before an event is sent again, in milliseconds. */
const FIRST_PAUSE_MS = 5000
const LONGEST_PAUSE_MS = 900_000

/**
 * Claims events for one destination, the oldest first: the first event of each order that was not delivered.
 *
 * @param leaseMs after this time, another process may send them
 */
export async function claimEvents(
  db: Database,
  destination: DestinationName,
  limit: number,
  leaseMs: number,
): Promise<Claim> {
  const token = randomBytes(9).toString('base64url') as string as LeaseToken
  const due = async (of: Kysely<Schema>) => dueEvents(of, destination, await databaseTime(of), limit)
  // Read before the transaction, which blocks all other writers of a file.
  if (!(await (await due(db)).limit(1).executeTakeFirst())) return { token, events: [] }
  return inTransaction(db, async (trx) => {
    const keys = await forUpdate(trx, await due(trx), 'skip').execute()
    const lease = { lease_token: token, next_at: (await databaseTime(trx)) + leaseMs }
    await updateEvents(trx, keys, lease)
    return { token, events: await readEvents(trx, keys) }
  })
}

function dueEvents(db: Kysely<Schema>, destination: DestinationName, now: number, limit: number) {
  return db
    .selectFrom('events')
    .where('state', '=', sql.lit('waiting'))
    .where('destination', '=', destination)
    .where('next_at', '<=', now)
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('events as earlier')
            .whereRef('earlier.order_id', '=', 'events.order_id')
            .whereRef('earlier.destination', '=', 'events.destination')
            .whereRef('earlier.number', '<', 'events.number')
            .where('earlier.state', '=', sql.lit('waiting'))
            .select('earlier.number'),
        ),
      ),
    )
    .orderBy('next_at')
    .limit(limit)
    .select(['order_id', 'destination', 'number'])
}

const KEY = { order_id: 'integer', destination: 'text', number: 'integer' } as const

function readEvents(db: Kysely<Schema>, keys: readonly EventKey[]) {
  return db
    .selectFrom(rowSource(db, 'row', packRows(KEY, keys)))
    .innerJoin('events', (join) =>
      join
        .onRef('events.order_id', '=', 'row.order_id')
        .onRef('events.destination', '=', 'row.destination')
        .onRef('events.number', '=', 'row.number'),
    )
    .innerJoin('orders', 'orders.id', 'events.order_id')
    .innerJoin('customers', 'customers.id', 'orders.customer_id')
    .leftJoin('payments', (join) =>
      join
        .onRef('payments.order_id', '=', 'events.order_id')
        .onRef('payments.attempt', '=', 'events.attempt')
        .on('payments.status', '=', 'captured'),
    )
    .select(['events.order_id', 'events.destination', 'events.number', 'events.token', 'events.kind'])
    .select(['events.attempt', 'events.reason', 'events.message', 'events.occurred_at', 'events.amount'])
    .select(['events.deliveries', 'events.reference as refund_reference', 'orders.reference', 'orders.source'])
    .select(['orders.currency', 'customers.customer_id', 'payments.gateway_reference as payment_reference'])
    .execute()
}

/** Marks events as delivered that are still under the claim. */
export async function markDelivered(db: Database, { token }: Claim, events: readonly EventKey[]): Promise<void> {
  if (events.length === 0) return
  await inTransaction(db, async (trx) => {
    const now = await databaseTime(trx)
    const delivered = { state: 'delivered', next_at: now, lease_token: null, error: null } as const
    await updateEvents(trx, events, { ...delivered, deliveries: sql<number>`events.deliveries + 1` }, token)
  })
}

export interface FailedEvent extends EventKey {
  /** How often it was sent before. */
  readonly deliveries: number
  readonly error: string
}

/** Postpones events whose delivery failed, and releases those that were not sent. */
export async function postponeEvents(
  db: Database,
  { token }: Claim,
  failed: readonly FailedEvent[],
  unsent: readonly EventKey[],
): Promise<void> {
  if (failed.length + unsent.length === 0) return
  await inTransaction(db, async (trx) => {
    const now = await databaseTime(trx)
    await updateEvents(trx, unsent, { lease_token: null, next_at: sql<number>`events.occurred_at` }, token)
    for (const { error, deliveries, ...key } of failed) {
      const next_at = now + backoffMs(deliveries + 1, FIRST_PAUSE_MS, LONGEST_PAUSE_MS)
      const postponed = { lease_token: null, next_at, error, deliveries: deliveries + 1 }
      await updateEvents(trx, [key], postponed, token)
    }
  })
}

/** @param token if given, changes only events that are still under this claim */
async function updateEvents(
  trx: Kysely<Schema>,
  keys: readonly EventKey[],
  changes: UpdateObject<Schema, 'events'>,
  token?: LeaseToken,
): Promise<number> {
  if (keys.length === 0) return 0
  const updated = await trx
    .updateTable('events')
    .set(changes)
    .from(rowSource(trx, 'row', packRows(KEY, keys)))
    .whereRef('events.order_id', '=', 'row.order_id')
    .whereRef('events.destination', '=', 'row.destination')
    .whereRef('events.number', '=', 'row.number')
    .$if(token !== undefined, (query) => query.where('events.lease_token', '=', token ?? null))
    .executeTakeFirst()
  return Number(updated.numUpdatedRows)
}

const SLICE = 10_000

/** Deletes the delivered events of the destination that are older than this. Returns how many. */
export async function pruneEvents(db: Database, destination: DestinationName, keepMs: number): Promise<number> {
  const before = (await databaseTime(db)) - keepMs
  const old = db.selectFrom('events').where('state', '=', 'delivered').where('destination', '=', destination)
  for (let deleted = 0; ; ) {
    const rest = old.where('next_at', '<', before).orderBy('next_at').select('next_at')
    const end = (await rest.limit(1).offset(SLICE).executeTakeFirst())?.next_at ?? before
    const slice = await db
      .deleteFrom('events')
      .where('state', '=', 'delivered')
      .where('destination', '=', destination)
      .where('next_at', '<', before)
      .where('next_at', '<=', end)
      .executeTakeFirst()
    deleted += Number(slice.numDeletedRows)
    if (end === before) return deleted
  }
}
