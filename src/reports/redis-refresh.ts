// Brings what is in Redis up to the database, by absolute values: doing it twice, or after a lost time, changes nothing.
//
// Each refresh watches the mark from before it reads the database until it writes. So refreshes of several processes take
// effect one after the other, and none writes figures that are older than those it finds.
import type { Day } from '../domain/business-day.js'
import { readCachedName } from './redis-cache.js'
import { type Changes, readChanges } from './redis-changes.js'
import { rebuildRedis } from './redis-rebuild.js'
import { ScoreWriter } from './redis-scores.js'
import {
  boardKey,
  cachedKey,
  type Mark,
  markFields,
  markKey,
  type RedisStore,
  readMark,
  transact,
  watching,
} from './redis-store.js'

/** Each attempt that fails means that another process has succeeded. */
const MOST_ATTEMPTS = 5

/**
 * Afterwards Redis holds all that the database held at the call. Where it held nothing yet, lost something, or belongs to
 * another database, it is built anew.
 *
 * @returns the name of the figures that it is a copy of; undefined where others always came first
 */
export async function refreshRedis(store: RedisStore): Promise<string | undefined> {
  let rebuilt = false
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
    const outcome = await refreshOnce(store)
    if (outcome === 'overtaken') continue
    if (outcome !== 'everything') return outcome.salesId
    if (rebuilt) return undefined
    await rebuildRedis(store)
    rebuilt = true
  }
  return undefined
}

function refreshOnce(store: RedisStore): Promise<{ salesId: string } | 'everything' | 'overtaken'> {
  const { redis, db, prefix } = store
  return watching(store, [markKey(prefix), cachedKey(prefix)], async () => {
    const mark = readMark(await redis.hgetall(markKey(prefix)))
    if (!mark || !(await hasBoards(store, mark))) return 'everything'
    const changes = await readChanges(db, mark)
    if (changes === 'nothing') return mark
    if (changes === 'everything') return 'everything'
    return (await write(store, mark, changes)) ? mark : 'overtaken'
  })
}

/** A Redis that may evict keys may have lost a board; watched, so that it loses none before the end. */
async function hasBoards({ redis, prefix }: RedisStore, { boards }: Mark): Promise<boolean> {
  const keys = boards.filter(({ state }) => state === 'exact').map((board) => boardKey(prefix, board))
  if (keys.length === 0) return true
  await redis.watch(...keys)
  return (await redis.exists(...keys)) === keys.length
}

/** All of it or, where another process has written meanwhile, nothing. */
async function write({ redis, prefix }: RedisStore, mark: Mark, { progress, totals, days }: Changes): Promise<boolean> {
  const touched = (await redis.zrange(cachedKey(prefix), '0', '-1')).filter((name) => holdsOneOf(name, days))
  const commands = redis.multi()
  const scores = new ScoreWriter((board) => boardKey(prefix, board), mark.boards)
  for (const [kind, ofKind] of totals) scores.add(commands, kind, ofKind)
  if (touched.length > 0) {
    commands.unlink(...touched.map((name) => prefix + name)).zrem(cachedKey(prefix), ...touched)
  }
  commands.zremrangebyscore(cachedKey(prefix), '-inf', Date.now())
  commands.hset(markKey(prefix), markFields({ ...mark, ...progress, boards: scores.boards }))
  return (await transact(commands)) !== undefined
}

/** Whether what is cached under the name holds figures of one of the days. Those of the moment change with every order. */
function holdsOneOf(name: string, days: readonly Day[]): boolean {
  const cached = readCachedName(name)
  return (
    (cached?.kind !== 'range' && cached?.kind !== 'daily') || days.some((day) => cached.from <= day && day <= cached.to)
  )
}
