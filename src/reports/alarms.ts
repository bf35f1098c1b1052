// Alarms: what of the work is worth waking somebody for. Each compares one figure with a threshold of the configuration.
import type { Config } from '../config/config.js'
import type { Database } from '../database/connection.js'
import { atOneMoment } from '../database/transaction.js'
import { groupThousands } from '../domain/money.js'
import { UNSOLD_STATUSES } from '../domain/order.js'
import { countUnresolved } from '../queue/due-orders.js'
import { describeReview } from './review.js'
import { WORKER_STALE_MS } from './status.js'

export type AlarmName = 'wait' | 'failure_rate' | 'unresolved' | 'stale_workers' | 'low_stock' | 'schedule'

export interface Alarm {
  readonly name: AlarmName
  readonly crossed: boolean
  /** In the threshold's unit; null where there is nothing to measure. */
  readonly value: number | null
  /** Crossed from here on; for stock, from here down. */
  readonly threshold: number
  /** The figure in a sentence, crossed or not. It may hold SKUs as a file gave them. */
  readonly message: string
  /** What to do about it. */
  readonly fix: string
}

/**
 * The alarms that are not turned off, all of one moment.
 *
 * @param now the database's time
 */
export async function readAlarms(db: Database, config: Config, now: number): Promise<Alarm[]> {
  return atOneMoment(db, async (snapshot) => {
    const alarms: (Alarm | null)[] = []
    for (const read of READERS) alarms.push(await read(snapshot, config, now))
    return alarms.filter((alarm) => alarm !== null)
  })
}

/** @returns null where the alarm is turned off */
type AlarmReader = (db: Database, config: Config, now: number) => Promise<Alarm | null>

const READERS: readonly AlarmReader[] = [readWait, readFailureRate, readUnresolved, readStaleWorkers, readLowStock]

async function readWait(db: Database, config: Config, now: number): Promise<Alarm | null> {
  const threshold = config['alarms.waitSeconds']
  if (threshold === null) return null
  const { oldest } = await db
    .selectFrom('due_orders')
    .select((eb) => eb.fn.min<number | null>('due_at').as('oldest'))
    .where('due_at', '<=', now)
    .executeTakeFirstOrThrow()
  const value = oldest === null ? 0 : (now - oldest) / 1000
  return {
    name: 'wait',
    crossed: value >= threshold,
    value,
    threshold,
    message:
      oldest === null
        ? 'No order is due.'
        : `The oldest due order has waited for ${span(value)}; the alarm is at ${span(threshold)}.`,
    fix: 'See `orderctl status`: a paused queue goes on with `orderctl queue resume`; where nobody works, start a worker with `orderctl work`.',
  }
}

/** The share of so many, the latest, is that of all: a drain settles millions within the window. */
const MOST_SETTLED = 10_000

/**
 * Declined orders count like all others that were not sold: a gateway that refuses everybody, since a key has expired for
 * instance, looks just like that. Orders without an answer are not settled; `unresolved` is about those.
 */
async function readFailureRate(db: Database, config: Config, now: number): Promise<Alarm | null> {
  const threshold = config['alarms.failureRate']
  if (threshold === null) return null
  const window = config['alarms.failureWindowSeconds']
  const least = config['alarms.failureLeastOrders']
  const latest = db
    .selectFrom('orders')
    .select(['status', 'reason'])
    .where('settled_at', '>', now - window * 1000)
    .where('settled_at', '<=', now)
    .orderBy('settled_at', 'desc')
    .limit(MOST_SETTLED)
    .as('latest')
  const settled = await db
    .selectFrom(latest)
    .select((eb) => ['status', 'reason', eb.fn.countAll<number>().as('orders')])
    .groupBy(['status', 'reason'])
    .execute()
  const unsold = settled
    .filter(({ status }) => UNSOLD_STATUSES.some((one) => one === status))
    .sort((a, b) => b.orders - a.orders)
  const all = sum(settled)
  const value = all < least ? null : sum(unsold) / all
  const reasons = unsold.map(({ reason, orders }) => `${groupThousands(orders)} ${reason ?? 'unknown'}`)
  return {
    name: 'failure_rate',
    crossed: value !== null && value >= threshold,
    value,
    threshold,
    message:
      value === null
        ? `Orders settled within ${span(window)}: ${groupThousands(all)}; fewer than ${groupThousands(least)} say nothing.`
        : `${groupThousands(sum(unsold))} of the last ${groupThousands(all)} orders settled within ${span(window)} were not sold` +
          `${reasons.length === 0 ? '' : ` (${reasons.join(', ')})`}; the alarm is at ${percent(threshold)}.`,
    fix: 'See why with `orderctl failed list`; once the cause is gone, `orderctl failed retry` puts them back into the queue.',
  }
}

async function readUnresolved(db: Database, config: Config): Promise<Alarm | null> {
  const threshold = config['alarms.unresolvedOrders']
  if (threshold === null) return null
  const { count, text, fix } = describeReview(await countUnresolved(db))
  return {
    name: 'unresolved',
    crossed: count >= threshold,
    value: count,
    threshold,
    message: `Orders that need review: ${text}; the alarm is at ${groupThousands(threshold)}.`,
    fix,
  }
}

/** A worker that went silent without a word has died or hangs. One that was started since has taken its place. */
async function readStaleWorkers(db: Database, config: Config, now: number): Promise<Alarm | null> {
  const threshold = config['alarms.staleWorkers']
  if (threshold === null) return null
  const stale = await db
    .selectFrom('workers')
    .select(['host', 'pid', 'last_seen'])
    .where('stopped_at', 'is', null)
    .where('last_seen', '<=', now - WORKER_STALE_MS)
    .where('last_seen', '>=', (eb) => eb.selectFrom('workers').select(eb.fn.max('started_at').as('started_at')))
    .orderBy('last_seen', 'desc')
    .execute()
  const named = stale
    .slice(0, 3)
    .map(({ host, pid, last_seen }) => `process ${pid} on ${host} for ${span((now - last_seen) / 1000)}`)
  return {
    name: 'stale_workers',
    crossed: stale.length >= threshold,
    value: stale.length,
    threshold,
    message:
      stale.length === 0
        ? 'No worker has gone silent.'
        : `Workers that have gone silent without an end: ${listed(named, stale.length)}.`,
    fix: 'Look into its log, end it if it hangs, and start a worker: `orderctl work`. Its orders are taken over when their lease ends.',
  }
}

async function readLowStock(db: Database, config: Config): Promise<Alarm | null> {
  const threshold = config['alarms.lowStock']
  if (threshold === null) return null
  const { low, scarcest } = await db
    .selectFrom('products')
    .select((eb) => {
      const available = eb('on_hand', '-', eb.ref('reserved'))
      const isLow = eb.case().when(available, '<=', threshold).then(1).end()
      return [eb.fn.count<number>(isLow).as('low'), eb.fn.min<number | null>(available).as('scarcest')]
    })
    .executeTakeFirstOrThrow()
  return {
    name: 'low_stock',
    crossed: low > 0,
    value: scarcest,
    threshold,
    message:
      low === 0
        ? `Of every product more than ${groupThousands(threshold)} are available.`
        : `Products of which ${groupThousands(threshold)} or fewer are available: ${listed(await nameScarcest(db, threshold), low)}.`,
    fix: `See them with \`orderctl products list --low ${threshold}\`; add what has come in with \`orderctl products adjust SKU UNITS --reason delivery\`.`,
  }
}

async function nameScarcest(db: Database, threshold: number): Promise<string[]> {
  const products = await db
    .selectFrom('products')
    .select((eb) => ['sku', eb('on_hand', '-', eb.ref('reserved')).as('available')])
    .where((eb) => eb(eb('on_hand', '-', eb.ref('reserved')), '<=', threshold))
    .orderBy('available')
    .orderBy('sku')
    .limit(3)
    .execute()
  return products.map(({ sku, available }) => `${sku} (${groupThousands(available)})`)
}

/** The first names, and how many more there are. */
function listed(names: readonly string[], of: number): string {
  const others = of - names.length
  return `${names.join(', ')}${others > 0 ? ` and ${groupThousands(others)} more` : ''}`
}

function sum(rows: readonly { readonly orders: number }[]): number {
  return rows.reduce((total, { orders }) => total + orders, 0)
}

/** `45 s`, `15 min`: rounded down, so that what is below a threshold does not read as if it were at it. */
function span(seconds: number): string {
  return seconds < 120 ? `${Math.floor(seconds)} s` : `${groupThousands(Math.floor(seconds / 60))} min`
}

function percent(share: number): string {
  return `${Number((share * 100).toFixed(1))} %`
}
