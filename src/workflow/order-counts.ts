// Keeps the numbers of orders by status, so that no report counts all orders. Every transaction that adds, removes,
// settles, retries or clears orders changes the numbers as its last statement (ADR 37).
import type { Kysely, Selectable } from 'kysely'
import { sql } from 'kysely'
import { addFigures } from '../database/add-figures.js'
import { packRows } from '../database/packed-rows.js'
import { Prepared } from '../database/prepared.js'
import { isAmong, rowSource } from '../database/row-source.js'
import type { Schema } from '../database/schema.js'
import type { OrderId } from '../domain/ids.js'
import type { Currency } from '../domain/money.js'
import type { FailureReason, OrderStatus } from '../domain/order.js'
import { MINUTE_MS } from '../domain/time.js'

type OrderCount = Selectable<Schema['order_counts']>

/** The length of a period. In every time zone of today, a day starts at the start of a period. */
export const PERIOD_MS = 15 * MINUTE_MS

/** The start of the period of a time; both in epoch milliseconds. */
export function periodOf(time: number): number {
  return time - (time % PERIOD_MS)
}

/** What is counted of an order. */
export interface Counted {
  readonly source: string
  readonly currency: Currency
  readonly total: number
}

/** The state of an order that no person has cleared. */
type State =
  | { readonly status: 'pending' | 'reserved' | 'payment_processing' }
  | { readonly status: OrderStatus; readonly reason?: FailureReason; readonly settledAt: number }

/** The changes of one transaction. */
export class CountChanges {
  readonly #changes: OrderCount[] = []

  /** Orders that were in the first state are now in the second. */
  move(orders: readonly Counted[], from: State, to: State): void {
    for (const { source, currency, orders: moved, amount } of sumsOf(orders)) {
      for (const [state, sign] of [[from, -1] as const, [to, 1] as const]) {
        const settled = 'settledAt' in state ? state : undefined
        this.add({
          period: settled ? periodOf(settled.settledAt) : 0,
          source,
          status: state.status,
          reason: settled?.reason ?? '',
          cleared: 0,
          currency: settled ? currency : '',
          orders: sign * moved,
          amount: settled ? sign * amount : 0,
        })
      }
    }
  }

  /** Settled orders also count in the row of all periods. */
  add(count: OrderCount): void {
    this.#changes.push(count)
    if (count.period !== 0) this.#changes.push({ ...count, period: 0 })
  }

  /** Locks the rows until the end of the transaction, so it comes last. */
  async store(trx: Kysely<Schema>): Promise<void> {
    if (this.#changes.length > 0) await addCounts.run(trx, { changes: packRows(COLUMNS, this.#changes).json })
  }
}

/** Nearly always all orders have one source and one currency. */
function sumsOf(orders: readonly Counted[]) {
  const sums = new Map<string, Omit<Counted, 'total'> & { orders: number; amount: number }>()
  let sum: ReturnType<typeof sums.get>
  for (const { source, currency, total } of orders) {
    if (sum?.source !== source || sum.currency !== currency) {
      sum = sums.get(currency + source) ?? { source, currency, orders: 0, amount: 0 }
      sums.set(currency + source, sum)
    }
    sum.orders += 1
    sum.amount += total
  }
  return sums.values()
}

/** Counts new pending orders; with a negative number, deleted ones. */
export async function countPending(trx: Kysely<Schema>, source: string, orders: number): Promise<void> {
  if (orders === 0) return
  const changes = new CountChanges()
  changes.add({ period: 0, source, status: 'pending', reason: '', cleared: 0, currency: '', orders, amount: 0 })
  await changes.store(trx)
}

/**
 * Runs `change`, and counts the orders before and after it.
 *
 * @param ids of the orders, which the transaction has locked
 */
export async function recounting<Result>(
  trx: Kysely<Schema>,
  ids: string | readonly OrderId[],
  change: () => Promise<Result>,
): Promise<Result> {
  const count = () =>
    countedOrders(trx)
      .where(isAmong(trx, 'id', ids))
      .execute()
  const changes = new CountChanges()
  for (const before of await count()) changes.add({ ...before, orders: -before.orders, amount: -before.amount })
  const result = await change()
  for (const after of await count()) changes.add(after)
  await changes.store(trx)
  return result
}

/** Selects the counts of all periods together. @param source only of this source */
export function totalCounts(db: Kysely<Schema>, source?: string) {
  const counts = db.selectFrom('order_counts').where('period', '=', 0)
  return counts.$if(source !== undefined, (query) => query.where('source', '=', source ?? ''))
}

/** Counts orders afresh. An open order may still change its currency and total, so these count once it is settled. */
export function countedOrders(db: Kysely<Schema>) {
  const ifSettled = <Value>(value: string, otherwise: Value) =>
    sql<Value>`case when settled_at is null then ${sql.lit(otherwise)} else ${sql.raw(value)} end`
  const states = db
    .selectFrom('orders')
    .select(['id', 'source', 'status'])
    .select(ifSettled(`settled_at - settled_at % ${PERIOD_MS}`, 0).as('period'))
    .select(ifSettled<FailureReason | ''>(`coalesce(reason, '')`, '').as('reason'))
    .select(sql<0 | 1>`case when cleared_at is null then 0 else 1 end`.as('cleared'))
    .select([ifSettled<Currency | ''>('currency', '').as('currency'), ifSettled('total', 0).as('total')])
  return (
    db
      .selectFrom(states.as('states'))
      // SQLite sorts by these. With columns first in which all orders may be equal, that takes up to twice as long.
      .groupBy(['status', 'reason', 'period', 'source', 'cleared', 'currency'])
      .select(KEY)
      .select((eb) => [eb.fn.countAll<number>().as('orders'), eb.fn.sum<number>('total').as('amount')])
  )
}

const KEY = ['period', 'source', 'status', 'reason', 'cleared', 'currency'] as const

const COLUMNS = {
  period: 'integer',
  source: 'text',
  status: 'text',
  reason: 'text',
  cleared: 'integer',
  currency: 'text',
  orders: 'integer',
  amount: 'integer',
} as const

// Inserts in key order, so two transactions that change the same numbers never deadlock.
const addCounts = new Prepared<{ changes: string }>((db, value) => {
  const changes = rowSource<OrderCount, 'change'>(db, 'change', { columns: COLUMNS, json: value('changes') })
  const summed = db
    .selectFrom(changes)
    .groupBy(KEY)
    .select(KEY)
    .select((eb) => [eb.fn.sum<number>('orders').as('orders'), eb.fn.sum<number>('amount').as('amount')])
  return db
    .insertInto('order_counts')
    .columns([...KEY, 'orders', 'amount'])
    .expression(KEY.reduce((sorted, column) => sorted.orderBy(column), summed))
    .onConflict(addFigures('order_counts', KEY, ['orders', 'amount']))
})
