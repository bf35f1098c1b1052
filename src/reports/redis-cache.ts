// KPIs kept as they were answered, under the names and for the times of the system that this one follows.
import type { Database } from '../database/connection.js'
import { type Day, dayAt } from '../domain/business-day.js'
import { cachedKey, markKey, type RedisStore, transact, watching } from './redis-store.js'
import type { DailyKpis, RangeKpis, RealtimeFigures } from './reports.js'

const LIFETIME_SECONDS = { daily: 86_400, range: 3600, realtime: 300 } as const

/** What was asked for. A day is from itself to itself. */
export type KpiQuestion =
  | { readonly kind: 'daily' | 'range'; readonly from: Day; readonly to: Day; readonly timeZone: string }
  | { readonly kind: 'realtime'; readonly timeZone: string }

export type KpiReport = DailyKpis | RangeKpis | RealtimeFigures

function cachedName(question: KpiQuestion): string {
  const { kind, timeZone } = question
  if (kind === 'realtime') return `kpis:realtime:${timeZone}`
  const days = kind === 'daily' ? question.from : `${question.from}:${question.to}`
  return `kpis:${kind}:${days}:${timeZone}`
}

/** The question that the name stands for; undefined for a name of something else. */
export function readCachedName(name: string): KpiQuestion | undefined {
  const [, kind, rest = ''] = /^kpis:(daily|range|realtime):(.+)$/.exec(name) ?? []
  if (kind === 'realtime') return { kind, timeZone: rest }
  const parts = rest.split(':') as Day[]
  const [from, to] = kind === 'daily' ? [parts[0], parts[0]] : parts
  if ((kind !== 'daily' && kind !== 'range') || !from || !to) return undefined
  return { kind, from, to, timeZone: parts.slice(kind === 'daily' ? 1 : 2).join(':') }
}

/**
 * Answers with what is kept or, where there is nothing, with what `compute` finds, and keeps that. It is not kept where a
 * refresh came in between: the figures may be older than what the refresh has dropped.
 *
 * @param salesId the figures that the answer must be of
 * @param state what else must be as it was when the answer was kept
 */
export async function readThrough<Report extends KpiReport>(
  store: RedisStore,
  salesId: string,
  question: KpiQuestion,
  state: string,
  compute: () => Promise<Report>,
): Promise<Report> {
  const { redis, prefix } = store
  const name = cachedName(question)
  const read = redis
    .multi()
    .hget(markKey(prefix), 'sales_id')
    .zscore(cachedKey(prefix), name)
    .get(prefix + name)
  const [keptOf, listed, text] = (await transact<(string | null)[]>(read)) ?? []
  // Refreshes find what they have to drop in the list, which a Redis that evicts keys may have lost.
  const kept = keptOf === salesId && listed ? readKept<Report>(text, state) : undefined
  if (kept) return kept
  return watching(store, [markKey(prefix)], async () => {
    const current = (await redis.hget(markKey(prefix), 'sales_id')) === salesId
    const report = await compute()
    if (!current) return report
    const seconds = LIFETIME_SECONDS[question.kind]
    const keep = redis
      .multi()
      .set(prefix + name, JSON.stringify({ ...report, state }), 'EX', seconds)
      .zadd(cachedKey(prefix), Date.now() + seconds * 1000, name)
    await transact(keep)
    return report
  })
}

/** Undefined where nothing is kept, where it is something else, and where things have changed since. */
export function readKept<Report extends KpiReport>(text: string | null | undefined, state: string): Report | undefined {
  if (!text) return undefined
  const kept = parse(text)
  if (typeof kept !== 'object' || kept === null || !('generatedAt' in kept) || !('state' in kept)) return undefined
  const { state: keptState, ...report } = kept
  return keptState === state ? (report as unknown as Report) : undefined
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Figures of a day or a range depend on sales alone, and refreshes drop those that sales have touched. */
export const NO_STATE = ''

/**
 * Figures of the moment depend on every step of every order, most of which no refresh hears of. This is another text
 * after any step, and is read from the ends of two indexes, and one walk over the orders that are due.
 */
export async function stateOfWork(db: Database, now: number, timeZone: string): Promise<string> {
  const { id } = await db
    .selectFrom('orders')
    .select((eb) => eb.fn.max<number | null>('id').as('id'))
    .executeTakeFirstOrThrow()
  const settled = await db
    .selectFrom('orders')
    .select((eb) => eb.fn.max<number | null>('settled_at').as('last'))
    .where('settled_at', 'is not', null)
    .executeTakeFirstOrThrow()
  const due = await db
    .selectFrom('due_orders')
    .select((eb) => [eb.fn.countAll<number>().as('orders'), eb.fn.max<number | null>('due_at').as('last')])
    .executeTakeFirstOrThrow()
  return [dayAt(now, timeZone), id, settled.last, due.orders, due.last].join('/')
}
