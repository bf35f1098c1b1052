// Reads the boards: Redis says who is on top and who stands where, the database their names and figures.
import type { Currency } from '../domain/money.js'
import { currenciesByUse, findCustomer } from './leaderboards.js'
import {
  type Board,
  type BoardKind,
  boardKey,
  type Mark,
  markKey,
  type RedisStore,
  readMark,
  transact,
} from './redis-store.js'
import { type Total, totalsOf } from './redis-totals.js'
import type { CustomerRank, Leaderboard, LeaderboardQuery, OneCurrency, RankQuery } from './reports.js'

/** To read more members one by one takes longer than to ask the database for all. */
const MOST_MEMBERS = 1000

const EVERYTHING = { from: undefined, to: undefined }

/** A store whose boards were true of the named figures at the last refresh. */
export interface Boards extends RedisStore {
  readonly salesId: string
  /** Called where a currency's board is none that Redis can hold exactly. */
  readonly onBeyond: (board: Board) => void
}

/** Over all days, in the order of rank. Undefined where the database has to answer. */
export async function readTop(
  boards: Boards,
  kind: BoardKind,
  { currency: wanted, limit }: Pick<LeaderboardQuery, 'currency' | 'limit'>,
): Promise<Leaderboard<Total> | undefined> {
  const choice = limit > MOST_MEMBERS ? undefined : await chooseCurrency(boards, wanted)
  if (!choice) return undefined
  const { currency } = choice
  if (currency === null) return { ...choice, entries: [] }
  const members = await leadersOf(boards, { kind, currency }, limit)
  if (!members) return undefined
  const totals = await totalsOf(boards.db, kind, { members })
  const ranked = totals.filter((total) => total.currency === currency).sort(RANKING[kind])
  return { ...choice, entries: ranked.slice(0, limit) }
}

/** Over all days. Undefined where the database has to answer, also for a customer that it does not know. */
export async function readRank(
  boards: Boards,
  { customer, currency: wanted }: Pick<RankQuery, 'customer' | 'currency'>,
): Promise<CustomerRank | undefined> {
  const found = await findCustomer(boards.db, customer)
  const choice = await chooseCurrency(boards, wanted)
  if (!found || !choice || choice.currency === null) return undefined
  const place = await placeOf(boards, { kind: 'customers', currency: choice.currency }, customer)
  if (!place) return undefined
  const spent = { currency: choice.currency, minor: place.score }
  const { rank, of, orders } = place
  return { ...choice, customer, name: found.name, rank, of, orders, spent }
}

async function chooseCurrency(boards: Boards, wanted: Currency | undefined): Promise<OneCurrency | undefined> {
  const generatedAt = Date.now()
  if (wanted) return { currency: wanted, otherCurrencies: [], generatedAt }
  const mark = currentMark(boards, await boards.redis.hgetall(markKey(boards.prefix)))
  if (!mark) return undefined
  const kept = mark.boards.filter(({ kind }) => kind === 'customers').map(({ currency }) => currency)
  const [currency = null, ...otherCurrencies] = kept.length > 1 ? await currenciesByUse(boards.db, EVERYTHING) : kept
  return { currency, otherCurrencies, generatedAt }
}

type OneBoard = Pick<Board, 'kind' | 'currency'>

/** Those of the first `limit` ranks, and all who are level with the last of them. */
async function leadersOf(boards: Boards, board: OneBoard, limit: number): Promise<string[] | undefined> {
  const { redis, prefix } = boards
  const read = redis
    .multi()
    .hgetall(markKey(prefix))
    .zrange(boardKey(prefix, board), '0', String(limit + MOST_MEMBERS - 1), 'REV', 'WITHSCORES')
  const [fields, flat] = (await transact<[Record<string, string>, string[]]>(read)) ?? []
  if (!fields || !flat || !answers(boards, board, currentMark(boards, fields))) return undefined
  const leaders = flat.flatMap((member, index) => (index % 2 === 0 ? [{ member, score: Number(flat[index + 1]) }] : []))
  const last = leaders[limit - 1]
  if (!last) return leaders.map(({ member }) => member)
  const inside = leaders.filter(({ score }) => score >= last.score)
  const mayBeMore = inside.length === limit + MOST_MEMBERS
  return mayBeMore ? undefined : inside.map(({ member }) => member)
}

type Place = Pick<CustomerRank, 'rank' | 'of' | 'orders'> & { readonly score: number }

async function placeOf(boards: Boards, board: OneBoard, member: string): Promise<Place | undefined> {
  const { redis, prefix } = boards
  const key = boardKey(prefix, board)
  const score = await redis.zscore(key, member)
  const read = redis
    .multi()
    .hgetall(markKey(prefix))
    .zscore(key, member)
    .zcard(key)
    .zcount(key, `(${score ?? 0}`, '+inf')
    .zrange(key, score ?? '0', score ?? '0', 'BYSCORE', 'LIMIT', 0, MOST_MEMBERS + 1)
  type Replies = [Record<string, string>, string | null, number, number, string[]]
  const [fields, scoreThen, of, ahead, level] = (await transact<Replies>(read)) ?? []
  if (!fields || of === undefined || ahead === undefined || !level) return undefined
  if (!answers(boards, board, currentMark(boards, fields)) || scoreThen !== score) return undefined
  if (score === null) return { rank: null, of, orders: 0, score: 0 }
  if (level.length > MOST_MEMBERS) return undefined
  const totals = await totalsOf(boards.db, board.kind, { members: level })
  const peers = totals.filter(({ currency }) => currency === board.currency).sort(RANKING[board.kind])
  const own = peers.findIndex((total) => total.member === member)
  const total = peers[own]
  // An order was settled since the refresh: who was level may not be so any more.
  if (!total || peers.some((peer) => peer.score !== Number(score))) return undefined
  return { rank: ahead + own + 1, of, orders: total.orders, score: total.score }
}

/** Undefined where what is in Redis is no longer a copy of these figures. */
function currentMark({ salesId }: Boards, fields: Record<string, string>): Mark | undefined {
  const mark = readMark(fields)
  return mark?.salesId === salesId ? mark : undefined
}

/** Whether the board can be asked; one of a currency without sales can, and is empty. */
function answers({ onBeyond }: Boards, { kind, currency }: OneBoard, mark: Mark | undefined): boolean {
  const beyond = mark?.boards.find(
    (kept) => kept.kind === kind && kept.currency === currency && kept.state === 'beyond',
  )
  if (beyond) onBeyond(beyond)
  return mark !== undefined && !beyond
}

/** As Reports names them. */
const RANKING = {
  customers: (one: Total, other: Total) =>
    other.score - one.score || other.orders - one.orders || compareBytes(one.member, other.member),
  products: (one: Total, other: Total) => other.score - one.score || compareBytes(one.member, other.member),
}

/** The database's order of texts. */
function compareBytes(one: string, other: string): number {
  return Buffer.compare(Buffer.from(one), Buffer.from(other))
}
