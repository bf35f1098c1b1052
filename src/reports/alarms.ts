// Reads the alarms. Each compares one figure of the shop with a configured threshold.
import type { Config } from '../config/config.js'
import { readLastBackup } from '../database/backups.js'
import type { Database } from '../database/connection.js'
import { inSnapshot } from '../database/transaction.js'
import { groupThousands } from '../domain/money.js'
import { type ReviewReason, UNSOLD_STATUSES } from '../domain/order.js'
import { HOUR_MS } from '../domain/time.js'
import { readOldestEvent } from '../notify/event-list.js'
import { destinationsIn } from '../notify/events.js'
import { countNeedingReview, isNotCancelled, readOldestWait } from '../queue/due-orders.js'
import { cleanText, countOf } from '../terminal/text.js'
import { countRefundsToReview } from './refunds.js'
import { WORKER_STALE_MS } from './status.js'

export type AlarmName =
  | 'wait'
  | 'failure_rate'
  | 'unresolved'
  | 'stale_workers'
  | 'low_stock'
  | 'notify'
  | 'backup'
  | 'schedule'

/** The result of an alarm or of a `doctor` check. */
export interface Finding {
  readonly name: string
  /** `skipped` if it could not be checked. */
  readonly state: 'ok' | 'failed' | 'skipped'
  /** What was found, or why it was skipped. May contain text from files and servers. */
  readonly message: string
  /** How to fix a failure. */
  readonly fix: string | null
}

/** The state is `failed` if the threshold is crossed. */
export interface Alarm extends Finding {
  readonly name: AlarmName
  /** In the unit of the threshold; null if there is nothing to measure. */
  readonly value: number | null
  /** Crossed at this value or above; for stock, at this value or below. */
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
  ['notify', 'alarms.notifySeconds', measureNotifications],
  ['backup', 'alarms.backupAgeHours', measureBackup],
] as const

/** Whether the alarm has something to measure. Databases on servers do not know their backups. */
function applies(name: AlarmName, config: Config): boolean {
  if (name === 'backup') return config.database.kind === 'sqlite'
  return name !== 'notify' || destinationsIn(config).length > 0
}

/**
 * Reads the enabled alarms in one snapshot; `notify` only if a destination is configured, `backup` only of a file. The
 * alarm `schedule` is in schedule/alarm-state.ts.
 *
 * @param now the database's time
 */
export async function readAlarms(db: Database, config: Config, now: number): Promise<Alarm[]> {
  return inSnapshot(db, async (snapshot) => {
    const alarms: Alarm[] = []
    for (const [name, setting, measure] of MEASURES) {
      const threshold = config[setting]
      if (threshold === null || !applies(name, config)) continue
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
  const oldest = await readOldestWait(db, now)
  const value = oldest ?? 0
  const waited = `The oldest due order has waited for ${span(value)} (threshold ${span(threshold)}).`
  return {
    value,
    message: oldest === null ? 'No orders are due.' : waited,
    fix: 'See `orderctl status`. If the queue is paused, run `orderctl queue resume`. If no workers are running, run `orderctl work`.',
  }
}

/** Limits the query to the latest orders, since a drain may settle millions within the window. */
const MAX_SETTLED = 10_000

/**
 * Counts declined orders too: a broken gateway, for example with an expired key, declines everything. Leaves out orders
 * that people cancelled.
 */
async function measureFailures(db: Database, threshold: number, now: number, config: Config): Promise<Measured> {
  const window = config['alarms.failureWindowSeconds']
  const minimum = config['alarms.failureLeastOrders']
  const latest = db
    .selectFrom('orders')
    .select(['status', 'reason'])
    .where('settled_at', '>', now - window * 1000)
    .where('settled_at', '<=', now)
    .where(isNotCancelled)
    .orderBy('settled_at', 'desc')
    .limit(MAX_SETTLED)
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
  const fix = 'See the reasons with `orderctl failed list`. Fix the cause, then run `orderctl failed retry`.'
  if (all < minimum) {
    const message = `Orders settled within ${span(window)}: ${groupThousands(all)} (minimum ${groupThousands(minimum)}).`
    return { value: null, message, fix }
  }
  const reasons = bracketed(unsold.map(({ reason, orders }) => `${groupThousands(orders)} ${reason ?? 'unknown'}`))
  const share = `${groupThousands(failed)} of the last ${countOf(all, 'order')} settled within ${span(window)}`
  const limit = `threshold ${Number((threshold * 100).toFixed(1))} %`
  return { value: failed / all, message: `${share} failed or were rolled back${reasons}; ${limit}.`, fix }
}

const REVIEWS: Readonly<Record<ReviewReason | 'refund_unknown', string>> = {
  payment_unknown:
    'Retry the charges with `orderctl failed retry --reason payment_unknown`, or state what the provider shows with `orderctl failed resolve`.',
  poison:
    'List the orders with `orderctl failed list --reason poison` and find the cause in the worker logs. Then run `orderctl failed retry --reason poison`.',
  refund_unknown:
    "List the refunds with `orderctl orders refunds --status review`, and look them up in the gateway's dashboard. Then ask again with `orderctl orders refund`, or state what it shows.",
}

/** An order has at most one refund that needs review. */
async function measureUnresolved(db: Database, threshold: number): Promise<Measured> {
  const refunds = await countRefundsToReview(db)
  const counts = [...(await countNeedingReview(db)), ...(refunds > 0 ? [['refund_unknown', refunds] as const] : [])]
  const orders = counts.map(([reason, count]) => ({ reason, orders: count }))
  const reasons = bracketed(orders.map(({ reason, orders }) => `${reason}: ${groupThousands(orders)}`))
  return {
    value: sum(orders),
    message: `Orders that need review: ${groupThousands(sum(orders))}${reasons}; threshold ${groupThousands(threshold)}.`,
    fix: orders.map(({ reason }) => REVIEWS[reason]).join(' ') || REVIEWS.payment_unknown,
  }
}

/** A worker without a heartbeat has died or hangs. It is not counted if a worker was started since then. */
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
  const silent = `Workers without a heartbeat: ${listed(named, stale.length)}.`
  return {
    value: stale.length,
    message: stale.length === 0 ? 'All workers have a recent heartbeat.' : silent,
    fix: 'Check its log, stop it if it hangs, and start a worker with `orderctl work`. Its orders are claimed again when their lease ends.',
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
  const units = `${groupThousands(threshold)} or fewer available units`
  const low = `Products with ${units}: ${listed(names, scarcest[0]?.low ?? 0)}.`
  return {
    value: scarcest[0]?.available ?? null,
    message: named.length === 0 ? `No products with ${units}.` : low,
    fix: `List them with \`orderctl products list --low ${threshold}\`. Record deliveries with \`orderctl products adjust SKU UNITS --reason delivery\`.`,
  }
}

async function measureNotifications(db: Database, threshold: number, now: number, config: Config): Promise<Measured> {
  const oldest = await readOldestEvent(db, destinationsIn(config))
  const value = oldest ? Math.max(0, (now - oldest.since) / 1000) : 0
  const problem = oldest?.error ? `: ${cleanText(oldest.error)}` : ''
  const waited = `The oldest event has waited for ${span(value)} to be delivered to the ${oldest?.destination} (threshold ${span(threshold)})${problem}.`
  return {
    value,
    message: oldest ? waited : 'No events wait to be delivered.',
    fix: 'See `orderctl notify list --state waiting`. Fix the receiver, check it with `orderctl notify test`, then run `orderctl notify retry --all`.',
  }
}

/** Counts from the first import if there is no backup yet: before that, there was nothing to lose. */
async function measureBackup(db: Database, threshold: number, now: number): Promise<Measured> {
  const last = await readLastBackup(db)
  const first = db.selectFrom('imports').select((eb) => eb.fn.min<number | null>('started_at').as('at'))
  const since = last?.taken_at ?? (await first.executeTakeFirst())?.at ?? null
  const limit = `threshold ${groupThousands(threshold)} h`
  const age = since === null ? 0 : Math.max(0, now - since)
  const none =
    since === null ? 'Nothing to back up.' : `No backup since the first import, ${span(age / 1000)} ago; ${limit}.`
  return {
    value: since === null ? null : age / HOUR_MS,
    message: last ? `The last backup was taken ${span(age / 1000)} ago: ${last.file}; ${limit}.` : none,
    fix: 'Run `orderctl backup FILE`. If a timer makes the backups, see its log: `journalctl -u orderctl-backup`.',
  }
}

/** The first names, and the number of others. */
function listed(names: readonly string[], total: number): string {
  const others = total - names.length
  return `${names.join(', ')}${others > 0 ? ` and ${groupThousands(others)} more` : ''}`
}

function bracketed(reasons: readonly string[]): string {
  return reasons.length === 0 ? '' : ` (${reasons.join(', ')})`
}

function sum(rows: readonly { readonly orders: number }[]): number {
  return rows.reduce((total, { orders }) => total + orders, 0)
}

/** `45 s`, `15 min`. Rounded down, so that a value below a threshold is never shown as equal to it. */
function span(seconds: number): string {
  return seconds < 120 ? `${Math.floor(seconds)} s` : `${groupThousands(Math.floor(seconds / 60))} min`
}
