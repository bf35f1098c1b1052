// Compares everything in Redis with the database, and changes nothing.
import { setTimeout as sleep } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import type { Database } from '../database/connection.js'
import { type Check, MOST_EXAMPLES } from './audit.js'
import { DatabaseReports } from './database-reports.js'
import { checkBoards, LOOK_AGAIN_MS } from './redis-board-check.js'
import { type KpiQuestion, type KpiReport, NO_STATE, readCachedName, readKept, stateOfWork } from './redis-cache.js'
import { cachedKey, type RedisStore } from './redis-store.js'

export async function checkRedis(store: RedisStore): Promise<Check[]> {
  return [await checkBoards(store, 'customers'), await checkBoards(store, 'products'), await checkKpis(store)]
}

async function checkKpis(store: RedisStore): Promise<Check> {
  const { right, wrong } = await compareKpis(store)
  if (wrong.size > 0) await sleep(LOOK_AGAIN_MS)
  const still = wrong.size > 0 ? (await compareKpis(store)).wrong : wrong
  // Another text by now was kept after a refresh.
  const differing = [...wrong].filter(([name, text]) => still.get(name) === text).map(([name]) => name)
  const expected = right + wrong.size
  return {
    name: 'redis_kpis',
    about: 'KPIs that Redis keeps are those of the database',
    ok: differing.length === 0,
    expected,
    actual: expected - differing.length,
    differences: differing.length,
    examples: differing.slice(0, MOST_EXAMPLES),
  }
}

/** Of all that a report would answer with. What is wrong comes as it stands in Redis, by its name. */
async function compareKpis({ redis, db, prefix }: RedisStore) {
  const wrong = new Map<string, string>()
  let right = 0
  for (const name of await redis.zrange(cachedKey(prefix), '0', '-1')) {
    const question = readCachedName(name)
    const text = await redis.get(prefix + name)
    if (!question || text === null) continue
    const now = Date.now()
    const state = question.kind === 'realtime' ? await stateOfWork(db, now, question.timeZone) : NO_STATE
    const kept = readKept(text, state)
    if (!kept) continue
    if (isDeepStrictEqual(figuresOf(kept), figuresOf(await answerAfresh(db, question, now)))) right += 1
    else wrong.set(name, text)
  }
  return { right, wrong }
}

function answerAfresh(db: Database, question: KpiQuestion, now: number): Promise<KpiReport> {
  const reports = new DatabaseReports(db, question.timeZone)
  switch (question.kind) {
    case 'daily':
      return reports.daily(question.from)
    case 'range':
      return reports.range(question.from, question.to)
    case 'realtime':
      return reports.realtime(now)
  }
}

function figuresOf({ generatedAt: _, ...figures }: KpiReport) {
  return figures
}
