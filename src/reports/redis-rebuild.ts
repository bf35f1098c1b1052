// Builds everything in Redis anew. Readers see the old boards until the new ones take their place, all at once.

import { randomUUID } from 'node:crypto'
import type { Database } from '../database/connection.js'
import { atOneMoment } from '../database/transaction.js'
import { nameOfSales, readProgress } from './redis-changes.js'
import { ScoreWriter } from './redis-scores.js'
import {
  BOARD_KINDS,
  type Board,
  type BoardKind,
  boardKey,
  cachedKey,
  type Mark,
  markFields,
  markKey,
  type RedisStore,
  readMark,
  transact,
  unfinishedKey,
  watching,
} from './redis-store.js'
import { highestId, totalsOf } from './redis-totals.js'

/** Customers or products that are read together. */
const PAGE = 1000

/** What a rebuild that was cut off leaves behind is gone after so long. */
const UNFINISHED_SECONDS = 600

/**
 * Whatever was settled while it was built is missing until the next refresh, which goes on from what the rebuild saw.
 */
export async function rebuildRedis(store: RedisStore): Promise<void> {
  const build = randomUUID()
  // Read before the figures: should they be written anew in between, the next refresh sees that the name is an old one.
  const salesId = await nameOfSales(store.db)
  const mark = await atOneMoment(store.db, async (snapshot) => ({
    salesId,
    ...(await readProgress(snapshot)),
    boards: await buildBoards({ ...store, db: snapshot }, build),
  }))
  while (!(await swap(store, build, mark))) {
    // Another process was quicker by a moment. What it brought must go, too.
  }
}

/** Every total in the database, a page at a time. */
export async function* allTotals(db: Database, kind: BoardKind) {
  const highest = await highestId(db, kind)
  for (let after = 0; after < highest; after += PAGE) {
    yield await totalsOf(db, kind, { after, upTo: after + PAGE })
  }
}

async function buildBoards({ redis, db, prefix }: RedisStore, build: string): Promise<Board[]> {
  const scores = new ScoreWriter((board) => unfinishedKey(prefix, build, board))
  for (const kind of BOARD_KINDS) {
    for await (const page of allTotals(db, kind)) {
      const commands = redis.pipeline()
      scores.add(commands, kind, page)
      for (const key of scores.keys) commands.expire(key, UNFINISHED_SECONDS)
      await transact(commands)
    }
  }
  return scores.boards
}

/** The new boards for the old ones, and nothing cached. False where another process changed something meanwhile. */
function swap(store: RedisStore, build: string, mark: Mark): Promise<boolean> {
  const { redis, prefix } = store
  return watching(store, [markKey(prefix), cachedKey(prefix)], async () => {
    const cached = await redis.zrange(cachedKey(prefix), '0', '-1')
    const before = readMark(await redis.hgetall(markKey(prefix)))
    const old = before?.boards.map((board) => boardKey(prefix, board)) ?? []
    const commands = redis.multi()
    commands.unlink(markKey(prefix), cachedKey(prefix), ...old, ...cached.map((name) => prefix + name))
    for (const board of mark.boards) {
      if (board.state === 'beyond') continue
      const key = boardKey(prefix, board)
      commands.rename(unfinishedKey(prefix, build, board), key).persist(key)
    }
    commands.hset(markKey(prefix), markFields(mark))
    return (await transact(commands)) !== undefined
  })
}
