// Checks of the work at hand: what stands still, and what waits for a person.

import type { Config } from '../config/config.js'
import type { Database } from '../database/connection.js'
import { databaseTime } from '../database/engine.js'
import { isAlive } from '../database/lease-holder.js'
import { MINUTE_MS } from '../domain/time.js'
import { createQueue } from '../queue/create-queue.js'
import { countUnresolved } from '../queue/due-orders.js'
import { describeReview } from '../reports/review.js'
import { WORKER_STALE_MS } from '../reports/status.js'
import type { DatabaseCheck, Finding } from './finding.js'

export const WORK_CHECKS: readonly DatabaseCheck[] = [
  { name: 'queue', look: checkQueue },
  { name: 'stuck orders', look: checkStuckOrders },
  { name: 'expired reservations', look: checkReservations },
  { name: 'imports', look: checkImports },
  { name: 'waiting for a person', look: checkWaiting },
]

/** Longer than any burst takes: an order that was due before then is waiting for a worker that is not there. */
const STUCK_MS = 10 * MINUTE_MS

async function checkQueue(db: Database, config: Config): Promise<Finding> {
  const queue = await createQueue(db, config)
  try {
    return (await queue.isPaused())
      ? { detail: 'paused: no worker takes orders', fix: 'Run `orderctl queue resume`.' }
      : { detail: `open (${queue.driver})` }
  } finally {
    await queue.close()
  }
}

async function checkStuckOrders(db: Database): Promise<Finding> {
  const now = await databaseTime(db)
  const overdue = await db
    .selectFrom('due_orders')
    .select((eb) => [
      eb.fn.countAll<number>().as('count'),
      eb.fn.count<number>('lease_token').as('leased'),
      eb.fn.min<number | null>('due_at').as('oldest'),
    ])
    .where('due_at', '<=', now - STUCK_MS)
    .executeTakeFirstOrThrow()
  if (overdue.count === 0 || overdue.oldest === null) return { detail: 'none' }
  const workers = await db
    .selectFrom('workers')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('stopped_at', 'is', null)
    .where('last_seen', '>', now - WORKER_STALE_MS)
    .executeTakeFirstOrThrow()
  const minutes = Math.floor((now - overdue.oldest) / MINUTE_MS)
  const left = overdue.leased > 0 ? `, ${overdue.leased} of them left behind by a worker that is gone` : ''
  const detail = `${overdue.count} orders due for up to ${minutes} minutes${left}; ${workers.count} workers alive`
  // With a worker alive these are a backlog, unless a lease ran out and nobody took the order over.
  if (workers.count > 0 && overdue.leased === 0) return { detail }
  return { detail, fix: 'Run a worker: orderctl work --drain.' }
}

/** Two runs of the task that releases them may have been missed before anybody needs to know. */
const EXPIRED_MS = 10 * MINUTE_MS

async function checkReservations(db: Database): Promise<Finding> {
  const { count } = await db
    .selectFrom('orders')
    .innerJoin('stock_reservations as reservation', (join) =>
      join.onRef('reservation.order_id', '=', 'orders.id').onRef('reservation.attempt', '=', 'orders.attempt'),
    )
    .select((eb) => eb.fn.count<number>('orders.id').distinct().as('count'))
    .where('orders.status', '=', 'reserved')
    .where('reservation.expires_at', '<=', (await databaseTime(db)) - EXPIRED_MS)
    .executeTakeFirstOrThrow()
  if (count === 0) return { detail: 'none' }
  return {
    detail: `${count} orders hold stock that others could have`,
    fix: 'Run `orderctl schedule run reservations`, and keep `orderctl schedule` running.',
  }
}

async function checkImports(db: Database): Promise<Finding> {
  const open = await db
    .selectFrom('imports')
    .select(['id', 'file', 'host', 'pid', 'lease_until'])
    .where('status', 'in', ['reading', 'releasing'])
    .orderBy('id')
    .execute()
  const now = await databaseTime(db)
  const gone = open.filter((run) => !isAlive(run, now))
  const [first] = gone
  if (!first) return { detail: open.length === 0 ? 'all ended' : `${open.length} under way` }
  return {
    detail: `${gone.length} interrupted; their orders are held back (import ${first.id} of ${first.file})`,
    fix: `Run \`orderctl import "${first.file}" --resume\`.`,
  }
}

async function checkWaiting(db: Database): Promise<Finding> {
  const { count, text, fix } = describeReview(await countUnresolved(db))
  return count === 0 ? { detail: 'none' } : { detail: `orders that need review: ${text}`, fix }
}
