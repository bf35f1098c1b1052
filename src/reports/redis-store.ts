// What is kept in Redis, under which names, and how it is read and changed as a whole.
import type { ChainableCommander, Redis } from 'ioredis'
import type { Database } from '../database/connection.js'
import { type Currency, isCurrency } from '../domain/money.js'

export interface RedisStore {
  readonly redis: Redis
  readonly db: Database
  /** What every key begins with. */
  readonly prefix: string
}

/** Who is ranked, and by what. */
export const BOARD_KINDS = ['customers', 'products'] as const
export type BoardKind = (typeof BOARD_KINDS)[number]

const MEASURES = { customers: 'spending', products: 'units' } as const

/** Sorted sets hold doubles: a board with a score that they cannot hold exactly is not kept. */
type BoardState = 'exact' | 'beyond'

export interface Board {
  readonly kind: BoardKind
  readonly currency: Currency
  readonly state: BoardState
}

export function boardKey(prefix: string, { kind, currency }: Pick<Board, 'kind' | 'currency'>): string {
  return `${prefix}leaderboard:${kind}:${MEASURES[kind]}:${currency}`
}

/** One that is being built beside the old one. */
export function unfinishedKey(prefix: string, build: string, board: Pick<Board, 'kind' | 'currency'>): string {
  return boardKey(`${prefix}building:${build}:`, board)
}

/** A hash: what the rest is true of. Everything that changes the rest changes it, too, so it is what to watch. */
export function markKey(prefix: string): string {
  return `${prefix}leaderboard:refreshed`
}

/** A sorted set: the names of the cached KPIs, by when they end (epoch milliseconds). */
export function cachedKey(prefix: string): string {
  return `${prefix}kpis:cached`
}

/** Up to where the database was read for what is in Redis, and which database. */
export interface Mark {
  /** The name of the sales figures that this is a copy of. */
  readonly salesId: string
  /** All that was settled up to here (epoch milliseconds) is in. */
  readonly settledAt: number
  /** How many orders were settled in the last moments before that: one more, and something came late. */
  readonly recent: number
  /** When the latest sale was settled, 0 before the first: it is missing from a database that was put back. */
  readonly latestSale: number
  readonly boards: readonly Board[]
}

export function markFields({ salesId, settledAt, recent, latestSale, boards }: Mark): Record<string, string | number> {
  const states = boards.map(({ kind, currency, state }) => [`${kind}:${currency}`, state])
  return { sales_id: salesId, settled_at: settledAt, recent, latest_sale: latestSale, ...Object.fromEntries(states) }
}

/** Undefined where there is none, or something else. */
export function readMark(fields: Readonly<Record<string, string>>): Mark | undefined {
  const { sales_id, settled_at, recent, latest_sale, ...states } = fields
  const numbers = { settledAt: Number(settled_at), recent: Number(recent), latestSale: Number(latest_sale) }
  if (!sales_id || !Object.values(numbers).every(Number.isSafeInteger)) return undefined
  const boards = Object.entries(states).map(([name, state]) => readBoard(name, state))
  return boards.includes(undefined)
    ? undefined
    : { salesId: sales_id, ...numbers, boards: boards.filter((board) => board !== undefined) }
}

function readBoard(name: string, state: string): Board | undefined {
  const [kindName, currency = ''] = name.split(':')
  const kind = BOARD_KINDS.find((known) => known === kindName)
  if (!kind || !isCurrency(currency) || (state !== 'exact' && state !== 'beyond')) return undefined
  return { kind, currency, state }
}

/**
 * What `transact` does inside `work` happens only if none of the keys changed since. Needs the connection to itself, and
 * one that is not made again by itself: a new one watches nothing.
 */
export async function watching<Result>(
  { redis }: RedisStore,
  keys: readonly string[],
  work: () => Promise<Result>,
): Promise<Result> {
  await redis.watch(...keys)
  try {
    return await work()
  } finally {
    await redis.unwatch()
  }
}

/** The commands' replies, all from one moment; undefined where a watched key had changed, and then nothing was done. */
export async function transact<Replies extends readonly unknown[]>(
  commands: ChainableCommander,
): Promise<Replies | undefined> {
  const results = await commands.exec().catch((error: unknown) => {
    throw firstCause(error)
  })
  if (results === null) return undefined
  const failure = results.find(([error]) => error !== null)?.[0]
  if (failure) throw failure
  return results.map(([, reply]) => reply) as unknown as Replies
}

/** A transaction that was given up because of one of its commands says so, and not why. */
function firstCause(error: unknown): unknown {
  const causes = error instanceof Error && 'previousErrors' in error ? error.previousErrors : undefined
  return Array.isArray(causes) ? (causes[0] ?? error) : error
}
