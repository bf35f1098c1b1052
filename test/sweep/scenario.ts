// Commands that touch everything that orderctl changes, each with what a person does when it fails.
import { createHash } from 'node:crypto'
import { csv, line } from '../support/lines.js'

/** Starts every idempotency key, so that the provider declines the same orders in each run. */
export const SHOP = 'sweep'

export interface Step {
  readonly name: string
  readonly args: readonly string[]
  /** What follows a run that failed, unless `done` holds. By default, the same command. */
  readonly again?: readonly string[]
  /** A query whose first value is 0 until the command has done its work. A person who looks sees it. */
  readonly done?: string
  readonly environment?: Readonly<Record<string, string>>
  /** Options of the provider. */
  readonly provider?: readonly string[]
  /** What makes it end although every call fails: `work` waits for the end of outages. */
  readonly endless?: readonly string[]
  /** The exit code without a fault [default: 0, or 3 if something needs a person]. */
  readonly ends?: number
  /** Statements before the step, such as those that let days pass. */
  readonly before?: readonly string[]
  /** Only prepares the following steps. */
  readonly isPrepared?: boolean
}

export const FILES: Readonly<Record<string, string>> = {
  'stock.csv': 'sku,name,price,currency,stock\nWIDGET,Widget,10.00,USD,40\nSCARCE,Scarce,99.00,USD,2\n',
  // T-7 needs more than there is, and T-8 is rejected.
  'orders.csv': csv(
    ...[1, 2, 3, 4, 5, 6].map((number) => line({ order: `T-${number}`, customer: `C-${number % 3}`, sku: 'WIDGET' })),
    line({ order: 'T-2', customer: 'C-2', sku: 'NEW-1', price: '7.50' }),
    line({ order: 'T-7', sku: 'SCARCE', quantity: 3, price: '99.00' }),
    line({ order: 'T-8', sku: 'WIDGET', quantity: 'three' }),
    line({ order: 'T-9', sku: 'WIDGET' }),
  ),
  'captured.csv': csv(line({ order: 'U-1', sku: 'WIDGET' })),
  'uncharged.csv': csv(line({ order: 'U-2', sku: 'WIDGET' })),
  'older.csv': csv(line({ order: 'V-1', sku: 'WIDGET' })),
  'newer.csv': csv(line({ order: 'V-1', sku: 'WIDGET', quantity: 2 }), line({ order: 'V-2', sku: 'WIDGET' })),
  'broken.csv': csv(line({ order: 'V-1', sku: 'WIDGET', quantity: 3 }), line({ order: 'V-3', quantity: 'three' })),
  'begun.csv': csv(line({ order: 'W-1', sku: 'NEW-3', customer: 'C-8' })),
  'next.csv': csv(line({ order: 'W-2', sku: 'WIDGET' })),
  'mistake.csv': csv(line({ order: 'M-1', sku: 'NEW-2', customer: 'C-9' }), line({ order: 'M-2', sku: 'WIDGET' })),
}

/** The name that the provider gives to the charge of an order of the default source. */
const chargeOf = (order: string) =>
  `ch_${createHash('sha256').update(`${SHOP}:default:${order}:1`).digest('hex').slice(0, 20)}`

const WORK = { args: ['work', '--drain', '--concurrency', '1'], endless: ['--max-runtime', '2s'] }
const ONCE = { ORDERCTL_ATTEMPTS: '1' }
const finished = (file: string) => `select count(*) from imports where file like '%${file}' and status = 'finished'`
const importing = (file: string): Step => ({
  name: `import ${file}`,
  args: ['import', file],
  again: ['import', file, '--resume'],
  done: finished(file),
})

const UPDATE = ['--update', '--on-error', 'abort']
/** As a killed import of begun.csv leaves it before it judges. */
const UNFINISHED = [
  `delete from due_orders where order_id in (select id from orders where reference = 'W-1')`,
  `update imports set status = 'reading', ended_at = null, lease_until = 0 where file like '%begun.csv'`,
]
const DAYS_LATER = ['update orders set settled_at = settled_at - 172800000']

const TASKS = ['kpis', 'leaderboards', 'snapshots', 'reservations', 'refunds', 'alarms']

export const SCENARIO: readonly Step[] = [
  { name: 'migrate', args: ['migrate'] },
  { name: 'products import', args: ['products', 'import', 'stock.csv'] },
  importing('orders.csv'),
  { name: 'orders cancel', args: ['orders', 'cancel', 'T-9', '--reason', 'changed their mind'] },
  { name: 'work', ...WORK },
  { ...importing('captured.csv'), isPrepared: true },
  { name: 'work, answers lost', ...WORK, environment: ONCE, provider: ['--drop-after', '1'] },
  { ...importing('uncharged.csv'), isPrepared: true },
  { name: 'work, no answers', ...WORK, environment: ONCE, provider: ['--error', '1'], isPrepared: true },
  { name: 'failed resolve --captured', args: ['failed', 'resolve', 'U-1', '--captured', chargeOf('U-1')] },
  { name: 'failed resolve --not-charged', args: ['failed', 'resolve', 'U-2', '--not-charged'] },
  { name: 'failed retry', args: ['failed', 'retry', '--all', '--yes'] },
  { name: 'work, retried', ...WORK, isPrepared: true },
  { name: 'orders refund', args: ['orders', 'refund', 'T-1', '--restock', '--yes'] },
  {
    name: 'orders refund --amount',
    args: ['orders', 'refund', 'T-2', '--amount', '2.50', '--yes'],
    done: 'select count(*) from refunds where amount = 250',
  },
  { name: 'failed clear', args: ['failed', 'clear', '--all', '--yes'] },
  { name: 'orders export', args: ['orders', 'export', '--cursor-file', 'cursor', '--format', 'json'] },
  { ...importing('mistake.csv'), isPrepared: true },
  {
    name: 'products adjust',
    args: ['products', 'adjust', 'WIDGET', '5', '--reason', 'counted'],
    done: "select count(*) from stock_adjustments where reason = 'counted'",
  },
  { name: 'queue pause', args: ['queue', 'pause'] },
  { name: 'queue resume', args: ['queue', 'resume'] },
  { name: 'queue clear', args: ['queue', 'clear', '--yes'] },
  { name: 'rebuild', args: ['rebuild'] },
  { name: 'import undo', args: ['import', 'undo', '4', '--yes'] },
  {
    name: 'customers forget',
    args: ['customers', 'forget', 'C-1', '--reason', 'asked to', '--yes'],
    done: "select count(*) from actions where command = 'customers forget'",
  },
  ...TASKS.map((task) => ({ name: `schedule run ${task}`, args: ['schedule', 'run', task] })),
  { ...importing('older.csv'), isPrepared: true },
  {
    name: 'import --update --on-error abort, with a bad line',
    args: ['import', 'broken.csv', ...UPDATE],
    again: ['import', 'broken.csv', ...UPDATE, '--discard'],
    ends: 1,
  },
  {
    name: 'import --update --on-error abort',
    args: ['import', 'newer.csv', ...UPDATE],
    again: ['import', 'newer.csv', ...UPDATE, '--resume'],
    done: finished('newer.csv'),
  },
  { ...importing('begun.csv'), isPrepared: true },
  {
    name: 'import --discard',
    args: ['import', 'next.csv', '--discard'],
    before: UNFINISHED,
    done: finished('next.csv'),
  },
  { name: 'work, before the archive', ...WORK, isPrepared: true },
  { name: 'rebuild, days later', args: ['rebuild'], before: DAYS_LATER, isPrepared: true },
  {
    name: 'orders archive',
    args: ['orders', 'archive', '--before', 'today', '--to', 'old.jsonl', '--yes'],
    done: 'select count(*) from archives where ended_at is not null',
  },
]
