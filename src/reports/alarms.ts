// Alarms: findings about the work. Each compares one figure with a threshold of the configuration.
import type { Config } from '../config/config.js'
import type { Database } from '../database/connection.js'
import { inSnapshot } from '../database/transaction.js'
import { groupThousands } from '../domain/money.js'
import { type ReviewReason, UNSOLD_STATUSES } from '../domain/order.js'
import { countNeedingReview } from '../queue/due-orders.js'
import { WORKER_STALE_MS } from './status.js'

export type AlarmName = 'wait' | 'failure_rate' | 'unresolved' | 'stale_workers' | 'low_stock' | 'schedule'

/** What a look at one thing found: an alarm, or a check of `doctor`. */
export interface Finding {
  readonly name: string
  /** `skipped` if it could not be looked at. */
  readonly state: 'ok' | 'failed' | 'skipped'
  /** What was found, or why it was skipped. May hold text of files and servers. */
  readonly message: string
  /** What to do about a failure. */
  readonly fix: string | null
}

/** Failed if the threshold is crossed. */
export interface Alarm extends Finding {
  readonly name: AlarmName
  /** In the threshold's unit; null if there is nothing to measure. */
  readonly value: number | null
  /** Crossed from this value on; for stock, from this value down. */
  readonly threshold: number
  readonly fix: string
}

type Measured = Pick<Alarm, 'value' | 'message' | 'fix'>

const MEASURES = [
  ['wait', 'alarms.waitSeconds', measureWait],
  ['failure_rate', 'alarms.failureRate', measureFailures],
  ['unresolved', 'alarms.unresolvedOrders', measureUnresolved],
  ['stale_workers', 'alarms.staleWorkers', measureStaleWorkers],
  ['low_stock', 'alarms.lowStock', measureStock],
] as const

/**
 * Returns the alarms that are not turned off, all as of one moment. That of the schedule is in schedule/alarm-state.ts.
 *
 * @param now the database's time
 */
export async function readAlarms(db: Database, config: Config, now: number): Promise<Alarm[]> {
  return inSnapshot(db, async (snapshot) => {
    const alarms: Alarm[] = []
    for (const [name, setting, measure] of MEASURES) {
      const threshold = config[setting]
      if (threshold === null) continue
      alarms.push(alarmOf(name, threshold, await measure(snapshot, threshold, now, config)))
    }
    return alarms
  })
}

export function alarmOf(name: AlarmName, threshold: number, measured: Measured): Alarm {
  const { value } = measured
  const crossed = value !== null && (name === 'low_stock' ? value <= threshold : value >= threshold)
  return { name, state: crossed ? 'failed' : 'ok', threshold, ...measured }
}

async function measureWait(db: Database, threshold: number, now: number): Promise<Measured> {
  const { oldest } = await db
    .selectFrom('due_orders')
    .select((eb) => eb.fn.min<number | null>('due_at').as('oldest'))
    .where('due_at', '<=', now)
    .executeTakeFirstOrThrow()
  const value = oldest === null ? 0 : (now - oldest) / 1000
  const waited = `The oldest due order has waited for ${span(value)}; the alarm is at ${span(threshold)}.`
  return {
    value,
    message: oldest === null ? 'No order is due.' : waited,
    fix: 'See `orderctl status`. If the queue is paused, run `orderctl queue resume`; if no worker runs, start one with `orderctl work`.',
  }
}

/** The share of the latest orders is enough: a drain may settle millions within the window. */
const MOST_SETTLED = 10_000

/** Declined orders count: a gateway that refuses everything, because a key expired for example, looks like that. */
async function measureFailures(db: Database, threshold: number, now: number, config: Config): Promise<Measured> {
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
  const [all, failed] = [sum(settled), sum(unsold)]
  const fix =
    'See why with `orderctl failed list`. Once the cause is gone, `orderctl failed retry` puts them back into the queue.'
  if (all < least) {
    const message = `Orders settled within ${span(window)}: ${groupThousands(all)}; the alarm needs ${groupThousands(least)}.`
    return { value: null, message, fix }
  }
  const reasons = bracketed(unsold.map(({ reason, orders }) => `${groupThousands(orders)} ${reason ?? 'unknown'}`))
  const share = `${groupThousands(failed)} of the last ${groupThousands(all)} orders settled within ${span(window)}`
  const limit = `the alarm is at ${Number((threshold * 100).toFixed(1))} %`
  return { value: failed / all, message: `${share} were not sold${reasons}; ${limit}.`, fix }
}

const REVIEWS: Readonly<Record<ReviewReason, string>> = {
  payment_unknown: 'Ask the gateway again with `orderctl failed retry --reason payment_unknown`.',
  poison:
    'See which orders with `orderctl failed list --reason poison` and why in the logs of their workers; then `orderctl failed retry --reason poison`.',
}

async function measureUnresolved(db: Database, threshold: number): Promise<Measured> {
  const orders = [...(await countNeedingReview(db))].map(([reason, count]) => ({ reason, orders: count }))
  const reasons = bracketed(orders.map(({ reason, orders }) => `${reason}: ${groupThousands(orders)}`))
  return {
    value: sum(orders),
    message: `Orders that need review: ${groupThousands(sum(orders))}${reasons}; the alarm is at ${groupThousands(threshold)}.`,
    fix: orders.map(({ reason }) => REVIEWS[reason]).join(' ') || REVIEWS.payment_unknown,
  }
}

/** A worker without a heartbeat has died or hangs. A worker that was started since has taken its place. */
async function measureStaleWorkers(db: Database, _: number, now: number): Promise<Measured> {
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
  const silent = `Workers that have gone silent without an end: ${listed(named, stale.length)}.`
  return {
    value: stale.length,
    message: stale.length === 0 ? 'No worker has gone silent.' : silent,
    fix: 'Read its log, end it if it hangs, and start a worker: `orderctl work`. Its orders are claimed again when their lease ends.',
  }
}

async function measureStock(db: Database, threshold: number): Promise<Measured> {
  const scarcest = await db
    .selectFrom('products')
    .select((eb) => {
      const available = eb('on_hand', '-', eb.ref('reserved'))
      const low = eb.selectFrom('products').where(available, '<=', threshold).select(eb.fn.countAll<number>().as('low'))
      return ['sku', available.as('available'), low.as('low')]
    })
    .orderBy('available')
    .orderBy('sku')
    .limit(3)
    .execute()
  const named = scarcest.filter(({ available }) => available <= threshold)
  const names = named.map(({ sku, available }) => `${sku} (${groupThousands(available)})`)
  const units = `${groupThousands(threshold)} or fewer units available`
  const low = `Products with ${units}: ${listed(names, scarcest[0]?.low ?? 0)}.`
  return {
    value: scarcest[0]?.available ?? null,
    message: named.length === 0 ? `No product has ${units}.` : low,
    fix: `See them with \`orderctl products list --low ${threshold}\`, and add deliveries with \`orderctl products adjust SKU UNITS --reason delivery\`.`,
  }
}

/** The first names, and how many more there are. */
function listed(names: readonly string[], of: number): string {
  const others = of - names.length
  return `${names.join(', ')}${others > 0 ? ` and ${groupThousands(others)} more` : ''}`
}

function bracketed(reasons: readonly string[]): string {
  return reasons.length === 0 ? '' : ` (${reasons.join(', ')})`
}

function sum(rows: readonly { readonly orders: number }[]): number {
  return rows.reduce((total, { orders }) => total + orders, 0)
}

/** `45 s`, `15 min`: rounded down, so that a value below a threshold never reads as if it were at it. */
function span(seconds: number): string {
  return seconds < 120 ? `${Math.floor(seconds)} s` : `${groupThousands(Math.floor(seconds / 60))} min`
}
