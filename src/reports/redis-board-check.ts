// Compares the boards in Redis with the database, member by member, and changes nothing.
//
// Orders are settled while it looks, so whatever differs is looked at again a second later, and counts only if it is no
// mere lag (see confirm).

import { setTimeout as sleep } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import { atOneMoment } from '../database/transaction.js'
import { inBatches } from '../domain/batches.js'
import { type Check, MOST_EXAMPLES } from './audit.js'
import { allTotals } from './redis-rebuild.js'
import { byCurrency } from './redis-scores.js'
import { type Board, type BoardKind, boardKey, markKey, type RedisStore, readMark } from './redis-store.js'
import { totalsOf } from './redis-totals.js'

/** Between the first look and the second at what differs. */
export const LOOK_AGAIN_MS = 1000

/** Members that are looked up together. */
const PAGE = 1000

type OneBoard = Pick<Board, 'kind' | 'currency'>

/** A member of a board as the database has it and as Redis has it; undefined where it is not there. */
interface Sight {
  readonly board: OneBoard
  readonly member: string
  readonly expected: number | undefined
  readonly actual: number | undefined
}

export async function checkBoards(store: RedisStore, kind: BoardKind): Promise<Check> {
  const { expected, suspects } = await compare(store, kind)
  if (suspects.length > 0) await sleep(LOOK_AGAIN_MS)
  const differing = await confirm(store, suspects)
  return {
    name: `redis_${kind}`,
    about: `the leaderboards of ${kind} in Redis are those of the database`,
    ok: differing.length === 0,
    expected,
    actual: differing.reduce((sum, sight) => sum - shareOf(kind, sight.expected) + actualShare(kind, sight), expected),
    differences: differing.length,
    examples: differing.slice(0, MOST_EXAMPLES).map(({ member }) => member),
  }
}

/** What a member adds to the sum of the database: units, or one for a customer, since no two currencies are added. */
function shareOf(kind: BoardKind, score: number | undefined): number {
  if (score === undefined) return 0
  return kind === 'customers' ? 1 : score
}

/** The same for Redis, where a customer counts if the score is right, or if there should be none at all. */
function actualShare(kind: BoardKind, { expected, actual }: Sight): number {
  return kind === 'customers' && expected !== undefined ? 0 : shareOf(kind, actual)
}

/** The database as of one moment with Redis as of now, a page at a time. */
function compare(store: RedisStore, kind: BoardKind): Promise<{ expected: number; suspects: Sight[] }> {
  return atOneMoment(store.db, async (snapshot) => {
    const { redis, prefix } = store
    const kept = readMark(await redis.hgetall(markKey(prefix)))?.boards.filter((board) => board.kind === kind) ?? []
    const beyond = new Set(kept.filter(({ state }) => state === 'beyond').map(({ currency }) => currency))
    const found = new Map(kept.map(({ currency }) => [currency, 0]))
    const suspects: Sight[] = []
    let expected = 0
    for await (const page of allTotals(snapshot, kind)) {
      for (const [currency, totals] of byCurrency(page)) {
        if (beyond.has(currency)) continue
        const sights = await see(redis, prefix, { kind, currency }, new Map(totals.map((t) => [t.member, t.score])))
        const there = sights.filter(({ actual }) => actual !== undefined)
        found.set(currency, (found.get(currency) ?? 0) + there.length)
        suspects.push(...sights.filter((sight) => sight.actual !== sight.expected))
        expected += totals.reduce((sum, { score }) => sum + shareOf(kind, score), 0)
      }
    }
    for (const [currency, members] of found) {
      const board = { kind, currency }
      if (beyond.has(currency) || (await redis.zcard(boardKey(prefix, board))) === members) continue
      suspects.push(...(await findStrangers({ ...store, db: snapshot }, board)))
    }
    return { expected, suspects }
  })
}

/** Members in Redis that the database does not have on that board. */
async function findStrangers({ redis, db, prefix }: RedisStore, board: OneBoard): Promise<Sight[]> {
  const strangers: Sight[] = []
  let cursor = '0'
  do {
    const [next, flat] = await redis.zscan(boardKey(prefix, board), cursor, 'COUNT', PAGE)
    cursor = next
    const scores = new Map(flat.flatMap((member, at) => (at % 2 === 0 ? [[member, Number(flat[at + 1])]] : [])))
    const known = await totalsOf(db, board.kind, { members: [...scores.keys()] })
    for (const { member, currency } of known) if (currency === board.currency) scores.delete(member)
    for (const [member, actual] of scores) strangers.push({ board, member, expected: undefined, actual })
  } while (cursor !== '0')
  return strangers
}

/**
 * Those that differ still, unless only because both have moved on in between: what Redis had before may be anything up to
 * what the database has now, and what it has now may be anything from what the database had before.
 */
async function confirm({ redis, db, prefix }: RedisStore, suspects: readonly Sight[]): Promise<Sight[]> {
  const differing: Sight[] = []
  for (const page of inBatches(suspects, PAGE)) {
    const boards = new Map(page.map(({ board }) => [boardKey(prefix, board), board]))
    for (const [key, board] of boards) {
      const before = page.filter((sight) => boardKey(prefix, sight.board) === key)
      const members = before.map(({ member }) => member)
      const totals = await totalsOf(db, board.kind, { members })
      const scores = new Map(totals.filter((t) => t.currency === board.currency).map((t) => [t.member, t.score]))
      const now = await see(redis, prefix, board, new Map(members.map((member) => [member, scores.get(member)])))
      differing.push(...now.filter((sight, index) => differs(before[index], sight)))
    }
  }
  return differing
}

function differs(before: Sight | undefined, now: Sight): boolean {
  if (now.actual === now.expected) return false
  const lacks = (now.actual ?? -1) < (before?.expected ?? -1)
  const exceeds = (before?.actual ?? -1) > (now.expected ?? -1)
  return lacks || exceeds
}

async function see(
  redis: Redis,
  prefix: string,
  board: OneBoard,
  expected: ReadonlyMap<string, number | undefined>,
): Promise<Sight[]> {
  const members = [...expected.keys()]
  const scores = await redis.zmscore(boardKey(prefix, board), members)
  return members.map((member, index) => {
    const score = scores[index] ?? null
    return { board, member, expected: expected.get(member), actual: score === null ? undefined : Number(score) }
  })
}
