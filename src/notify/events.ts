// Records what happened to orders, for the notifications. The row is written in the transaction of the change itself,
// so neither is stored without the other (ADR 26).

import { type Kysely, sql } from 'kysely'
import type { Config } from '../config/config.js'
import { databaseTime, type Executing } from '../database/engine.js'
import { packIds, packRows } from '../database/packed-rows.js'
import { type Parameter, Prepared } from '../database/prepared.js'
import { isAmong, rowSource } from '../database/row-source.js'
import type { Schema } from '../database/schema.js'
import type { OrderId } from '../domain/ids.js'
import type { EventKind } from '../domain/order.js'

const DESTINATIONS = ['url', 'command'] as const
export type DestinationName = (typeof DESTINATIONS)[number]

type Destined = Pick<Config, 'notify.url' | 'notify.command'>

/** Returns the configured destinations. */
export function destinationsIn(config: Destined): DestinationName[] {
  return DESTINATIONS.filter((name) => config[`notify.${name}`] !== null)
}

/** The destinations of each process's database, by its adapter, which its transactions share. */
const recorded = new WeakMap<object, readonly DestinationName[]>()

/** Makes this connection record events, if a destination is configured. Returns the connection. */
export function recordingEvents<Connection extends Executing>(db: Connection, config: Destined): Connection {
  const destinations = destinationsIn(config)
  if (destinations.length > 0) recorded.set(db.getExecutor().adapter, destinations)
  return db
}

/** An order to which something happened. */
interface Changed {
  readonly id: OrderId
  readonly refund?: RefundChange
}

/** What the event of a refund says in place of what it says of the order. */
interface RefundChange {
  /** Minor units. */
  readonly amount: number
  /** The gateway's; null unless it was refunded. */
  readonly reference: string | null
  readonly reason: 'refund_unknown' | null
  readonly message: string | null
}

/**
 * Records an event for each order, once for each destination. Does nothing if none is configured. Call it last in the
 * transaction that changes the orders and holds their locks: the event has the order's attempt, reason and message.
 */
export async function recordEvents(trx: Kysely<Schema>, orders: readonly Changed[], kind: EventKind): Promise<void> {
  const destinations = recorded.get(trx.getExecutor().adapter)
  if (!destinations || orders.length === 0) return
  // Random, so that a database restored from a backup never sends another event under an id that was sent before.
  const token = Buffer.from(crypto.getRandomValues(new Uint8Array(9))).toString('base64url')
  const event = { kind, token, at: await databaseTime(trx) }
  const refunds = orders.flatMap(({ id, refund }) => (refund ? [{ id, ...refund }] : []))
  for (const destination of destinations) {
    if (refunds.length > 0) {
      const { json } = packRows(REFUND, refunds)
      await addRefunds.run(trx, { ...event, destination, rows: json })
    } else await addEvents.run(trx, { ...event, destination, ids: packIds(orders) })
  }
}

type Refund = Pick<Changed, 'id'> & RefundChange

const REFUND = {
  id: 'integer',
  amount: 'integer',
  reference: 'text',
  reason: 'text',
  message: 'long text',
} as const

interface Event {
  readonly kind: EventKind
  readonly token: string
  readonly at: number
  readonly destination: DestinationName
}

const COLUMNS = [
  ...(['order_id', 'destination', 'number', 'token', 'kind', 'attempt', 'occurred_at'] as const),
  ...(['next_at', 'state', 'amount', 'reference', 'reason', 'message'] as const),
] as const

const addEvents = new Prepared<Event & { ids: string }>((db, value) =>
  db
    .insertInto('events')
    .columns(COLUMNS)
    .expression(
      changed(db, value)
        .where(isAmong(db, 'orders.id', value('ids')))
        .select((eb) => [
          ...(['orders.total as amount', eb.val(null).as('reference')] as const),
          ...(['orders.reason', 'orders.message'] as const),
        ]),
    ),
)

const addRefunds = new Prepared<Event & { rows: string }>((db, value) =>
  db
    .insertInto('events')
    .columns(COLUMNS)
    .expression(
      changed(db, value)
        .innerJoin(rowSource<Refund, 'row'>(db, 'row', { columns: REFUND, json: value('rows') }), 'row.id', 'orders.id')
        .select(['row.amount', 'row.reference', 'row.reason', 'row.message']),
    ),
)

/** Selects the columns of an event of each order. The number continues those of the order's earlier events. */
function changed(db: Kysely<Schema>, value: Parameter<Event>) {
  return db.selectFrom('orders').select((eb) => [
    'orders.id as order_id',
    sql<DestinationName>`${value('destination')}`.as('destination'),
    eb(
      eb.fn.coalesce(
        eb
          .selectFrom('events as earlier')
          .whereRef('earlier.order_id', '=', 'orders.id')
          .where('earlier.destination', '=', value('destination'))
          .select((inner) => inner.fn.max('earlier.number').as('number')),
        sql<number>`0`,
      ),
      '+',
      sql<number>`1`,
    ).as('number'),
    sql<string>`${value('token')}`.as('token'),
    sql<EventKind>`${value('kind')}`.as('kind'),
    'orders.attempt',
    sql<number>`${value('at')}`.as('occurred_at'),
    sql<number>`${value('at')}`.as('next_at'),
    sql<'waiting'>`'waiting'`.as('state'),
  ])
}
