// Lists events for people, and makes them due again.
import { type ExpressionBuilder, type Kysely, sql } from 'kysely'
import { recordAction } from '../database/actions.js'
import type { Database } from '../database/connection.js'
import { countRows } from '../database/count-rows.js'
import { databaseTime } from '../database/engine.js'
import { packRows } from '../database/packed-rows.js'
import { rowSource } from '../database/row-source.js'
import type { Schema } from '../database/schema.js'
import { inSnapshot, inTransaction } from '../database/transaction.js'
import type { OrderId } from '../domain/ids.js'
import { UserError } from '../errors.js'
import { countOf } from '../terminal/text.js'
import type { DestinationName } from './events.js'
import { eventId, readEventId } from './message.js'

export const EVENT_STATES = ['waiting', 'delivered'] as const

export interface EventFilter {
  readonly state?: (typeof EVENT_STATES)[number] | undefined
  /** The order's reference. */
  readonly order?: string | undefined
  readonly source?: string | undefined
}

/** Lists events, newest first. `total` counts all that match, including those beyond the limit. */
export function listEvents(db: Database, { state, order, source }: EventFilter, limit: number) {
  return inSnapshot(db, async (trx) => {
    let matching = trx.selectFrom('events').innerJoin('orders', 'orders.id', 'events.order_id')
    if (state) matching = matching.where('events.state', '=', state)
    if (order !== undefined) matching = matching.where('orders.reference', '=', order)
    if (source !== undefined) matching = matching.where('orders.source', '=', source)
    const total = await countRows(matching)
    const rows = await matching
      .selectAll('events')
      .select(['orders.reference', 'orders.source', 'orders.currency'])
      .orderBy('events.occurred_at', 'desc')
      .orderBy('events.order_id', 'desc')
      .orderBy('events.number', 'desc')
      .limit(limit)
      .execute()
    const events = rows.map((row) => ({
      event_id: eventId(row),
      type: `order.${row.kind}`,
      order_id: row.reference,
      source: row.source,
      destination: row.destination,
      occurred_at: new Date(row.occurred_at),
      amount: { currency: row.currency, minor: row.amount },
      currency: row.currency,
      state: row.state,
      deliveries: row.deliveries,
      /** When it may be sent; null once it was delivered. */
      next_at: row.state === 'waiting' ? new Date(row.next_at) : null,
      delivered_at: row.state === 'delivered' ? new Date(row.next_at) : null,
      error: row.error,
    }))
    return { total, events }
  })
}

/** Limits the search for the oldest event. The queue is in the order of delivery, so it is among the first. */
const FIRST_WAITING = 1000

/** Limits the search for the reason. Events that were sent in vain are the last in the queue. */
const LAST_WAITING = 10

/** Returns since when the oldest event waits for one of the destinations, and why a delivery failed lately. */
export async function readOldestEvent(db: Kysely<Schema>, destinations: readonly DestinationName[]) {
  const found = await Promise.all(destinations.map((destination) => readOldestFor(db, destination)))
  return found.flatMap((oldest) => oldest ?? []).sort((a, b) => a.since - b.since)[0]
}

async function readOldestFor(db: Kysely<Schema>, destination: DestinationName) {
  const waiting = db.selectFrom('events').where('state', '=', 'waiting').where('destination', '=', destination)
  const first = waiting.orderBy('next_at').limit(FIRST_WAITING).select('occurred_at').as('first')
  const { since } = await db
    .selectFrom(first)
    .select((eb) => eb.fn.min<number | null>('occurred_at').as('since'))
    .executeTakeFirstOrThrow()
  if (since === null) return undefined
  const last = await waiting.orderBy('next_at', 'desc').limit(LAST_WAITING).select('error').execute()
  return { destination, since, error: last.find(({ error }) => error !== null)?.error ?? null }
}

/**
 * Makes the events due now, each under the same id: the named ones, also if they were delivered, or all that wait.
 * Returns how many.
 *
 * @throws UserError that names the ids of which there is no event
 */
export function retryEvents(db: Database, ids: readonly string[] | 'all'): Promise<number> {
  return inTransaction(db, async (trx) => {
    const due = { state: 'waiting', next_at: await databaseTime(trx), lease_token: null } as const
    const update = trx.updateTable('events').set(due)
    if (ids === 'all') {
      const { numUpdatedRows } = await update.where('state', '=', 'waiting').executeTakeFirst()
      if (numUpdatedRows > 0n) await recordAction(trx, { command: 'notify retry', subject: 'all that wait' })
      return Number(numUpdatedRows)
    }
    const wanted = ids.map((id) => ({ id, ...(readEventId(id) ?? { token: '', order_id: 0 }) }))
    const rows = rowSource(trx, 'row', packRows({ order_id: 'integer', token: 'text' }, wanted))
    const found = await trx
      .selectFrom(rows)
      .innerJoin('events', (join) =>
        join.on('events.order_id', '=', sql<OrderId>`row.order_id`).onRef('events.token', '=', 'row.token'),
      )
      .select(['events.order_id', 'events.token'])
      .distinct()
      .execute()
    refuseUnknown(ids, new Set(found.map(eventId)))
    const updated = await update
      .from(rows)
      .where('events.order_id', '=', sql<OrderId>`row.order_id`)
      .whereRef('events.token', '=', 'row.token')
      .executeTakeFirst()
    const orders = [...new Set(found.map(({ order_id }) => order_id))]
    await recordAction(trx, { command: 'notify retry' }, orders)
    return Number(updated.numUpdatedRows)
  })
}

/** Counts the waiting events for destinations that are not among these. */
export function countStranded(db: Kysely<Schema>, destinations: readonly DestinationName[]): Promise<number> {
  return countRows(db.selectFrom('events').where(isStranded(destinations)))
}

/** Deletes the waiting events for destinations that are not among these. Returns how many. */
export function discardStranded(db: Database, destinations: readonly DestinationName[]): Promise<number> {
  return inTransaction(db, async (trx) => {
    const { numDeletedRows } = await trx.deleteFrom('events').where(isStranded(destinations)).executeTakeFirst()
    const events = Number(numDeletedRows)
    const subject = countOf(events, 'event')
    if (events > 0) await recordAction(trx, { command: 'notify retry --discard', subject })
    return events
  })
}

function isStranded(destinations: readonly DestinationName[]) {
  return (eb: ExpressionBuilder<Schema, 'events'>) => {
    const isWaiting = eb('state', '=', 'waiting')
    return destinations.length > 0 ? isWaiting.and('destination', 'not in', destinations) : isWaiting
  }
}

function refuseUnknown(ids: readonly string[], known: ReadonlySet<string>): void {
  const missing = ids.filter((id) => !known.has(id))
  if (missing.length === 0) return
  throw new UserError({
    code: 'unknown_event',
    message: `No such event: ${missing.slice(0, 10).join(', ')}.`,
    fix: 'List events with `orderctl notify list`.',
  })
}
